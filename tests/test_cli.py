"""The command line as a user meets it: a process, its exit status, its two streams."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from had import cli
from had.config import schema
from had.errors import DataError
from had.evaluation.products import KINDS

REPOSITORY = Path(__file__).resolve().parents[1]
VERBS = {
    *("simulate", "prepare", "inspect", "train", "teach", "track", "profile", "evaluate"),
    *("table", "figure", "video", "page", "database", "log", "config", "download", "verify", "plan"),
}
"""What rules, docs and README call."""
VIDEO = ("simulate", "--benchmark", "coesot", "--output", "x", "--video", "film.mp4", "--boxes", "boxes.txt")

TRACK = ("track", "--recording", "x", "--checkpoint", "y", "--box", "1,2,3,4", "--boxes", "o")


def had(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "had.cli", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)


def test_the_verbs_are_these_and_each_explains_itself():
    assert {command.name or command.callback.__name__ for command in cli.app.registered_commands} == VERBS
    assert all(command.callback.__doc__ for command in cli.app.registered_commands)
    for verb in VERBS:
        assert CliRunner().invoke(cli.app, [verb, "--help"]).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["config", "config/smok.yaml"], "no file config/smok.yaml"),
        (["simulate", "--benchmark", "coeso", "--output", "x"], "did you mean 'coesot'?"),
        (["simulate", "--benchmark", "coesot", "--output", "x", "--video", "film.mp4"], "--boxes"),
        (["prepare", "--benchmark", "eventvot", "--split", "test", "--root", "no/such", "--output", "x"], "no/such"),
        (["inspect", "no/such.aedat4"], "no/such.aedat4"),
        (["track"], "had track --help"),
        (["track", "--recording", "x.raw", "--checkpoint", "y", "--boxes", "o", "--box", "1,2,3"], "'1,2,3'"),
        (["track", "--recording", "x.raw", "--checkpoint", "y", "--boxes", "o", "--box", "1,2,inf,4"], "'1,2,inf,4'"),
        (["track", "--recording", "x", "--checkpoint", "y", "--box", "1,2,3,4"], "--boxes or --video"),
        (["track", "--recording", "x", "--checkpoint", "y", "--box", "1,2,3,4", "--video", "o.avi"], "a film *.webm"),
        (
            [
                "track",
                "--recording",
                "x",
                "--checkpoint",
                "y",
                "--box",
                "1,2,3,4",
                "--boxes",
                "o",
                "--config",
                "no.yaml",
            ],
            "no.yaml",
        ),
        ([*TRACK, "--output", "o", "--split", "test"], "options that are used with --recording, got --split; leave it"),
        ([*TRACK, "--seed", "0"], "with --recording, got --seed"),
        (["track", "--benchmark", "coesot", "--size", "1x1"], "options that are used without --recording, got --size"),
        (["track", "--window-us", "40000"], "without --recording, got --window-us"),
        ([*VIDEO, "--workers", "1"], "with --video, got --workers"),
        (["simulate", "--benchmark", "coesot", "--output", "x", "--name", ""], "without --video, got --name"),
        (["weights", "inspect", "x.pth", "--run", "had"], "without --config, got --run"),
        (["download", "coesot", "--show", "--output", "x"], "with --show, got --output"),
        (["config", "--schema", "no.yaml"], "with --schema, got FILE"),
        ([*VIDEO, "--split", "train"], "--split test"),
        ([*VIDEO, "--frame-rate", "0"], "--frame-rate above 0"),
        (["train", "--benchmark", "coesot", "--run", "hda", "--data", "x", "--output", "y"], "did you mean 'had'?"),
        (["table", "ablatoin", "--benchmark", "coesot", "--output", "x"], "did you mean 'ablation'?"),
        (["figure", "radar", "--benchmark", "coesot", "--output", "x"], "valid are success, "),
        (["simulate", "--benchmark", "coesot", "--output", "README.md"], "got a file README.md"),
    ],
    ids=lambda value: "-".join([*value[:2], *value[-1:]]) if isinstance(value, list) else "",
)
def test_a_wrong_input_is_one_sentence_and_exit_status_2(arguments, sentence):
    answer = had(*arguments)
    assert answer.returncode == 2
    lines = [line for line in answer.stderr.splitlines() if " INFO " not in line]
    assert len(lines) == 1
    assert lines[0].startswith("had: expected ")
    assert sentence in lines[0]
    assert not answer.stdout


def test_table_and_figure_list_their_own_kinds_only():
    helps = {what: CliRunner().invoke(cli.app, [what, "--help"], env={"COLUMNS": "300"}).output for what in KINDS}
    words = {what: set(re.findall(r"[a-z_]+", said)) for what, said in helps.items()}
    assert set(KINDS["table"]) <= words["table"]
    assert set(KINDS["figure"]) <= words["figure"]
    assert not {"main", "published", "cost"} & words["figure"]
    assert not {"success", "losses", "strips"} & words["table"]


def test_what_cannot_be_trained_is_not_offered_to_training():
    said = {verb: CliRunner().invoke(cli.app, [verb, "--help"]).output for verb in ("train", "teach", "track")}
    assert not any("external" in text for text in said.values())
    assert ["control" in text for text in said.values()] == [False, False, True]


def test_the_kinds_that_there_are_stand_once_in_an_error():
    assert had("figure", "nonsense", "--benchmark", "coesot", "--output", "x").stderr.count("attribute_bars") == 1


def test_a_recording_is_followed_from_any_folder(tmp_path):
    command = [sys.executable, "-m", "had.cli", "track", "--recording", "x.raw", "--checkpoint", "y.safetensors"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    answer = subprocess.run(
        [*command, "--box", "1,2,3,4", "--boxes", "o"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 2
    assert "y.safetensors" in answer.stderr
    assert "config.yaml" not in answer.stderr


def test_an_error_that_is_not_the_users_keeps_its_traceback(tmp_path):
    source = tmp_path / "broken.py"
    source.write_text(
        "import sys\nfrom had import cli\n"
        "@cli.app.command()\ndef broken():\n    '''Fails.'''\n    raise RuntimeError('a bug')\n"
        "sys.argv[1:] = ['broken']\ncli.main()\n"
    )
    answer = subprocess.run([sys.executable, source], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert "Traceback" in answer.stderr
    assert "RuntimeError: a bug" in answer.stderr


def test_the_sentence_has_its_three_parts(monkeypatch, capsys):
    @cli.app.command("fails")
    def fails() -> None:
        raise DataError("a file", "none", "make it")

    monkeypatch.setattr(sys, "argv", ["had", "fails"])
    try:
        with pytest.raises(SystemExit) as stop:
            cli.main()
    finally:
        cli.app.registered_commands.pop()
    assert stop.value.code == 2
    assert capsys.readouterr().err == "had: expected a file, got none; make it\n"


def test_the_schema_and_the_resolved_configuration_are_printed():
    assert json.loads(had("config", "--schema").stdout) == schema()
    shown = had("config", "config/smoke.yaml").stdout
    assert "window_influence: 1.0" in shown  # a default that the file does not state


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize(
    "arguments", [["config"], ["--help"], ["inspect", "{csv}", "--size", "9x9", "--time-unit", "us"]]
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_standard_output_is_one_sentence_and_a_closed_pipe_none(tmp_path, arguments, unbuffered):
    (tmp_path / "e.csv").write_text("x,y,p,t\n1,1,1,1\n2,1,1,5\n")
    command = [sys.executable, "-m", "had.cli", *(word.format(csv=tmp_path / "e.csv") for word in arguments)]
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    reading, closed = os.pipe()
    os.close(reading)
    with Path("/dev/full").open("w") as full, os.fdopen(closed, "w") as pipe:
        answers = [
            subprocess.run(command, cwd=REPOSITORY, env=environment, stdout=out, stderr=subprocess.PIPE, text=True)
            for out in (full, pipe)
        ]
    assert [answer.returncode for answer in answers] == [2, 1]
    assert answers[0].stderr.startswith("had: expected a standard output with room, got one that cannot be written")
    assert answers[0].stderr.count("\n") == 1
    assert answers[1].stderr == ""


def test_a_verb_loads_only_what_it_needs():
    heavy = "torch", "mlflow", "matplotlib", "cv2", "pandas", "scipy"
    code = f"import had.cli, sys; print([name for name in {heavy} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_tables_need_neither_torch_nor_mlflow():
    code = (
        "import sys, had.evaluation.tables, had.evaluation.figures, had.evaluation.benchmark, had.data.sequences\n"
        "print([name for name in ('torch', 'mlflow') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize("written", [["--boxes", "{e}"], ["--video", "{n}"], ["--boxes", "o.txt", "--video", "o.txt"]])
def test_tracking_never_writes_over_what_it_reads(tmp_path, monkeypatch, capsys, written):
    events, network = tmp_path / "e.csv", tmp_path / "n.safetensors"
    events.write_text("x,y,p,t\n1,1,1,1\n")
    network.write_text("weights")
    monkeypatch.chdir(tmp_path)
    call = ["had", "track", "--recording", "e.csv", "--box", "1,1,2,2", "--checkpoint", str(network)]
    monkeypatch.setattr(sys, "argv", [*call, *(word.format(e=events, n=network) for word in written)])
    with pytest.raises(SystemExit, match="2"):
        cli.main()
    assert "another file for each output" in capsys.readouterr().err
    assert network.read_text() == "weights"
