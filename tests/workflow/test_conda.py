"""`--use-conda` with a stand-in for conda, because conda itself is not a test requirement.

Proven: Snakemake builds the environment from workflow/envs/had.yaml, activates it around every job, and
the job runs that environment's Python with this repository's `had`. Not proven: that conda can solve and
install the file (docs/environments.md says where that is checked).
"""

import shutil
import sys
import sysconfig
from pathlib import Path

import pytest
import yaml

from tests.workflow.conftest import Snakemake, output

CONDA = """#!{python}
import json, pathlib, subprocess, sys, venv
call = sys.argv[1:]
home = pathlib.Path({home!r})
with (home / "calls.txt").open("a") as file:
    file.write(" ".join(call) + "\\n")
if "--version" in call:
    print("conda 24.7.1")
elif call[0] == "info":
    print(json.dumps({{"conda_prefix": str(home), "root_prefix": str(home), "platform": "linux-64",
                       "conda_version": "24.7.1"}}))
elif call[0] == "config":
    print(json.dumps({{"get": {{}}, "channel_priority": "strict"}}))
elif call[:2] == ["env", "create"]:
    prefix = next(a.split("=", 1)[1] if "=" in a else call[i + 1]
                  for i, a in enumerate(call) if a.startswith("--prefix"))
    venv.create(prefix, with_pip=False)
    # The dependencies of the running environment, without its `had`.
    site = next(pathlib.Path(prefix).glob("lib/python3*/site-packages"))
    (site / "dependencies.pth").write_text({packages!r} + "\\n")
elif call[0] != "clean":
    sys.exit(f"the stand-in knows no {{call}}")
"""
ACTIVATE = "export PATH={prefix}/bin:$PATH CONDA_PREFIX={prefix}\n".replace("{prefix}", '"$1"')


@pytest.fixture
def conda(tmp_path) -> Path:
    """A folder for the PATH with `conda`, and what it was asked in calls.txt."""
    home = tmp_path / "conda"
    (home / "bin").mkdir(parents=True)
    packages = sysconfig.get_paths()["purelib"]
    (home / "bin" / "conda").write_text(CONDA.format(python=sys.executable, home=str(home), packages=packages))
    (home / "bin" / "activate").write_text(ACTIVATE)
    for path in (home / "bin").iterdir():
        path.chmod(0o755)
    return home


def test_jobs_run_in_the_conda_environment_with_the_repositorys_had(conda, tmp_path):
    run = Snakemake(tmp_path / "run")
    marker = "results/smoke/logs/database.txt"
    environment = {"PATH": f"{conda / 'bin'}:/usr/bin:/bin", "PYTHONPATH": "/nowhere"}
    smoke = ("--cores", "1", "--configfile", "config/smoke.yaml", "--use-conda")
    answer = run(*smoke, "--", marker, environment=environment)
    assert answer.returncode == 0, output(answer)
    assert "env create" in (conda / "calls.txt").read_text()
    (created,) = (run.folder / ".snakemake" / "conda").glob("*/pyvenv.cfg")
    shipped = yaml.safe_load((run.folder / "workflow" / "envs" / "had.yaml").read_text())
    assert yaml.safe_load((created.parent.parent / f"{created.parent.name}.yaml").read_text()) == shipped

    # Without its Python the environment is useless: so it was really this one that ran.
    shutil.rmtree(created.parent / "bin")
    (created.parent / "bin").mkdir()
    (created.parent / "bin" / "python").write_text("#!/bin/sh\nexit 7\n")
    (created.parent / "bin" / "python").chmod(0o755)
    answer = run(*smoke, "--forcerun", "database", "--", marker, environment=environment)
    assert answer.returncode == 1
    assert "exit code 7" in output(answer) or "exit status 7" in output(answer)


def test_without_conda_the_option_is_refused_and_the_plain_call_works(tmp_path):
    run = Snakemake(tmp_path / "run")
    environment = {"PATH": "/usr/bin:/bin"}
    smoke = ("--cores", "1", "--configfile", "config/smoke.yaml")
    target = ("--", "results/smoke/logs/database.txt")
    if shutil.which("conda", path=environment["PATH"]):
        pytest.skip("conda is installed in /usr/bin")
    refused = run(*smoke, "--use-conda", *target, environment=environment)
    assert refused.returncode == 1
    assert "conda" in output(refused).lower()
    assert run(*smoke, *target, environment=environment).returncode == 0
