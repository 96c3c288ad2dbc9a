"""The workflow as a module of another one: its configuration, its folder of results, nothing in the project."""

import subprocess
import sys

import pytest
import yaml

from tests.workflow.conftest import REPOSITORY, output

CALLER = """
configfile: "mine.yaml"

rule all:
    input:
        "elsewhere/out/tables/main_coesot.csv",

module had:
    snakefile:
        "{repository}/workflow/Snakefile"
{more}

use rule * from had as had_*
"""
SPLIT = {"sequences": 1, "frames": 8}
SCENES = {"seed": 3, "width": 96, "height": 72, "train": SPLIT, "val": SPLIT, "test": SPLIT}


@pytest.fixture
def caller(tmp_path):
    mine = {"results": "elsewhere/out", "runs": {}, "controls": ["static"], "evaluation": {"resamples": 10}}
    mine["benchmarks"] = {"coesot": {"simulation": SCENES}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(mine))

    def call(*arguments, more="    config: config"):
        (tmp_path / "Snakefile").write_text(CALLER.format(repository=REPOSITORY, more=more))
        command = [sys.executable, "-m", "snakemake", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    return call


def contents(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*")) if folder.is_dir() else []


def test_it_reads_the_callers_configuration_and_writes_into_the_callers_folder(caller, tmp_path):
    before = contents(REPOSITORY / "results")
    plan = caller("-n")
    assert plan.returncode == 0, output(plan)
    assert "had_simulate" in output(plan)
    assert "elsewhere/out/tables/main_coesot.csv" in output(plan)
    assert "train_teacher" not in output(plan)
    assert "eventvot" not in output(plan)
    answer = caller("--cores", "2")
    assert answer.returncode == 0, output(answer)[-10_000:]
    assert "static" in (tmp_path / "elsewhere" / "out" / "tables" / "main_coesot.csv").read_text()
    assert "Nothing to be done" in output(caller("-n"))
    assert contents(REPOSITORY / "results") == before
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ("", "`config: config` in the module statement"),
        (
            "    config: {'runs': ['student'], 'seeds': [-1], 'benchmarks': {'coesot': {'simulation': {}}}}",
            "seeds must be",
        ),
        ("    config: config\n    prefix: 'theirs'", "expected no prefix in its statement"),
    ],
    ids=["no configuration", "a wrong one", "prefix"],
)
def test_what_cannot_be_is_one_sentence(caller, tmp_path, more, sentence):
    answer = caller("-n", more=more)
    assert answer.returncode
    assert sentence in output(answer)
    assert "Traceback" not in output(answer)
    assert not (tmp_path / "elsewhere").exists()
