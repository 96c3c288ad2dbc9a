"""`make demo` and what it makes of names that a shell would read, and of the locks of a killed run."""

import json
import os
import shlex
import subprocess
import sys
import time

import pytest

from tests.workflow.conftest import REPOSITORY

CONTENT = "runs: {}\nbenchmarks: {coesot: {simulation: {}}}\nresults: "
HOSTILE = [
    "$(touch x)",
    "`touch x`",
    "$(shell touch x)",
    "a;touch x;",
    "my results",
    "it's",
    'say "this"',
    "$HOME/$$x",
    "a#b",
    "[a]: b",
    "null",
    "100%*?",
]
STANDIN = """
import json, pathlib, sys
with open("calls.txt", "a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
for argument in sys.argv:
    if argument.startswith("--report="):
        pathlib.Path(argument.removeprefix("--report=")).write_text("made")
"""


@pytest.fixture
def project(tmp_path):
    """A copy of the project whose Python starts a stand-in for Snakemake, which writes down its arguments."""
    folder, home = tmp_path / "a project", tmp_path / "environment"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "workflow", "config", "had"):
        (folder / name).symlink_to(REPOSITORY / name)
    (home / "bin").mkdir(parents=True)
    (home / "snakemake.py").write_text(STANDIN)
    python = home / "bin" / "python"
    path = f"{home}:{REPOSITORY}"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={shlex.quote(path)} exec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    (home / ".installed").touch()
    return folder


def make(folder, *arguments):
    call = ["make", "--no-print-directory", f"VENV={folder.parent / 'environment'}", *arguments]
    environment = {
        name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "CONFIGFILE", "RESULTS")
    }
    return subprocess.run(call, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)


def calls(folder):
    return [json.loads(line) for line in (folder / "calls.txt").read_text().splitlines()]


@pytest.mark.parametrize("results", ["pyproject.toml/results", "/dev/null/x", "a" * 300])
def test_results_that_cannot_be_made_are_one_sentence(project, results):
    answer = make(project, "demo", f"RESULTS={results}")
    assert answer.returncode == 2
    assert "had: expected a folder that can be made" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not (project / "calls.txt").exists()


def test_names_in_files_and_variables_are_names_and_no_commands(project):
    before = {path.name for path in project.iterdir()}
    for number, name in enumerate(HOSTILE):
        file = f"{name.replace('/', '_')}.yaml"
        (project / file).write_text(f"{CONTENT}{json.dumps(f'{number}/{name}')}\n")
        answer = make(project, "demo", f"CONFIGFILE={file}", "CORES=2; touch x")
        assert answer.returncode == 0, answer.stderr
        assert f"Tables    {number}/{name}/tables/" in answer.stdout
        ran, reported = calls(project)[-2:]
        assert ran[-2:] == ["--configfile", file]
        assert "--cores=2; touch x" in ran
        assert f"--report={number}/{name}/report/report.part.html" in reported
    for name in (f"r/{name}" for name in HOSTILE):
        answer = make(project, "demo", "CONFIGFILE=null.yaml", f"RESULTS={name}")
        assert answer.returncode == 0, answer.stderr
        assert f"Tables    {name}/tables/" in answer.stdout
        assert calls(project)[-1][-3:] == ["--configfile", "null.yaml", ".snakemake/results.yaml"]
        assert json.loads((project / ".snakemake" / "results.yaml").read_text()) == {"results": name}
    assert "x" not in {path.name for path in project.rglob("*")} - before


def test_a_configuration_that_is_none_is_one_sentence_and_starts_nothing(project):
    (project / "a.yaml").write_text("a: " + "[" * 500)
    for name, sentence in (("a.yaml", "more than 40 values"), ("no.yaml", "no file no.yaml")):
        answer = make(project, "demo", f"CONFIGFILE={name}")
        assert answer.returncode
        assert sentence in answer.stderr
        assert "Traceback" not in answer.stderr
    assert not (project / "calls.txt").exists()


@pytest.fixture
def locked(project):
    """The project with locks that a killed run has left."""
    (project / "a.yaml").write_text(f"{CONTENT}results\n")
    locks = project / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    (locks / "0.output.lock").write_text("results/tables/main_coesot.csv\n")
    return locks


def living(folder, *words, seconds=60):
    """A process with these words in its call, in a folder."""
    return subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({seconds})", *words], cwd=folder)


def test_locks_that_a_killed_run_has_left_are_removed(project, locked):
    answer = make(project, "demo", "CONFIGFILE=a.yaml")
    assert answer.returncode == 0, answer.stderr
    assert "Removing the locks" in answer.stdout
    assert not list(locked.iterdir())
    assert "--rerun-incomplete" in calls(project)[0]


def test_locks_of_a_run_that_goes_on_stay(project, locked, tmp_path):
    elsewhere = living(tmp_path, "snakemake")
    here = living(project, "-m", "snakemake")
    try:
        answer = make(project, "demo", "CONFIGFILE=a.yaml")
        assert answer.returncode
        assert f"process {here.pid}, which works here" in answer.stderr
        assert list(locked.iterdir())
        assert not (project / "calls.txt").exists()
        here.kill()
        here.wait()
        assert make(project, "demo", "CONFIGFILE=a.yaml").returncode == 0
    finally:
        for process in (elsewhere, here):
            process.kill()
            process.wait()


def test_a_job_that_a_killed_run_has_left_is_waited_for(project, locked):
    job = living(project, "-m", "had.cli", "train", seconds=5)
    begin = time.monotonic()
    answer = make(project, "demo", "CONFIGFILE=a.yaml")
    assert answer.returncode == 0, answer.stderr
    assert f"Waiting for process {job.pid}" in answer.stdout
    assert job.poll() is not None
    assert time.monotonic() - begin > 2


def test_locks_of_another_machine_stay(project, locked):
    (project / ".snakemake" / "host.txt").write_text("another-machine\n")
    answer = make(project, "demo", "CONFIGFILE=a.yaml")
    assert answer.returncode
    assert "locks of a run on another-machine" in answer.stderr
    assert list(locked.iterdir())
