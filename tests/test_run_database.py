"""The database of runs: whole or not there, in any folder; one sentence in seconds where it cannot be used."""

import contextlib
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy
from conftest import REPOSITORY
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mlflow import MlflowClient
from test_experiment import IDENTITY, forked
from toy_experiment import experiment

from had import cli, run_database
from had.errors import DataError
from had.experiment import open_run
from had.run_database import client_of, shown, sqlite_file, sqlite_uri, tracking_uri


@pytest.fixture(autouse=True)
def no_address(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A whole database, made once; before it, half-made ones and kills while it was made."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        half_made(folder / "mlflow.db")
        for statement in (2, 60):
            assert forked(lambda statement=statement: (kill_at_statement(statement), client_of(folder))) == 9
            assert not (folder / "mlflow.db").exists(), "a half-made database has got the name of a whole one"
            assert list(folder.glob(".mlflow.*.part.db"))
        client_of(folder)
    assert [path.name for path in folder.iterdir()] == ["mlflow.db"]
    return folder / "mlflow.db"


def half_made(file):
    with closing(sqlite3.connect(file)) as database:
        for table in ("experiments (name TEXT)", "runs (name TEXT)", "alembic_version (version_num TEXT)"):
            database.execute(f"CREATE TABLE {table}")
    return file


def kill_at_statement(number):
    statements = []

    def count(*_):
        statements.append(1)
        if len(statements) == number:
            os._exit(9)

    sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", count)


def test_database_whose_making_was_killed_is_made_again(whole):
    assert MlflowClient(f"sqlite:///{whole}").search_experiments()[0].name == "Default"


def test_half_made_database_of_somebody_else_is_named_and_kept(tmp_path, monkeypatch):
    file = half_made(tmp_path / "theirs.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{file}")
    before = file.read_bytes()
    with pytest.raises(DataError, match=r"got .*theirs\.db, whose making was stopped; remove that file"):
        client_of(tmp_path)
    assert file.read_bytes() == before


@pytest.mark.parametrize("name", ["a?b", "a#b?c=d&e", "a%20b %41", 'it\'s "one"', "é漢", "a\\b;c", "a@b:c"])
def test_folder_of_any_name_holds_database_and_files(tmp_path, whole, name):
    results = tmp_path / name / "results"
    results.mkdir(parents=True)
    shutil.copy(whole, results / "mlflow.db")
    assert sqlite_file(tracking_uri(results)) == results / "mlflow.db"
    before = sorted(path.name for path in Path.cwd().iterdir())
    with open_run(experiment(results), **IDENTITY, stage="train"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert len(list(results.glob("mlartifacts/coesot/*/artifacts/config.yaml"))) == 1
    assert sorted(path.name for path in Path.cwd().iterdir()) == before
    with closing(sqlite3.connect(results / "mlflow.db")) as database:
        assert database.execute("SELECT count(*) FROM runs").fetchone() == (1,)


@given(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=50))
@example("a?b%3F")
@settings(max_examples=60, deadline=None)
def test_address_of_a_file_of_any_name_opens_that_file(name):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{name}.db"
        assert sqlite_file(sqlite_uri(file)) == file
        engine = sqlalchemy.create_engine(sqlite_uri(file))
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE a (b)")
        engine.dispose()
        assert list(Path(folder).iterdir()) == [file]


def test_addresses(monkeypatch, tmp_path):
    assert tracking_uri(tmp_path) == f"sqlite:///{tmp_path.resolve()}/mlflow.db"
    assert tracking_uri("/a?b#") == "sqlite+pysqlite:///file:/a%3Fb%23/mlflow.db?uri=true"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://example.org:5000")
    assert tracking_uri(tmp_path) == "http://example.org:5000"
    files = {"sqlite:///a/b.db": Path("a/b.db"), "sqlite:////a%20b.db?timeout=5": Path("/a%20b.db")}
    assert {uri: sqlite_file(uri) for uri in files} == files
    assert {sqlite_file(uri) for uri in ("sqlite://", "sqlite:///:memory:", "http://a/b", "postgresql:///b")} == {None}
    assert shown("no answer of postgresql://me:secret@host:1/a@b") == "no answer of postgresql://host:1/a@b"


@pytest.fixture
def server():
    """The address of something that takes connections, and what it sends to each, piece by piece."""
    pieces = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    connection.recv(10_000)
                    for piece in pieces:
                        connection.sendall(piece)
                        time.sleep(0.2 if len(pieces) > 1 else 0)
                    if pieces:
                        connection.close()
                    kept.append(connection)

        kept = []
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", pieces


def refused(folder, monkeypatch, uri, limit=5.0):
    """The sentence that says why an address cannot be used, given within some seconds."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    begin = time.monotonic()
    with pytest.raises(DataError) as refusal:
        client_of(folder)
    assert time.monotonic() - begin < limit
    assert "MLFLOW_TRACKING_URI" in str(refusal.value)
    return str(refusal.value)


def test_server_that_is_not_there_or_none_is_one_sentence(tmp_path, monkeypatch, server):
    uri, pieces = server
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = free.getsockname()[1]
    said = refused(tmp_path, monkeypatch, f"http://me:secret@127.0.0.1:{closed}")
    assert "Connection refused" in said
    assert "secret" not in said
    pieces.append(b"SSH-2.0-OpenSSH\r\n")
    assert "not HTTP" in refused(tmp_path, monkeypatch, uri)
    pieces[0] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    assert "503" in refused(tmp_path, monkeypatch, uri)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("pieces", [[], [b"H", b"T", *100 * [b"T"]]], ids=["silent", "drips"])
def test_server_that_never_answers_is_one_sentence(tmp_path, monkeypatch, server, pieces):
    server[1].extend(pieces)
    monkeypatch.setattr(run_database, "ANSWER_SECONDS", 0.5)
    assert re.search("timed out|no answer", refused(tmp_path, monkeypatch, server[0]))


def test_training_is_refused_before_anything_is_loaded(tmp_path):
    config = tmp_path / "case.yaml"
    config.write_text("benchmarks: {coesot: {root: raw}}\nruns: {student: {title: Student}}\n")
    code = (
        "import sys; from had import cli\ntry:\n    cli.main()\nexcept SystemExit as end:\n    status = end.code\n"
        "print([name for name in ('torch', 'mlflow') if name in sys.modules], status)"
    )
    call = [sys.executable, "-c", code, "train", "--config", config, "--benchmark", "coesot", "--run", "student"]
    environment = {**os.environ, "MLFLOW_TRACKING_URI": "http://127.0.0.1:9", "PYTHONPATH": str(REPOSITORY)}
    answer = subprocess.run(
        [*call, "--data", "data", "--output", "out"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.stdout == "[] 2\n"
    assert answer.stderr.startswith("had: expected a database for MLflow's runs, got http://127.0.0.1:9: ")


@pytest.mark.parametrize(
    "uri", ["foo://x", "localhost:5000", "http://[::1", "http://", "postgresql+none://me@x/y", " "]
)
def test_address_that_means_nothing_is_one_sentence(tmp_path, monkeypatch, uri):
    refused(tmp_path, monkeypatch, uri)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("text", "file is not a database"), ("folder", "is no file"), ("pipe", "is no file"), ("locked", "is locked")],
)
def test_file_that_cannot_be_used_is_one_sentence(tmp_path, monkeypatch, kind, reason):
    monkeypatch.setattr(run_database, "ANSWER_SECONDS", 0.3)
    file = tmp_path / "mlflow.db"
    holder = None
    if kind == "text":
        file.write_text("I am a thesis. " * 500)
    elif kind == "folder":
        file.mkdir()
    elif kind == "pipe":
        os.mkfifo(file)
    else:
        holder = sqlite3.connect(half_made(file), isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(DataError, match=f"{reason}; free .*mlflow\\.db, or move it away"):
        client_of(tmp_path)
    assert reason in refused(tmp_path, monkeypatch, f"sqlite:///{file}")
    if holder:
        holder.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a user whose rights can be given up for those of another")
@pytest.mark.parametrize("place", ["file", "folder", "above"])
def test_database_that_cannot_be_written_is_one_sentence(whole, place):
    def ask(results):
        os.setuid(65534)
        try:
            client_of(results)
        except DataError as error:
            os._exit(2 if re.search("readonly|Permission denied|not writable", str(error)) else 3)

    with tempfile.TemporaryDirectory() as folder:  # unlike pytest's, of a place that everybody may read
        results = Path(folder, "results")
        results.mkdir()
        shutil.copy(whole, results)
        for path, mode in ((Path(folder), 0o755), (results, 0o755), (results / "mlflow.db", 0o666)):
            path.chmod(mode)
        closed = {"file": (results / "mlflow.db", 0o444), "folder": (results, 0o555), "above": (Path(folder), 0o700)}
        os.chmod(*closed[place])
        assert forked(lambda: ask(results)) == 2


def test_database_where_no_file_can_be_made_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////proc/mlflow.db")
    begin = time.monotonic()
    with pytest.raises(DataError, match=r"/proc"):
        client_of(tmp_path)
    assert time.monotonic() - begin < 5


def test_commands_end_with_status_2_and_a_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    config = tmp_path / "case.yaml"
    config.write_text(f"results: {tmp_path}\nruns: []\nbenchmarks: {{coesot: {{root: {tmp_path}}}}}\n")
    monkeypatch.setattr(
        sys, "argv", ["had", "database", "--config", str(config), "--output", str(tmp_path / "made.txt")]
    )
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("had: expected a database for MLflow's runs, got http://127.0.0.1:9: ")
    assert not (tmp_path / "made.txt").exists()


def test_telemetry_is_off_wherever_mlflow_is_started(whole):
    client_of(whole.parent)
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    starters = [REPOSITORY / "Makefile", *(REPOSITORY / "workflow").glob("*.py")]
    starts = [text for text in map(Path.read_text, starters) if "--backend-store-uri" in text]
    assert starts
    assert all(re.search(r"MLFLOW_DISABLE_TELEMETRY\W+true", text) for text in starts)
