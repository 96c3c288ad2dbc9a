"""The toy configuration from simulation to the executed notebook, and what a second run does."""

import csv
import hashlib
import json
import re
import sqlite3
import time

import pytest

from tests.workflow.conftest import REPOSITORY, Snakemake, output

SMOKE = ("--cores", "2", "--configfile", "config/smoke.yaml")
ROWS = ["teacher", "student", "hdetrack", "had_ta", "had_sa", "had", "static", "mil", "ground_truth"]


def digests(folder, pattern):
    files = sorted(folder.glob(pattern))
    assert files
    return {file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def runs_of(database):
    with sqlite3.connect(database) as connection:
        return connection.execute(
            "SELECT e.name, r.name, r.status FROM runs r JOIN experiments e USING (experiment_id)"
        ).fetchall()


def test_everything_is_made(finished):
    results = finished.folder / "results" / "smoke"
    for benchmark in ("eventvot", "coesot"):
        with (results / "tables" / f"main_{benchmark}.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert list(rows[0])[:4] == ["run", "SR", "PR", "NPR"]
        assert sorted(row["run"] for row in rows) == sorted(ROWS)
        assert all(0 <= float(row[score]) <= 1 for row in rows for score in ("SR", "PR", "NPR"))
        (truth,) = [row for row in rows if row["run"] == "ground_truth"]
        assert float(truth["SR"]) > 0.9
        assert (results / "videos" / f"{benchmark}.webm").stat().st_size > 10_000
        deciding = (results / "videos" / benchmark / "films.txt").read_text().split()
        assert deciding
        assert all((results / "videos" / benchmark / f"{name}.webm").stat().st_size > 10_000 for name in deciding)
        for name in ("success", "ablation", "losses", "strips", "responses"):
            assert (results / "figures" / f"{name}_{benchmark}.pdf").read_bytes().startswith(b"%PDF")
            assert (results / "figures" / f"{name}_{benchmark}.png").read_bytes().startswith(b"\x89PNG")
        assert "\\toprule" in (results / "tables" / f"ablation_{benchmark}.tex").read_text()
    page = (results / "report" / "index.html").read_text()
    assert "benchmark-coesot" in page
    assert "data:image/webp" in page
    assert "COCO-Object-Meeting" in (results / "tables" / "main_coesot.md").read_text()
    for notebook in ("ablation", "attributes", "sequence"):
        cells = json.loads((results / "notebooks" / f"{notebook}.ipynb").read_text())["cells"]
        assert any("image/png" in out.get("data", {}) for cell in cells for out in cell.get("outputs", []))
        assert notebook != "attributes" or "camera motion" in json.dumps(cells)  # what the abbreviations mean
    for benchmark in ("eventvot", "coesot"):
        explained = json.loads((results / "explain" / benchmark / "index.json").read_text())
        assert explained["seeds"] == {"teacher": 0, "student": 0, "had": 0}
        (sequence,) = explained["sequences"]
        assert (results / "explain" / benchmark / f"{sequence}.npz").is_file()
    assert not list(results.rglob("*.part*"))
    assert len(list(results.glob("lessons/*/*/*/index.json"))) == 2
    assert not list(results.glob("lessons/*/*/*/*.npy"))


def test_a_second_run_does_nothing(finished):
    before = digests(finished.folder / "results" / "smoke", "t*/**/*.*")
    begin = time.monotonic()
    answer = finished(*SMOKE)
    assert time.monotonic() - begin < 60
    assert answer.returncode == 0
    assert "Job stats" not in output(answer)
    assert "Nothing to be done" in output(answer)
    assert digests(finished.folder / "results" / "smoke", "t*/**/*.*") == before


def test_mlflow_has_every_run_once_even_after_a_step_is_repeated(finished):
    database = finished.folder / "results" / "smoke" / "mlflow.db"
    expected = {(b, f"{run}-seed0", "FINISHED") for b in ("eventvot", "coesot") for run in [*ROWS, "products"]}
    before = runs_of(database)
    assert len(before) == len(set(before))
    assert set(before) == expected
    answer = finished(*SMOKE, "--forcerun", "mlflow", "--", "results/smoke/logs/mlflow_coesot.txt")
    assert answer.returncode == 0, output(answer)
    assert sorted(runs_of(database)) == sorted(before)
    with sqlite3.connect(database) as connection:
        final = connection.execute(
            "SELECT r.name, m.key, m.value FROM latest_metrics m JOIN runs r USING (run_uuid)"
            " JOIN experiments e USING (experiment_id) WHERE e.name = 'coesot'"
        ).fetchall()
    assert {"SR", "PR", "NPR", "FPS"} <= {key for name, key, _ in final if name == "had-seed0"}
    with (finished.folder / "results" / "smoke" / "tables" / "cost_coesot.csv").open() as file:
        costs = {row["run"]: float(row["fps"]) for row in csv.DictReader(file)}
    logged = {name.removesuffix("-seed0"): value for name, key, value in final if key == "FPS"}
    assert logged == pytest.approx(costs)  # one number under one name; controls have none


def test_the_other_name_of_coesot_gives_the_same_table(finished):
    tables = finished.folder / "results" / "smoke" / "tables"
    answer = finished(*SMOKE, "--", "results/smoke/tables/main_coco-object-meeting.tex")
    assert answer.returncode == 0, output(answer)
    other, own = ((tables / f"main_{name}.tex").read_text() for name in ("coco-object-meeting", "coesot"))
    labels = [re.findall(r"label{tab:(.*?)}", text) for text in (other, own)]
    assert [*labels[0]] == ["main_coco-object-meeting", "main_coco-object-meeting-below"]
    assert not set(labels[0]) & set(labels[1])
    assert other.replace("tab:main_coco-object-meeting", "tab:main_coesot") == own


def test_the_report_is_one_file_made_without_a_network(finished):
    blocked = {name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")}
    answer = finished(*SMOKE[2:], "--report", "results/smoke/report/report.html", environment=blocked)
    assert answer.returncode == 0, output(answer)
    page = (finished.folder / "results" / "smoke" / "report" / "report.html").read_text()
    assert "ablation_eventvot.csv" in page
    assert "Hierarchical" in page or "hierarchical" in page


def test_the_same_seed_gives_the_same_tracks(finished, tmp_path):
    """Recordings, training and tracking of one benchmark, made again elsewhere, are equal to the byte."""
    again = Snakemake(tmp_path / "again")
    tracks = [f"results/smoke/tracks/eventvot/{run}/seed0/summary.json" for run in ("teacher", "had", "mil")]
    tracks.append("results/smoke/data/coesot/raw/test/list.txt")
    answer = again(*SMOKE, "--", *tracks)
    assert answer.returncode == 0, output(answer)
    for run in ("teacher", "had", "mil"):
        pattern = f"results/smoke/tracks/eventvot/{run}/seed0/sim_*[0-9].txt"
        assert digests(again.folder, pattern) == digests(finished.folder, pattern)
    pattern = "results/smoke/data/eventvot/raw/*/*/*.csv"
    assert digests(again.folder, pattern) == digests(finished.folder, pattern)
    coesot = "results/smoke/data/coesot/raw/test/**/*.*"  # events in AEDAT4, RGB images
    assert any(name.endswith(".aedat4") for name in digests(finished.folder, coesot))
    assert digests(again.folder, coesot) == digests(finished.folder, coesot)


def test_a_killed_workflow_goes_on_after_unlocking(finished):
    """What the docs promise after `kill -9`: unlock, then start again."""
    product = "results/smoke/tables/main_coesot.csv"
    (finished.folder / product).unlink()
    locks = finished.folder / ".snakemake" / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    (locks / "0.output.lock").write_text(f"{product}\n")
    refused = finished(*SMOKE, "--", product)
    assert refused.returncode == 1
    assert "--unlock" in output(refused)
    assert finished("--unlock", *SMOKE[2:]).returncode == 0
    answer = finished(*SMOKE, "--", product)
    assert answer.returncode == 0, output(answer)
    assert (finished.folder / product).is_file()


@pytest.mark.parametrize("notebook", ["ablation", "attributes", "sequence"])
def test_the_shipped_notebooks_read_results_only(notebook):
    """They draw with the evaluation, which loads no network; nothing below it is imported."""
    cells = json.loads((REPOSITORY / "notebooks" / f"{notebook}.ipynb").read_text())["cells"]
    code = "".join("".join(cell["source"]) + "\n" for cell in cells if cell["cell_type"] == "code")
    lines = [line.split()[1] for line in code.splitlines() if line.startswith(("import ", "from "))]
    ours = [name for name in lines if name.startswith("had")]
    assert ours
    assert all(name.startswith(("had.evaluation", "had.config", "had.data.layouts", "had.errors")) for name in ours)
    assert not {"torch", "mlflow"} & {name.partition(".")[0] for name in lines}


def test_crops_without_labels_are_distilled_on_top_of_what_is_there(finished):
    few = "regimes={few: {title: few, runs: [had], training: {sequences: 2}, distillation: {unlabelled: true}}}"
    weights = "results/smoke/checkpoints/coesot/had_few/seed0/model.safetensors"
    answer = finished("--cores", "2", "--configfile", "config/smoke.yaml", "--config", few, "--", weights)
    assert answer.returncode == 0, output(answer)[-20_000:]
    tracks = finished.folder / "results/smoke/pseudo_labels/coesot/seed0"
    assert len(list(tracks.glob("*_time.txt"))) == 4
    summary = json.loads((finished.folder / weights).with_name("summary.json").read_text())
    assert (summary["samples"], summary["steps"]) == (2 * 2 * 16, 2 * 4)


def test_starts_are_tracked_on_top_of_what_is_there(finished):
    """Only the new jobs run; OPE's tracks and scores stay the same bytes."""
    results = finished.folder / "results" / "smoke"
    before = digests(results, "tracks/coesot/**/*.txt")
    starts = ("--config", "tracking={starts: {scales: [0.8], shift: 0.1, runs: [had, static]}}")
    products = [f"results/smoke/{product}_coesot" for product in ("tables/robustness", "figures/robustness")]
    answer = finished(*SMOKE, *starts, "--", f"{products[0]}.csv", f"{products[1]}.png")
    assert answer.returncode == 0, output(answer)
    assert not re.search(r"^rule (track|track_control|evaluate|distill):", output(answer), flags=re.MULTILINE)
    assert digests(results, "tracks/coesot/**/*.txt") == before
    assert len(digests(results, "starts/coesot/had/seed0/*/sim_test_000[1-3].txt")) == 9 * 3
    with (results / "tables" / "robustness_coesot.csv").open() as file:
        rows = {row["run"]: row for row in csv.DictReader(file)}
    assert set(rows) == {"had", "static"}
    with (results / "tables" / "main_coesot.csv").open() as file:
        main = {row["run"]: row for row in csv.DictReader(file)}
    for run, row in rows.items():
        assert float(row["SR_ope"]) == float(main[run]["SR"])
        assert row["SR_ope_low"] == main[run]["SR_low"]
        assert row["starts"] == "9"
