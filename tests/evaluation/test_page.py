"""The interactive page: what stands in the file, and what a person can do with it in a real browser."""

import base64
import itertools
import json
import math
import re
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from browser import CHROMIUM, Browser
from synthetic import PreparedSequence, experiment, write_results

from had.data.layouts import layout_of
from had.errors import DataError
from had.evaluation import attributes as by_attribute
from had.evaluation import tables
from had.evaluation.benchmark import gather
from had.evaluation.page import packing, scenes
from had.evaluation.page.write import write_page
from had.evaluation.rows import folder_of, rows_of, tracks_folder
from had.evaluation.score_files import without_scores, write_scores
from had.evaluation.scoreboard import scoreboard
from had.evaluation.video import write_video

REPOSITORY = Path(__file__).resolve().parents[2]
HOSTILE = "</script><script>throw Error('run')</script><!--<b>&amp;\u2028{{data}}"
"""A title as nobody would write it, in which everything is special somewhere."""
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="needs a browser: no chromium on the PATH (Debian, Ubuntu: apt install chromium)"
)


def prepared_split(truth):
    """Stands for `had.data.sequences.load_split`."""
    found = [PreparedSequence(annotation) for annotation in truth]
    for sequence, annotation in zip(found, truth, strict=True):
        sequence.annotation = annotation
    return found


def parts_of(path: Path) -> dict[str, dict]:
    """The data in a page, by the id of the element."""
    found = re.findall(
        r'<script type="application/json" id="([^"]+)">(.*?)</script>', path.read_text(), flags=re.DOTALL
    )
    return {name: json.loads(text) for name, text in found}


def unpacked(text: str, kind: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), kind)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A page of two benchmarks with seeds, a regime, an external tracker and a hostile title, from prepared frames."""
    folder = tmp_path_factory.mktemp("page")
    overrides = {
        "seeds": [0, 1],
        "regimes": {"few": {"title": "5 sequences", "runs": ["student", "had"]}},
        "external": {"other": str(folder / "other")},
        "runs": ["teacher", "student", "hdetrack", "had"],
        "evaluation": {"resamples": 500},
        "page": {"width": 160},
    }
    one = experiment(folder / "results", **overrides)
    run = one.runs["hdetrack"].model_copy(update={"title": HOSTILE})
    one = one.model_copy(update={"runs": {**one.runs, "hdetrack": run}})
    truth = {name: write_results(one, name, sequences=12, frames=20) for name in one.benchmarks}
    for name in truth:
        (one.results / "data" / name / "prepared" / "test").mkdir(parents=True)
        (one.results / "data" / name / "prepared" / "test" / "index.json").write_text("{}")
    (one.results / "videos").mkdir()
    (one.results / "videos" / "coesot.webm").touch()
    page = one.results / "report" / "index.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scenes, "load_split", lambda prepared, split: prepared_split(truth[prepared.parent.name]))
        write_page(one, page)
        second = folder / "again.html"
        write_page(one.model_copy(update={"page": one.page.model_copy(update={"megabytes": 0.15})}), second)
    return one, page, second


# --- the file ---------------------------------------------------------------------------------------


def test_the_page_has_the_numbers_of_the_tables(made):
    one, page, _ = made
    for benchmark in one.benchmarks:
        shown = parts_of(page)[f"benchmark-{benchmark}"]["subsets"][0]
        table = tables.table(one, benchmark, "main").data.set_index("run")
        for place, row in enumerate(rows_of(one)):
            for metric in ("SR", "PR", "NPR", "OP50"):
                assert shown["points"][metric][place] == pytest.approx(table.loc[row.run, metric], abs=1e-6)
            assert shown["low"]["SR"][place] == pytest.approx(table.loc[row.run, "SR_low"], abs=1e-6)
            assert shown["high"]["NPR"][place] == pytest.approx(table.loc[row.run, "NPR_high"], abs=1e-6)
            if not row.trained:
                assert shown["points"]["one_shot_iou"][place] is None


def test_attributes_seeds_and_differences_are_those_of_the_scoreboard(made):
    one, page, _ = made
    data, runs = parts_of(page)["benchmark-coesot"], [row.run for row in rows_of(one)]
    attributes = by_attribute.table(one, "coesot", "attributes").data.set_index("attribute")
    assert [subset["attribute"] for subset in data["subsets"]] == ["", *attributes.index]
    for subset in data["subsets"][1:]:
        line = attributes.loc[subset["attribute"]]
        assert subset["count"] == line["sequences"]
        assert subset["points"]["SR"][runs.index("had")] == pytest.approx(line["had"], abs=1e-6)
        assert subset["low"]["SR"][runs.index("had")] == pytest.approx(line["had_low"], abs=1e-6)
    table = gather(one, "coesot")
    board = scoreboard(table, one.evaluation)
    pairs = [(a, b) for i, a in enumerate(runs) for b in runs[i + 1 :]]
    found = data["pairs"]["PR"][pairs.index(("student", "had"))]
    assert found == pytest.approx(board.difference("student", "had", "PR"), abs=1e-6)
    column = sum(len(row.seeds) for row in rows_of(one)[: runs.index("had")]) + 1
    alone = scoreboard(table[(table["run"] == "had") & (table["seed"] == 1)], one.evaluation)
    assert data["subsets"][0]["seeds"]["NPR"][column] == pytest.approx(alone.point("had", "NPR"), abs=1e-6)


def test_single_sequences_and_curves_survive_their_packing(made):
    one, page, _ = made
    data = parts_of(page)["benchmark-eventvot"]
    columns = [(row.run, seed) for row in rows_of(one) for seed in row.seeds]
    values = unpacked(data["values"], "<u2").reshape(len(data["metrics"]), len(columns), len(data["sequences"]))
    table = pd.read_csv(one.results / "metrics" / "eventvot" / "had" / "seed1" / "per_sequence.csv")
    assert list(table["sequence"]) == data["sequences"]
    for metric, name in enumerate(data["metrics"]):
        assert values[metric, columns.index(("had", 1))] / packing.STEPS == pytest.approx(table[name], abs=6e-5)
    assert (values[data["metrics"].index("one_shot_iou"), columns.index(("static", 0))] == packing.MISSING).all()
    curves = unpacked(data["subsets"][0]["curves"]["overlap"], "<u2").reshape(-1, 21) / packing.STEPS
    assert curves.mean(axis=1) == pytest.approx(data["subsets"][0]["points"]["SR"], abs=6e-5)


def test_boxes_and_overlaps_are_those_of_the_tracks(made):
    one, page, _ = made
    scene, rows = parts_of(page)["benchmark-coesot"]["scenes"], rows_of(one)
    place = [row.run for row in rows].index("had")
    boxes = unpacked(scene["boxes"][2], "<i2").reshape(len(rows) + 1, len(scene["shown"][2]), 4) / packing.PIXEL_STEPS
    track = np.loadtxt(tracks_folder(one, "coesot", "had", 0) / "sim_002.txt")
    assert boxes[place + 1] == pytest.approx(track[scene["shown"][2]], abs=0.0501)
    values = unpacked(scene["overlaps"][2], np.uint8).reshape(len(rows), -1)
    truth = [row.run for row in rows].index("ground_truth")
    assert values.shape[1] == len(scene["moments"][2]) == 20
    assert (values[truth] == packing.OVERLAP_STEPS).all()
    absent = unpacked(scene["overlaps"][3], np.uint8).reshape(len(rows), -1)
    assert (absent[:, 10:14] == packing.NO_OVERLAP).all()
    assert scene["absent"][3]


def test_no_text_can_leave_its_element(made):
    _, page, _ = made
    text = page.read_text()
    titles = [row["title"] for row in parts_of(page)["about"]["rows"]]
    assert HOSTILE in titles
    assert "throw Error('run')</script>" not in text
    assert text.count("</script>") == text.count("<script")
    assert "{{" not in re.sub(r'<script type="application/json".*?</script>', "", text, flags=re.DOTALL)


def test_the_page_names_nothing_to_load(made):
    text = made[1].read_text()
    own = re.sub(r'<script type="application/json".*?</script>', "", text, flags=re.DOTALL)
    assert set(re.findall(r"https?://[^\"' ]+", own)) == {"http://www.w3.org/2000/svg"}  # a name, not an address
    assert "default-src 'none'" in text
    assert not re.search(r"@import|url\(|<(iframe|object|embed)\b|\bsrc=", own)


def test_frames_keep_within_their_budget_and_cover_the_range_of_scores(made):
    one, page, small = made
    whole, few = parts_of(page), parts_of(small)
    assert {len(frames) for frames in whole["pictures-coesot"].values()} == {one.page.frames}
    assert len(whole["pictures-coesot"]) == 12
    taken = sum(len(frame) for name in one.benchmarks for each in few[f"pictures-{name}"].values() for frame in each)
    assert 0 < taken <= 0.15e6
    assert 2 <= len(few["pictures-coesot"]) < 12
    table = gather(one, "coesot")
    mean = table[table["metric"] == "SR"].groupby("sequence")["value"].mean()
    assert {mean.idxmax(), mean.idxmin()} <= set(few["pictures-coesot"])
    assert whole["benchmark-coesot"]["values"] == few["benchmark-coesot"]["values"]


def test_any_beginning_of_the_order_covers_the_range():
    names = [f"s{i:03d}" for i in range(100)]
    order = scenes.in_order_of_spread(np.arange(100) / 100, names)
    assert sorted(order) == names
    assert order[:2] == ["s099", "s000"]
    for count in (6, 12, 25):
        ranks = sorted(int(name[1:]) for name in order[:count])
        assert max(np.diff(ranks)) <= 2 * math.ceil(100 / (count - 2))
    assert scenes.in_order_of_spread(np.array([0.5]), ["a"]) == ["a"]


def test_the_same_results_give_the_same_bytes_and_films_are_linked(made, tmp_path, monkeypatch):
    one, page, _ = made
    films = parts_of(page)["benchmark-coesot"]["films"]
    assert set(films.values()) == {"../videos/coesot.webm"}
    assert not parts_of(page)["benchmark-eventvot"]["films"]
    monkeypatch.setattr(scenes, "prepared", lambda experiment, benchmark: {})
    for name in ("a.html", "b.html"):
        write_page(one, tmp_path / name)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "b.html"]


def test_a_broken_frame_or_track_leaves_the_rest(tmp_path, monkeypatch, caplog):
    one = experiment(tmp_path / "results", runs={}, controls=["static"], external={"other": str(tmp_path / "other")})
    truth = write_results(one, "coesot", sequences=3, frames=10)
    one = one.model_copy(update={"benchmarks": {"coesot": one.benchmarks["coesot"]}})
    (tmp_path / "other" / "coesot" / "sim_001.txt").unlink()
    found = {sequence.name: sequence for sequence in prepared_split(truth)}

    def broken(index):
        raise DataError("an image", "none", "look for it")

    found["sim_002"].frame = broken
    monkeypatch.setattr(scenes, "prepared", lambda experiment, benchmark: found)
    write_page(one, tmp_path / "index.html")
    parts = parts_of(tmp_path / "index.html")
    assert set(parts["pictures-coesot"]) == {"sim_000", "sim_001"}
    values = unpacked(parts["benchmark-coesot"]["scenes"]["overlaps"][1], np.uint8).reshape(2, -1)
    assert (values[0] == packing.NO_OVERLAP).all()
    assert (values[1] != packing.NO_OVERLAP).any()
    assert "sim_002 has no frames" in caplog.text
    assert "sim_001.txt" in caplog.text


@pytest.fixture
def refused(tmp_path, monkeypatch):
    """A page with a tracker that could not be scored."""
    external = {"other": str(tmp_path / "other")}
    one = experiment(tmp_path / "results", runs={}, controls=["static"], external=external)
    write_results(one, "coesot", sequences=3, frames=10)
    one = one.model_copy(update={"benchmarks": {"coesot": one.benchmarks["coesot"]}})
    (one.results / "videos").mkdir()
    (one.results / "videos" / "coesot.webm").touch()
    folder = folder_of(one, "metrics", "coesot", "other", 0)
    write_scores([without_scores("other")], layout=layout_of("coesot"), output=folder)
    (folder / "refused.txt").write_text("other is not scored on COESOT: broken\n")
    monkeypatch.setattr(scenes, "prepared", lambda experiment, benchmark: {})
    write_page(one, tmp_path / "index.html")
    return tmp_path / "index.html"


def test_a_tracker_that_could_not_be_scored_is_a_row_without_scores_and_is_named(refused):
    data = parts_of(refused)["benchmark-coesot"]
    assert data["note"].endswith("other is not scored on COESOT: broken.")
    assert data["subsets"][0]["points"]["SR"][0] is None
    assert data["subsets"][0]["points"]["SR"][1] > 0
    curves = unpacked(data["subsets"][0]["curves"]["overlap"], "<u2").reshape(2, -1)
    assert (curves[0] == packing.MISSING).all()
    assert data["pairs"]["SR"] == [[None] * 4]
    assert len(data["films"]) == 1


def test_rows_that_are_not_there_are_one_sentence(tmp_path):
    with pytest.raises(DataError, match=r"no file .*per_sequence.csv"):
        write_page(experiment(tmp_path / "results"), tmp_path / "index.html")
    with pytest.raises(DataError, match="rows to show"):
        write_page(experiment(tmp_path / "results", runs={}, controls=[]), tmp_path / "index.html")
    assert not list(tmp_path.glob("*.html"))


def test_the_page_needs_no_torch():
    heavy = "torch", "mlflow", "matplotlib"
    code = f"import sys, had.evaluation.page.write; print([name for name in {heavy} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_an_installed_package_has_the_assets(tmp_path):
    pytest.importorskip("setuptools", minversion="77", reason="builds a wheel: needs setuptools 77")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, tmp_path)
    shutil.copytree(REPOSITORY / "had", tmp_path / "had", ignore=shutil.ignore_patterns("__pycache__"))
    build = "from setuptools import build_meta; print(build_meta.build_wheel('.'))"
    answer = subprocess.run([sys.executable, "-c", build], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    (wheel,) = tmp_path.glob("*.whl")
    inside = zipfile.ZipFile(wheel).namelist()
    for path in (REPOSITORY / "had" / "evaluation" / "page" / "assets").iterdir():
        assert f"had/evaluation/page/assets/{path.name}" in inside


# --- in a browser -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("browser") / "profile")
    yield browser
    browser.close()


@pytest.fixture
def browser(tab, made):
    """The page, opened anew from disk; afterwards nothing was complained about and nothing asked for."""
    tab.problems.clear()
    tab.requests.clear()
    tab.window(1400, 900)
    tab.open("about:blank")
    tab.open(made[1].as_uri())
    yield tab
    tab.ask("1")
    assert tab.problems == []
    asked = [address for address in tab.requests if not address.startswith(("data:", "about:"))]
    assert asked == [made[1].as_uri()]


def runs_shown(browser) -> list[str]:
    return browser.ask("[...document.querySelectorAll('#table tbody tr[data-run]')].map(line => line.dataset.run)")


def column(browser, head: str, table: str = "#table") -> list[str]:
    """The printed values under a head, of lines with a value."""
    return browser.ask(
        f"(() => {{ const heads = [...document.querySelectorAll('{table} thead th')];"
        f" const at = heads.findIndex(h => h.innerText.trim().startsWith({json.dumps(head)}));"
        f" return [...document.querySelectorAll('{table} tbody tr:not(.seed)')]"
        " .map(line => line.cells[at].firstChild?.textContent ?? ''); })()"
    )


@needs_chromium
def test_the_film_of_a_sequence_plays_inside_the_page(tab, tmp_path, monkeypatch):
    monkeypatch.setattr(scenes, "prepared", lambda experiment, benchmark: {})
    one = experiment(tmp_path / "re#sults?", runs=["student"], seeds=[0], controls=[])
    one = one.model_copy(update={"benchmarks": {"coesot": one.benchmarks["coesot"]}})
    (name,) = (annotation.name for annotation in write_results(one, "coesot", sequences=1, frames=10))
    frames = [np.full((90, 160, 3), 20 * k, np.uint8) for k in range(10)]
    write_video(one.results / "videos" / "coesot" / f"{name}.webm", frames=frames, tracks=[])
    write_page(one, tmp_path / "index.html")
    tab.problems.clear()
    tab.open((tmp_path / "index.html").as_uri())
    tab.click("[data-sequence] button")
    film = "document.querySelector('#scene video')"
    assert tab.ask(f"{film}.controls")
    tab.ask(f"{film}.muted = true; {film}.play().catch(() => 0); 0")
    seen = [0, 0]
    for _ in range(100):
        seen = tab.ask(f"[{film}.readyState, {film}.videoWidth]")
        if seen[0] >= 2:
            break
        time.sleep(0.1)
    assert seen[0] >= 2
    assert seen[1] == 640
    assert tab.problems == []


@needs_chromium
def test_one_seed_and_one_sequence_have_no_marks_no_p_and_no_interval(tab, tmp_path, monkeypatch):
    monkeypatch.setattr(scenes, "prepared", lambda experiment, benchmark: {})
    one = experiment(tmp_path / "results", runs=["teacher", "student", "had"], seeds=[0])
    one = one.model_copy(update={"benchmarks": {"coesot": one.benchmarks["coesot"]}})
    write_results(one, "coesot", sequences=1, frames=10)
    write_page(one, tmp_path / "index.html")
    tab.problems.clear()
    tab.open((tmp_path / "index.html").as_uri())
    sentence = "With one training seed these scores tell networks from baselines, not rows from each other"
    assert sentence in tab.ask("document.getElementById('above').innerText")
    assert tab.ask("document.querySelectorAll('#table .best, #table .second').length") == 0
    assert "bold" not in tab.ask("document.getElementById('shown').innerText")
    assert set(tab.ask("[...document.querySelectorAll('#table .interval')].map(cell => cell.innerText)")) == {"–"}
    difference = tab.ask("document.getElementById('difference').innerText")
    assert "ΔSR" in difference
    assert not any(sign in difference for sign in ("[", "p =", "p <", "corrected"))
    assert tab.problems == []


@needs_chromium
def test_a_row_without_scores_can_be_chosen_and_pointed_at(tab, refused):
    tab.problems.clear()
    tab.open(refused.as_uri())
    tab.click('#table tr[data-run="other"] button.pick')
    tab.point("#plot")
    assert "other" in tab.ask("document.getElementById('legend').innerText")
    assert column(tab, "SR")[-1] == "–"
    assert "other is not scored on COESOT: broken." in tab.ask("document.getElementById('note').textContent")
    assert "3 sequences" in tab.ask("document.getElementById('subset').innerText")
    tab.click("[data-sequence] button")
    meanings = tab.ask("Object.values(current().data.meanings)")
    assert any(meaning in tab.ask("document.querySelector('.facts').textContent") for meaning in meanings)
    assert tab.problems == []


@needs_chromium
def test_the_table_is_sorted_by_every_column_both_ways(browser, made):
    board = scoreboard(gather(made[0], next(iter(made[0].benchmarks))), made[0].evaluation)
    assert runs_shown(browser) == sorted(board.runs, key=lambda run: -board.point(run, "SR"))
    keys = browser.ask("[...document.querySelectorAll('#table thead button')].map(button => button.dataset.sort)")
    heads = browser.ask("[...document.querySelectorAll('#table thead th')].map(head => head.innerText)")
    assert column(browser, "SA")[runs_shown(browser).index("had")] == "✓"
    assert {"title", "kind", "SR", "PR", "NPR", "OP50", "one_shot_iou", "fps", "parameters", "seeds"} <= set(keys)
    for key, head in zip(keys, heads, strict=True):
        if key in ("title", "kind", "hierarchical", "TA", "SA", "box"):
            continue
        for _ in range(2):
            browser.click(f'#table thead [data-sort="{key}"]')
            state = browser.ask("document.querySelector('#table thead [aria-sort]').getAttribute('aria-sort')")
            assert browser.ask("document.querySelectorAll('#table thead [aria-sort]').length") == 1
            printed = column(browser, head.strip())
            values = [float(text) for text in printed if text not in ("–", "")]
            assert values == sorted(values, reverse=state == "descending"), head
            assert printed[len(values) :] == ["–"] * (len(printed) - len(values))  # unknown ones last
    browser.click('#table thead [data-sort="title"]')
    names = column(browser, "Run")
    assert browser.ask("document.querySelector('#table [data-sort=title]') === document.activeElement")
    assert len(names) == len(board.runs)


@needs_chromium
def test_words_kinds_and_attributes_filter(browser, made):
    rows = rows_of(made[0])
    browser.click("#filter")
    browser.type("student 5 seq")
    assert set(runs_shown(browser)) == {row.run for row in rows if row.regime}
    assert f"2 of {len(rows)} rows" in browser.ask("document.getElementById('shown').innerText")
    browser.ask("document.getElementById('filter').select()")
    browser.type("no such run")
    assert runs_shown(browser) == []
    assert "nothing matches" in browser.ask("document.getElementById('shown').innerText")
    browser.ask("document.getElementById('filter').select()")
    browser.press("Delete", 46)
    assert len(runs_shown(browser)) == len(rows)
    browser.click('[data-group="control"]')
    assert set(runs_shown(browser)) == {row.run for row in rows if row.kind != "control"}
    browser.click('[data-group="control"]')
    benchmark = next(iter(made[0].benchmarks))
    line = by_attribute.table(made[0], benchmark, "attributes").data.iloc[1]
    browser.ask(
        f"(() => {{ const e = document.getElementById('subset'); e.value = {json.dumps(line['attribute'])};"
        " e.dispatchEvent(new Event('change')); })()"
    )
    shown = dict(zip(runs_shown(browser), column(browser, "SR"), strict=True))
    assert shown["had"] == f"{line['had']:.3f}"
    assert browser.ask("document.querySelectorAll('#sequences tbody tr').length") == line["sequences"]


@needs_chromium
def test_pointing_raises_a_curve_and_reads_it(browser, made):
    assert browser.ask("document.querySelectorAll('#plot .curve.chosen').length") == 2
    browser.point('#table tr[data-run="teacher"] th')
    assert browser.ask("document.querySelector('#plot .hovered[data-curve]').dataset.curve") == "teacher"
    assert browser.ask("document.querySelectorAll('#plot .curve.seed').length") == 2
    browser.point("#plot svg", across=0.55, down=0.3)
    browser.wait("document.querySelector('#plot .cursor') !== null")
    assert "IoU threshold: 0." in browser.ask("document.getElementById('legend').innerText")
    browser.click("#plots label:nth-of-type(2)")
    browser.ask("document.getElementById('plot').focus()")
    for _ in range(21):
        browser.press("ArrowRight", 39)
    legend = browser.ask("document.getElementById('legend').innerText")
    board = scoreboard(gather(made[0], next(iter(made[0].benchmarks))), made[0].evaluation)
    assert "Precision; Centre error threshold (px): 20" in legend
    assert f"{board.point('had', 'PR'):.3f}" in legend


@needs_chromium
def test_seeds_open_and_rows_are_chosen_with_the_keyboard(browser, made):
    browser.click('#table tr[data-run="had"] .expand')
    assert browser.ask("[...document.querySelectorAll('#table .seed th')].map(cell => cell.innerText)") == [
        "seed 0",
        "seed 1",
    ]
    assert browser.ask("document.querySelector('tr[data-run=had] .expand').getAttribute('aria-expanded')") == "true"
    browser.ask("document.querySelector('#table tr[data-run=other] button.pick').focus()")
    browser.press("Enter", 13)
    assert browser.ask("document.querySelector('tr[data-run=other]').className").startswith("selected")
    assert browser.ask("document.querySelector('tr[data-run=other] button.pick') === document.activeElement")
    assert "other" in browser.ask("location.hash")


@needs_chromium
def test_a_sequence_opens_with_boxes_overlaps_and_scores(browser, made):
    differences = column(browser, "Difference", "#sequences")
    text = browser.ask(
        "[...document.querySelectorAll('#sequences tbody tr')].map(line => line.cells[line.cells.length - 1].innerText)"
    )
    values = [float(value.replace("−", "-")) for value in text]
    assert len(differences) == 12
    assert values == sorted(values, reverse=True)
    browser.click("#sequences tbody tr:nth-child(3) button")
    name = browser.ask("document.querySelector('#sequences tr.selected button').innerText")
    assert browser.ask("document.querySelector('#scene h3').innerText") == name
    browser.wait(
        "[...document.querySelectorAll('#scene img')].every(image => image.complete && image.naturalWidth === 160)"
    )
    assert browser.ask("document.querySelectorAll('#scene img').length") == made[0].page.frames
    assert browser.ask("document.querySelectorAll('#scene [data-box=had]').length") == made[0].page.frames
    browser.click('#scene-table tr[data-row="0"] button')
    assert browser.ask("document.querySelectorAll('#scene [data-box=teacher]').length") == made[0].page.frames
    assert len(column(browser, "SR", "#scene-table")) == len(rows_of(made[0]))
    browser.ask("document.querySelector('#sequences tr.selected button').focus()")
    browser.press("ArrowDown", 40)
    other = browser.ask("document.querySelector('#scene h3').innerText")
    assert other != name
    address = browser.ask("location.href")
    browser.open("about:blank")
    browser.open(address)
    assert browser.ask("document.querySelector('#scene h3').innerText") == other
    browser.requests[:] = browser.requests[:1]  # the same file, asked for a second time by this test


@needs_chromium
def test_the_other_benchmark_and_hostile_titles_are_shown(browser, made):
    browser.click("#benchmarks label:nth-of-type(2)")
    second = list(made[0].benchmarks)[1]
    board = scoreboard(gather(made[0], second), made[0].evaluation)
    shown = dict(zip(runs_shown(browser), column(browser, "SR"), strict=True))
    assert shown == {run: f"{board.point(run, 'SR'):.3f}" for run in board.runs}
    label = browser.ask("document.querySelector('tr[data-run=hdetrack] button.pick').textContent")
    assert label == HOSTILE
    assert "not corrected" in browser.ask("document.getElementById('sentences').textContent")


@needs_chromium
@pytest.mark.parametrize(("width", "height"), [(1400, 900), (390, 844)])
def test_nothing_sticks_out_of_the_window(browser, width, height):
    browser.window(width, height, dark=True)
    browser.click("#sequences tbody tr:nth-child(1) button")
    assert browser.ask("document.documentElement.scrollWidth") <= width
    assert browser.ask("getComputedStyle(document.body).backgroundColor") == "rgb(21, 23, 26)"


@needs_chromium
@pytest.mark.parametrize("frames", [2, 123, 12345])
@pytest.mark.parametrize("width", [1400, 390])
def test_the_numbers_below_the_overlaps_are_whole_and_apart(browser, frames, width):
    """As if the first sequence had so many frames, of which six are shown."""
    browser.window(width, 900)
    browser.ask(
        f"(() => {{ const {{ scenes }} = current().data; const last = {frames} - 1; scenes.frames[0] = last + 1;"
        " const to = scenes.moments[0].length - 1; scenes.moments[0] = scenes.moments[0].map((_, i) => last * i / to);"
        " scenes.shown[0] = [...new Set([0, 1, 2, 3, 4, 5].map(i => Math.round(last * i / 5)))]; openSequence(0); })()"
    )
    plot = "document.querySelector('#scene > svg')"
    found = browser.ask(
        f"[...{plot}.querySelectorAll('text')].map(text => {{ const b = text.getBBox();"
        " return [text.textContent, b.x, b.x + b.width, b.y]; })"
    )
    wide = browser.ask(f"{plot}.viewBox.baseVal.width")
    assert all(0 <= left < right <= wide for _, left, right, _ in found), found
    line = max(found, key=lambda one: one[0] == str(frames))
    assert line[0] == str(frames)
    numbers = sorted(one[1:3] for one in found if one[3] == line[3])
    assert all(before[1] < after[0] for before, after in itertools.pairwise(numbers)), numbers
