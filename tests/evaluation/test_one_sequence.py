"""Of one sequence there are no intervals, and neither tables nor pictures speak of some."""

import re
from pathlib import Path

import pytest
from matplotlib.text import Text
from synthetic import PreparedSequence, experiment, write_baselines, write_results

from had.evaluation import style
from had.evaluation.figures import scenes
from had.evaluation.products import KINDS, write_product
from had.evaluation.tables import table

INTERVALS = re.compile(r"95 % intervals?(?! of the rank)|quartiles|\b1 sequences|\b1 test sequences")


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    folder = tmp_path_factory.mktemp("single")
    source = {"coesot": {"baselines": str(folder / "baselines.npz")}}
    options = {
        "evaluation": {"resamples": 20, "least_sequences": 1, "comparisons": [["had", "student"]]},
        "tracking": {"starts": {}},
    }
    one = experiment(folder, seeds=[0, 1], benchmarks=source, **options)
    truth = write_results(one, "coesot", sequences=1, frames=20)
    write_baselines(folder / "baselines.npz", [annotation.name for annotation in truth])
    return one, truth


@pytest.mark.parametrize("kind", ["main", "ablation"])
def test_notes_of_one_sequence_speak_of_intervals_only_to_say_that_there_are_none(single, kind):
    notes = " ".join(table(single[0], "coesot", kind).notes)
    assert "No intervals: one sequence says nothing of another one. Training seeds 0, 1, scores are" in notes
    assert notes.lower().count("intervals") == 1


@pytest.mark.parametrize("kind", KINDS["figure"])
def test_pictures_of_one_sequence_speak_of_no_intervals(kind, single, monkeypatch):
    monkeypatch.setattr(scenes, "load_split", lambda folder, split: [PreparedSequence(one) for one in single[1]])
    drawn = []
    monkeypatch.setattr(style, "save", lambda figure, stem: drawn.append(figure))
    write_product("figure", kind, experiment=single[0], benchmark="coesot", stem=Path("x"))
    assert not [text.get_text() for text in drawn[0].findobj(Text) if INTERVALS.search(text.get_text())]
