"""README's table is what a run of the demo gave, and that run is of the configuration that is shipped."""

import importlib.util
import json
import subprocess

import pytest
from conftest import REPOSITORY

from had.config import load

FOLDER = REPOSITORY / "docs" / "demo"


@pytest.fixture(scope="module", autouse=True)
def kept():
    if not (FOLDER / "run.json").is_file():
        assert "| Run |" not in (REPOSITORY / "README.md").read_text(), "a table without the run that gave it"
        pytest.skip("no run of the demo is kept: make readme")


@pytest.fixture(scope="module")
def demo():
    specification = importlib.util.spec_from_file_location("demo", REPOSITORY / "benchmarks" / "demo.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def facts():
    return json.loads((FOLDER / "run.json").read_text())


def test_the_readme_holds_the_kept_tables_and_nothing_else(demo):
    page = (REPOSITORY / "README.md").read_text()
    assert demo.replaced(page, demo.block(FOLDER)) == page


def test_the_tables_are_of_the_networks_that_the_shipped_configuration_trains(demo, facts):
    """After a change of config/config.yaml, or of a default that it uses: make readme."""
    assert facts["networks"] == demo.identities()
    for benchmark in demo.BENCHMARKS:
        assert f"Configuration {facts['configuration']}" in (FOLDER / f"ablation_{benchmark}.md").read_text()


def test_every_row_of_the_demo_is_in_the_tables(demo):
    experiment = load(REPOSITORY / "config" / "config.yaml")
    for benchmark in demo.BENCHMARKS:
        text = (FOLDER / f"ablation_{benchmark}.md").read_text()
        assert all(f"| {run.title} |" in text for run in experiment.runs.values())


def test_the_commit_is_one_of_this_history(facts):
    if not (REPOSITORY / ".git").exists():
        pytest.skip("needs a git checkout")
    asked = ["git", "rev-parse", "--is-shallow-repository"]
    if subprocess.run(asked, cwd=REPOSITORY, capture_output=True, text=True).stdout.strip() != "false":
        pytest.skip("needs the whole history")
    asked = ["git", "merge-base", "--is-ancestor", facts["commit"], "HEAD"]
    assert subprocess.run(asked, cwd=REPOSITORY, capture_output=True).returncode == 0
