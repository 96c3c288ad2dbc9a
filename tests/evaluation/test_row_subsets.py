"""Every subset of rows ends in its products: tables, figures, page, notebooks and the scores that MLflow gets."""

import json
import random
from pathlib import Path

import IPython.display
import pytest
from matplotlib.figure import Figure
from synthetic import PreparedSequence, experiment, write_results

from had.config import dump
from had.data.layouts import LAYOUTS
from had.errors import ConfigError
from had.evaluation import style
from had.evaluation.figures import scenes
from had.evaluation.final import final_scores
from had.evaluation.page.write import write_page
from had.evaluation.products import applicable, write_product
from had.evaluation.rows import rows_of
from had.evaluation.study import _command

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
RUNS = ["teacher", "student", "hdetrack", "had_ta", "had_sa", "had"]
SINGLE = {
    "student": {"runs": ["student"]},
    "student, nothing else": {"runs": ["student"], "controls": []},
    "teacher": {"runs": ["teacher"], "controls": []},
    "distilled": {"runs": ["had", "teacher"], "controls": ["mil"], "seeds": [3, 4]},
    "ground truth": {"runs": {}, "controls": ["ground_truth"]},
    "others": {"runs": {}, "controls": [], "external": {"Other": "theirs"}},
}


def drawn(seed) -> tuple[dict, str, int, bool]:
    """Rows, seeds and comparisons by chance; the benchmark, its number of sequences, whether they have attributes."""
    chance = random.Random(seed)
    runs = [run for run in RUNS if chance.random() < 0.4]
    if set(runs) - {"teacher", "student"} and "teacher" not in runs:
        runs.append("teacher")
    chance.shuffle(runs)
    controls = [control for control in ("static", "mil", "ground_truth") if chance.random() < 0.35]
    external = {name: f"others/{name}" for name in ("Other", "lag7") if chance.random() < 0.3}
    options = {"runs": runs or {}, "controls": controls, "external": external, "seeds": chance.choice([[0], [1, 2]])}
    rows, students = [*runs, *controls, *external], [run for run in runs if run != "teacher"]
    if runs and chance.random() < 0.3:
        options["run_seeds"] = {chance.choice(runs): [5]}
    elif len(rows) > 1 and chance.random() < 0.5:
        options["evaluation"] = {"comparisons": [chance.sample(rows, 2)]}
    if students and chance.random() < 0.3:
        regime = {"title": "few", "training": {"sequences": 2}, "runs": [chance.choice(students)]}
        options["regimes"] = {"few": regime}
    if chance.random() < 0.3:
        options["tracking"] = {"starts": {}}
    if rows and chance.random() < 0.3:
        options["figures"] = {"runs": [chance.choice(rows)]}
    return options, chance.choice(list(LAYOUTS)), chance.choice([1, 2, 5]), chance.random() < 0.8


def made(folder, options, benchmark="coesot", sequences=3, attributes=True):
    """The experiment with its tracks and scores; the test sequences."""
    external = {name: str(folder / path) for name, path in options.get("external", {}).items()}
    evaluation = {**options.get("evaluation", {}), "resamples": 20}
    options = {**options, "external": external, "evaluation": evaluation}
    one = experiment(folder / "results", **options)
    source = {benchmark: one.benchmarks["coesot"]}
    one = one.model_copy(update={"benchmarks": source})
    (one.results / "metrics" / benchmark).mkdir(parents=True)
    return one, write_results(one, benchmark, sequences=sequences, frames=12, attributes=attributes)


def make(one, what, benchmark):
    for kind in applicable(what, one, benchmark):
        write_product(
            what, kind, experiment=one, benchmark=benchmark, stem=one.results / f"{what}s" / f"{kind}_{benchmark}"
        )


@pytest.mark.parametrize("seed", range(10))
def test_drawn_rows_end_in_tables_page_and_scores(tmp_path, seed):
    options, benchmark, sequences, attributes = drawn(seed)
    one, _ = made(tmp_path, options, benchmark, sequences, attributes)
    make(one, "table", benchmark)
    if rows_of(one):
        assert len(final_scores(one, benchmark)) == sum(len(row.seeds) for row in rows_of(one))
        write_page(one, tmp_path / "page.html")


@pytest.mark.parametrize("rows", SINGLE)
def test_single_rows_end_in_every_product(tmp_path, monkeypatch, rows):
    one, truth = made(tmp_path, SINGLE[rows], sequences=1 if "else" in rows else 3)
    monkeypatch.setattr(scenes, "load_split", lambda folder, split: [PreparedSequence(each) for each in truth])
    monkeypatch.setattr(style, "save", lambda figure, stem: figure.draw_without_rendering())
    for what in ("table", "figure"):
        make(one, what, "coesot")
    write_page(one, tmp_path / "page.html")
    (one.results / "config.yaml").write_text(dump(one))
    shown = []
    monkeypatch.setattr(IPython.display, "display", shown.append)
    names = ["ablation"] * bool(one.runs) + ["attributes"] + ["sequence"] * bool(one.runs or one.controls)
    for name in names:
        cells = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text())["cells"]
        code = "".join("".join(cell["source"]) + "\n" for cell in cells if cell["cell_type"] == "code")
        code = "".join(line for line in code.splitlines(True) if not line.startswith("%"))
        exec(code.replace('"../results"', repr(str(one.results))), {})
        assert any(isinstance(each, Figure) for each in shown)
        shown.clear()


def test_the_command_of_an_undistilled_student_names_no_teacher(tmp_path):
    one = experiment(tmp_path, runs=["student"])
    assert "--teacher" not in _command(one, "coesot", "student", 0)


def test_planned_pairs_without_a_common_seed_are_refused_before_anything_is_trained(tmp_path):
    seeds = {"seeds": [0], "run_seeds": {"had": [1]}}
    with pytest.raises(ConfigError, match="had and student, which have no seed in common"):
        experiment(tmp_path, **seeds, evaluation={"comparisons": [["had", "student"]]})
    assert "sequences" not in applicable("table", experiment(tmp_path, **seeds), "coesot")
