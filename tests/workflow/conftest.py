"""Runs of the workflow: each a process, as a user starts it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


class Snakemake:
    """`snakemake` in a folder of its own, so that tests neither lock nor see the repository's state.

    Args:
        folder: working directory; holds nothing of the repository but what Snakemake reads.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("Snakefile", "workflow", "config", "profiles", "notebooks", "had"):
            (folder / name).symlink_to(REPOSITORY / name)

    def __call__(self, *arguments: str, environment: dict | None = None) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "snakemake", *arguments]
        environment = {**os.environ, **(environment or {})}
        environment.pop("MLFLOW_TRACKING_URI", None)
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)


def output(answer: subprocess.CompletedProcess) -> str:
    return answer.stdout + answer.stderr


@pytest.fixture
def snakemake(tmp_path) -> Snakemake:
    """A folder without results, each test's own."""
    return Snakemake(tmp_path / "run")


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Snakemake:
    """The toy configuration, run to its end once for all tests that look at its products."""
    run = Snakemake(tmp_path_factory.mktemp("smoke") / "run")
    answer = run("--cores", "2", "--configfile", "config/smoke.yaml")
    assert answer.returncode == 0, output(answer)[-20_000:]
    return run
