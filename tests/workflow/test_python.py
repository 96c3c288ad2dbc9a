"""Which Python `make` takes, and what it asks for where there is none, on Debian and Ubuntu."""

import subprocess
import sys

import pytest

from tests.workflow.conftest import REPOSITORY

STANDIN = """#!{python}
import sys
if "-c" in sys.argv:
    sys.version_info = {version}
    {without}
    exec(sys.argv[2])
elif "venv" in sys.argv:
    print("made with", {name!r})
else:
    print("Python", {version})
"""
NAMES = ("python3", "python3.11", "python3.12", "python3.13")


def make(folder, pythons, *, venv=True):
    """`make .venv/bin/python` where these commands are Python of these versions, and no other is."""
    for name in NAMES:
        values = {"python": sys.executable, "version": pythons.get(name), "name": name}
        without = "pass" if venv else 'sys.modules["ensurepip"] = None'
        known = STANDIN.format(**values, without=without)
        (folder / name).write_text(known if name in pythons else "#!/bin/sh\nexit 127\n")
        (folder / name).chmod(0o755)
    call = ["make", "-f", str(REPOSITORY / "Makefile"), "VENV=environment", "environment/bin/python"]
    environment = {"PATH": f"{folder}:/usr/bin:/bin"}
    return subprocess.run(call, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("pythons", "taken"),
    [
        ({"python3": (3, 11, 2)}, "python3"),
        ({"python3": (3, 12, 3), "python3.12": (3, 12, 3)}, "python3.12"),
        ({"python3": (3, 13, 5), "python3.13": (3, 13, 5)}, "python3.13"),
        ({"python3": (3, 10, 12), "python3.11": (3, 11, 0)}, "python3.11"),
    ],
    ids=["Debian 12", "Ubuntu 24.04", "Debian 13", "Ubuntu 22.04 with python3.11"],
)
def test_the_python_that_is_there_is_taken(tmp_path, pythons, taken):
    answer = make(tmp_path, pythons)
    assert f"made with {taken}\n" in answer.stdout


@pytest.mark.parametrize("version", [(3, 10, 12), (3, 14, 0), (3, 9, 2)])
def test_without_a_fitting_python_it_says_what_to_install_on_each_system(tmp_path, version):
    answer = make(tmp_path, {"python3": version})
    assert answer.returncode
    assert "No Python 3.11, 3.12 or 3.13 found" in answer.stderr
    assert "Ubuntu 22.04:                   apt install python3.11 python3.11-venv" in answer.stderr
    assert "apt install python3 python3-venv" in answer.stderr


@pytest.mark.parametrize(
    ("pythons", "package"),
    [
        ({"python3": (3, 13, 5)}, "python3-venv"),
        ({"python3": (3, 13, 5), "python3.13": (3, 13, 5)}, "python3.13-venv"),
        ({"python3": (3, 10, 12), "python3.11": (3, 11, 0)}, "python3.11-venv"),
    ],
)
def test_without_venv_it_asks_for_that_of_the_python_that_is_there(tmp_path, pythons, package):
    answer = make(tmp_path, pythons, venv=False)
    assert answer.returncode
    assert f"apt install {package}\n" in answer.stderr
