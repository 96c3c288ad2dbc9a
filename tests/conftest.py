"""Fixtures that several tests share."""

import os
import sys
from pathlib import Path

import pytest

from had import cli

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real recordings, annotations and reference numbers; the product works without it."""
    folder = Path(os.environ.get("HAD_SHARED", REPOSITORY.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"needs real recordings and known scores: no folder {folder} (set HAD_SHARED)")
    return folder


@pytest.fixture
def evaluate(monkeypatch, capsys, caplog):
    """`had evaluate ARGUMENTS` -> exit status, and all that it said."""

    def call(*arguments):
        caplog.clear()
        monkeypatch.setattr(sys, "argv", ["had", "evaluate", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code or 0, capsys.readouterr().err + caplog.text

    return call
