"""The simplest training there is, a student and nothing else on one benchmark, from recordings to the last product."""

import csv

import yaml

from tests.workflow.conftest import REPOSITORY, output


def test_a_student_alone_ends_in_all_products(snakemake):
    configuration = yaml.safe_load((REPOSITORY / "config" / "smoke.yaml").read_text())
    split = {"sequences": 2, "frames": 10}
    scenes = {"seed": 3, "width": 96, "height": 72, "train": split, "val": split, "test": split}
    configuration |= {"results": "results/own", "runs": ["student"], "controls": [], "figures": {"films": False}}
    configuration["benchmarks"] = {"coesot": {"simulation": scenes}}
    configuration["training"]["student"] |= {"epochs": 1, "samples": 4, "validation_samples": 2}
    (snakemake.folder / "own.yaml").write_text(yaml.safe_dump(configuration))
    answer = snakemake("--cores", "2", "--configfile", "own.yaml")
    assert answer.returncode == 0, output(answer)[-20_000:]
    results = snakemake.folder / "results" / "own"
    with (results / "tables" / "runs_coesot.csv").open() as file:
        (line,) = csv.DictReader(file)
    assert (line["run"], line["seed"]) == ("student", "0")
    assert "--teacher" not in line["command"]
    for product in ("report/index.html", "videos/coesot.webm", "notebooks/sequence.ipynb", "logs/mlflow_coesot.txt"):
        assert (results / product).is_file()
