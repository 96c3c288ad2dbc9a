"""How many jobs of which rule `snakemake` would run now, by asking it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from had.errors import DataError
from had.shipped import shipped

PACKAGE_FOLDER = Path(__file__).resolve().parents[2]
_TABLE = re.compile(r"^Job stats:\n.*\n-.*\n((?:\w+ +\d+\n)+)", re.MULTILINE)
_TARGETS = ("default", "total")


@dataclass(frozen=True)
class Jobs:
    """Attributes:
    counts: rule -> jobs that are still to be run; empty where all is made.
    missing: what only a person can get, a line each.
    """

    counts: dict[str, int]
    missing: list[str]


def dry_run(configfiles: Sequence[Path], overrides: Sequence[str]) -> Jobs:
    """Ask Snakemake, in this folder.

    Args:
        configfiles, overrides: what follows its `--configfile` and `--config`.

    Raises:
        DataError: it cannot plan.
    """
    snakefile = shipped("Snakefile")
    command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "rules", "--snakefile", str(snakefile)]
    command += ["--configfile", *(str(shipped(file)) for file in configfiles)]
    command += ["--config", *overrides] if overrides else []
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(PACKAGE_FOLDER), os.environ.get("PYTHONPATH", "")])}
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    said = answer.stdout + answer.stderr
    if answer.returncode:
        last = [line for line in said.splitlines() if line.strip()][-1:]
        raise DataError("a dry run of snakemake", " ".join(last) or "no answer", f"call {' '.join(command[2:])}")
    table = _TABLE.search(said)
    lines = table.group(1).splitlines() if table else []
    counts = {name: int(count) for name, count in map(str.split, lines) if name not in _TARGETS}
    return Jobs(counts, re.findall(r"^Missing: (.*)$", said, re.MULTILINE))
