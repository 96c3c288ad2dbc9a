"""Text of others on the terminal: no control character of a name, header or file gets through."""

import logging
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from had import cli
from had.data.layouts import layout_of
from had.data.verify import Report
from had.data.verify import report as verify_report
from had.data.verify.problems import Problem
from had.errors import DataError
from had.progress import progress
from had.terminal import LogFormat, printable, say

HOSTILE = "a\x1b]2;owned\x07\x9b31m\u202eb\rc\nd\x00e\ud800[bold]"


def harmless(text: str) -> bool:
    return not any(character in text for character in "\x1b\x07\x9b\u202e\r\x00\ud800")


@given(st.text(st.characters(exclude_categories=())))
def test_nothing_that_a_terminal_obeys_is_left_and_the_rest_is_kept(text):
    shown = printable(text)
    shown.encode("utf-8")
    assert not any(character in "\x1b\x07\n\r\t\x9b" for character in shown)
    if text.isascii() and text.isprintable():
        assert shown == text


@pytest.mark.parametrize("text", ["é ü 大 ✓ −", "👩‍🚀", "a\\x1b"])
def test_letters_of_any_script_stay(text):
    assert printable(text) == text


def test_an_error_is_one_line_without_control_characters(monkeypatch, capsys):
    def fails():
        raise DataError(f"a {HOSTILE}", f"{HOSTILE} in it", "correct it")

    monkeypatch.setattr(cli, "app", fails)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert harmless(said)
    assert said.count("\n") == 1
    assert r"\x1b]2;owned\x07" in said


def test_a_log_line_is_one_line_and_a_traceback_keeps_its_lines():
    def line(**more):
        record = logging.LogRecord("had", logging.WARNING, "", 1, "%s is odd", (HOSTILE,), **more)
        return LogFormat().format(record)

    assert harmless(line(exc_info=None))
    assert "\n" not in line(exc_info=None)
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        shown = line(exc_info=sys.exc_info())
    assert harmless(shown)
    assert "\nTraceback (most recent call last):\n" in shown


def test_a_label_is_no_markup_and_its_control_characters_are_escaped(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert list(progress([1, 2], label="[/x] \x1b]2;owned\x07")) == [1, 2]
    said = capsys.readouterr().err
    assert "[/x]" in said
    assert "\x1b]2;owned" not in said


def test_what_is_said_keeps_its_lines(capsys):
    say(f"one\n{HOSTILE}")
    said = capsys.readouterr().out
    assert said.startswith("one\n")
    assert harmless(said)


def test_the_report_of_verify_shows_names_as_they_are(capsys):
    places = {"file": f"{HOSTILE}/groundtruth.txt", "what": f"odd {HOSTILE}", "remedy": "mend it", "line": 3}
    problem = Problem(kind="boxes", severity="error", split="test", sequence=HOSTILE, **places)
    facts = {"splits": {}, "sequences": {}, "checked": 1, "unchanged": 0, "seconds": 0.1, "deep": False}
    verify_report.print_tables(Report(layout=layout_of("coesot"), root=Path("r"), problems=[problem], **facts))
    said = capsys.readouterr().out
    assert harmless(said)
    assert "[bold]" in said
