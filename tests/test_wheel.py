"""The wheel, installed without a checkout: every verb answers, and those that read shipped files find them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
FILES = ("had", "config", "notebooks", "profiles", "workflow", "Snakefile", "pyproject.toml", "setup.py", "README.md")
FILES += ("LICENSE", "MANIFEST.in")
HELP = """
import sys
from pathlib import Path
import had
from had import cli
from typer.testing import CliRunner
assert Path(had.__file__).is_relative_to(sys.argv[1]), had.__file__
command = __import__("typer").main.get_command(cli.app)
def walk(command, words):
    yield words
    for name, inner in getattr(command, "commands", {}).items():
        yield from walk(inner, [*words, name])
called = [words for words in walk(command, []) if CliRunner().invoke(cli.app, [*words, "--help"]).exit_code == 0]
print(len(called), " ".join(words[-1] for words in called if words))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the package from its wheel; dependencies are those of this environment."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("site")
    for name in FILES:
        kind = shutil.copytree if (REPOSITORY / name).is_dir() else shutil.copy
        options = {"ignore": shutil.ignore_patterns("__pycache__")} if kind is shutil.copytree else {}
        kind(REPOSITORY / name, source / name, **options)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wheel = [*pip, "wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(source), str(source)]
    subprocess.run(wheel, check=True, capture_output=True)
    (file,) = source.glob("had-*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--no-index", "--target", str(target), str(file)], check=True)
    return target


def call(installed, folder, *arguments):
    start = "import sys; sys.path.insert(0, sys.argv.pop(1)); from had import cli; cli.main()"
    command = [sys.executable, "-P", "-c", start, str(installed), *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_every_verb_says_what_it_does(installed, tmp_path):
    code = f"import sys; sys.path.insert(0, {str(installed)!r})\n{HELP}"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-P", "-c", code, str(installed)]
    answer = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    count, *names = answer.stdout.split()
    assert {"simulate", "train", "track", "evaluate", "plan", "convert", "films", "config"} <= set(names)
    assert int(count) == len(names) + 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["config"], "results: results"),
        (["config", "config/paper.yaml"], "results: results/paper"),
        (["config", "config/official.yaml"], "official_code"),
        (["download", "eventvot", "--show"], "EventVOT"),
        (["download", "weights", "--show"], "mae: "),
        (["plan", "--no-measure", "--configfile", "config/smoke.yaml"], "train_teacher"),
    ],
)
def test_shipped_files_are_found_in_any_folder(installed, tmp_path, arguments, expected):
    answer = call(installed, tmp_path, *arguments)
    assert answer.returncode == 0, answer.stderr[-3000:]
    assert expected in answer.stdout


def test_recordings_are_simulated_and_weights_looked_for_in_any_folder(installed, tmp_path):
    simulated = ["simulate", "--benchmark", "coesot", "--config", "config/smoke.yaml", "--split", "val"]
    answer = call(installed, tmp_path, *simulated, "--output", "raw")
    assert answer.returncode == 0, answer.stderr[-3000:]
    assert len((tmp_path / "raw" / "val" / "list.txt").read_text().split()) == 2
    answer = call(installed, tmp_path, "weights", "convert", "raw/val/list.txt", "--output", "a.safetensors")
    assert answer.returncode == 2
    assert "config" not in answer.stderr
