"""`had evaluate` for the tests of several files."""

import sys

import pytest

from had import cli


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
