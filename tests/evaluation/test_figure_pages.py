"""Every figure is a page that a paper can take: nothing lies outside of it, no words lie on words, no type is tiny."""

from importlib import import_module

import pandas as pd
import pytest
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from synthetic import PreparedSequence, experiment, write_baselines, write_results

from had.evaluation import style
from had.evaluation.figures import comparisons, scenes
from had.evaluation.figures.labels import short
from had.evaluation.products import KINDS, applicable
from had.evaluation.rows import profile_file, rows_of

LONG = "A-tracker-of-a-very-long-name_"
ROWS = {
    1: {"runs": [], "controls": []},
    2: {"runs": ["teacher", "student"], "controls": []},
    20: {"regimes": {"few": {"title": "only 5 labelled sequences"}}},
}
"""Rows, and the configuration that has so many together with external trackers of long names."""
EXTERNAL = {1: 1, 2: 0, 20: 6}
NOT_MADE = {
    1: {"ablation", "losses", "responses", "speed", "comparisons", "robustness", "strips", "failures", "sequences"},
    2: {"comparisons", "sequences"},
    20: set(),
}
"""What these rows give nothing to show in."""


@pytest.fixture(scope="module", params=ROWS)
def made(request, tmp_path_factory):
    folder, rows = tmp_path_factory.mktemp("results"), request.param
    planned = [["had", "student"], ["had", "hdetrack"], ["had_sa", "had_ta"], ["teacher", "student"]]
    one = experiment(
        folder / "results",
        seeds=[0, 1],  # networks of one have no ranks
        external={f"{LONG}{k}{'x' * 9 * (k % 2)}": str(folder / f"theirs{k}") for k in range(EXTERNAL[rows])},
        benchmarks={"coesot": {"baselines": str(folder / "baselines.npz")}},
        evaluation={"resamples": 50, "least_sequences": 3, "comparisons": planned if rows == 20 else []},
        tracking={"starts": {}},
        **ROWS[rows],
    )
    assert len(rows_of(one)) == rows
    truth = write_results(one, "coesot", sequences=16, frames=12)
    write_baselines(folder / "baselines.npz", [sequence.name for sequence in truth], [f"Known{k}" for k in range(15)])
    if one.runs:
        profile = pd.read_csv(profile_file(one, "coesot"))
        profile["fps"] *= 1 + 0.06 * profile.index  # near one another, but not one speed
        profile.to_csv(profile_file(one, "coesot"), index=False)
    return one, truth


def words(drawn):
    """All texts that a figure shows as it is saved, each with its extent in pixels."""
    style.settle(drawn)
    renderer = FigureCanvasAgg(drawn).get_renderer()
    drawn.draw_without_rendering()
    hidden = set()
    for axis in drawn.findobj(Axis):
        shown = set(axis._update_ticks()) if axis.axes.axison else set()
        for tick in {*axis.get_major_ticks(), *axis.get_minor_ticks()} - shown:
            hidden |= {tick.label1, tick.label2}
        hidden |= set() if axis.axes.axison else {axis.label}
    texts = [text for text in drawn.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return [(text, text.get_window_extent(renderer)) for text in texts if text not in hidden]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", KINDS["figure"])
def test_words_lie_on_the_page_and_on_no_other_words(kind, made, monkeypatch):
    one, truth = made
    if kind in NOT_MADE[len(rows_of(one))]:
        assert kind not in applicable("figure", one, "coesot")
        return
    monkeypatch.setattr(scenes, "load_split", lambda folder, split: [PreparedSequence(sequence) for sequence in truth])
    monkeypatch.setitem(style._SETTINGS, "savefig.dpi", 100)
    with style.applied():
        drawn = import_module(f"had.evaluation.{KINDS['figure'][kind]}").draw(one, "coesot", kind)
        found = words(drawn)
    assert drawn.get_figwidth() in (style.COLUMN, style.PAGE)
    assert len(found) > 4
    page = drawn.bbox
    for number, (text, place) in enumerate(found):
        name = text.get_text()
        assert text.get_fontsize() >= style.LEAST_TYPE, name
        assert min(place.x0, place.y0, page.x1 - place.x1, page.y1 - place.y1) >= -1, (name, place)
        for other, taken in found[:number]:
            width = min(place.x1, taken.x1) - max(place.x0, taken.x0)
            height = min(place.y1, taken.y1) - max(place.y0, taken.y0)
            assert min(width, height) <= 2, (name, other.get_text())


def test_long_names_keep_what_tells_them_apart():
    assert short("HAD (TA + SA)") == "HAD (TA + SA)"
    names = [f"{'a name without end ' * 3}{number:03d}" for number in range(3)]
    assert {len(short(name)) for name in names} == {40}
    assert len({short(name) for name in names}) == 3


def test_each_of_two_long_names_of_a_pair_is_shortened_and_the_minus_stays(tmp_path):
    names = [f"{'a_tracker_of_a_name_without_end_' * 2}{end}" for end in ("one", "two")]
    external = {name: str(tmp_path / name) for name in (*names, "lag7")}
    evaluation = {"resamples": 20, "comparisons": [names, [names[0], "lag7"]]}
    one = experiment(tmp_path / "results", external=external, evaluation=evaluation, runs={}, controls=[])
    write_results(one, "coesot", sequences=4, frames=12)
    with style.applied():
        axes = comparisons.draw(one, "coesot", "comparisons").axes[0]
    first, second = map(short, names)
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == [f"{first}\n− {second}", f"{first} − lag7"]
