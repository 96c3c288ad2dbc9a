"""MLflow's database of runs: its address, a client of it, and one sentence where it cannot be used.

It is SQLite under ``results/``, unless the environment variable MLFLOW_TRACKING_URI says otherwise. An SQLite file is
made beside its place and appears whole, because MLflow never mends one whose making was stopped. MLflow repeats what
fails for minutes; so the place is tried first without it, for some seconds.
"""

from __future__ import annotations

import http.client
import logging
import os
import re
import sqlite3
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from had.errors import DataError
from had.files import atomic_file

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger(__name__)
ANSWER_SECONDS = 4
LONGEST_REASON = 400
SETTINGS = {"MLFLOW_DISABLE_TELEMETRY": "true", "GIT_PYTHON_REFRESH": "quiet"}
FIRST_CALL = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "8", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
LATER_CALLS = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "30", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3"}
"""Seconds that a server has for an answer, and repeated requests; MLflow's own would be 120 and 7."""
_DATABASES = ("postgresql", "mysql", "mssql")
_OTHERS = ("", "file", "sqlite", "databricks", "databricks-uc", "uc")
"""Kinds of addresses that are MLflow's to judge."""


def tracking_uri(results: Path | str) -> str:
    """Where runs are recorded: MLFLOW_TRACKING_URI, or SQLite in ``results/mlflow.db``."""
    return os.environ.get("MLFLOW_TRACKING_URI") or sqlite_uri(Path(results).resolve() / "mlflow.db")


def sqlite_uri(file: Path) -> str:
    """The address of an SQLite file; its options begin with a question mark, which only SQLite's own form can quote."""
    plain = f"sqlite:///{file}"
    return f"sqlite+pysqlite:///file:{quote(str(file))}?uri=true" if "?" in str(file) else plain


def sqlite_file(uri: str) -> Path | None:
    """The file of an SQLite address; None for another address, or a database in memory."""
    kind, _, place = uri.partition(":///")
    path = place.partition("?")[0]
    if path.startswith("file:"):
        path = unquote(path.removeprefix("file:"))
    return Path(path) if kind.partition("+")[0] == "sqlite" and path not in ("", ":memory:") else None


def shown(uri: str) -> str:
    """An address, or a text with one in it, without the password."""
    return re.sub(r"(?<=://)[^/@\s]+@", "", uri)


def client_of(results: Path | str) -> MlflowClient:
    """A client of the database, which is made where there is none.

    Raises:
        DataError: it does not answer, is not one of MLflow's, or cannot be written.
    """
    return _client(tracking_uri(results), own=not os.environ.get("MLFLOW_TRACKING_URI"))


@lru_cache
def _client(uri: str, *, own: bool) -> MlflowClient:
    check_database(uri)
    for name, value in {**SETTINGS, **LATER_CALLS}.items():
        os.environ.setdefault(name, value)
    with one_sentence(uri):
        from mlflow import MlflowClient

        logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # it logs tracebacks of what it raises
        file = sqlite_file(uri)
        if file is not None:
            _make(file, own=own)
        client = MlflowClient(tracking_uri=uri)
        with _first_call():
            client.search_experiments(max_results=1)
    return client


@contextmanager
def one_sentence(uri: str) -> Iterator[None]:
    """Errors of MLflow, and of the libraries and files below it, become one sentence (`DataError`)."""
    try:
        yield
    except Exception as error:
        from alembic.util import CommandError
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        if not isinstance(error, (MlflowException, SQLAlchemyError, CommandError, sqlite3.Error, OSError, ImportError)):
            raise
        raise _refusal(uri, error) from None


def check_database(uri: str) -> None:
    """See that the place of an address answers and can be written, without MLflow and within some seconds.

    Raises:
        DataError: it does not, or cannot, or the address is of no kind that MLflow knows.
    """
    try:
        scheme, file = urlsplit(uri).scheme.partition("+")[0], sqlite_file(uri)
    except ValueError as error:
        raise _refusal(uri, error) from None
    if file is not None:
        if os.path.isfile(file):
            _within(uri, lambda: _try_to_write(file))
        elif os.path.exists(file):
            raise _refusal(uri, OSError(f"{file} is no file"))
    elif scheme in ("http", "https"):
        _within(uri, lambda: _ask_server(uri))
    elif scheme in _DATABASES:
        _within(uri, lambda: _connect(uri))
    elif scheme not in (*_OTHERS, *(plugin.name for plugin in entry_points(group="mlflow.tracking_store"))):
        known = ", ".join(("http", "https", "sqlite", *_DATABASES))
        raise _refusal(uri, ValueError(f"{scheme!r} is no kind of address (known are {known}, as in http://host:5000)"))


def _within(uri: str, call: Callable[[], object]) -> None:
    """Make a call that may never end, in a thread that is left behind then."""
    problems: list[Exception] = []

    def keep_problem() -> None:
        try:
            call()
        except Exception as error:  # raised below
            problems.append(error)

    thread = threading.Thread(target=keep_problem, daemon=True)
    thread.start()
    thread.join(ANSWER_SECONDS + 1)
    if thread.is_alive():
        problems.append(TimeoutError(f"no answer within {ANSWER_SECONDS + 1} s"))
    if problems:
        raise _refusal(uri, problems[0]) from None


def _try_to_write(file: Path) -> None:
    """Write what is there already, and take it back: a file that can only be read gives a lock, too."""
    with closing(_opened(file)) as database:
        database.execute("BEGIN IMMEDIATE")
        (version,) = database.execute("PRAGMA user_version").fetchone()
        database.execute(f"PRAGMA user_version = {version}")
        database.execute("ROLLBACK")


def _opened(file: Path) -> sqlite3.Connection:
    """An existing SQLite file; reading it also ends what a killed process has left half done."""
    address = f"file:{quote(str(file.resolve()))}?mode=rw"
    return sqlite3.connect(address, uri=True, timeout=ANSWER_SECONDS, isolation_level=None)


def _ask_server(uri: str) -> None:
    """Any answer will do, a refusal too: what it means is MLflow's to judge."""
    trusting = ssl._create_unverified_context()  # nothing is sent, and MLflow checks the certificate
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=trusting))
    address = shown(uri).rstrip("/") + "/health"
    try:
        opener.open(urllib.request.Request(address), timeout=ANSWER_SECONDS).close()
    except urllib.error.HTTPError:
        pass
    except http.client.HTTPException as error:
        raise OSError(f"an answer that is not HTTP: {error!r}") from None


def _connect(uri: str) -> None:
    import sqlalchemy

    sqlalchemy.create_engine(uri).connect().close()


@contextmanager
def _first_call() -> Iterator[None]:
    """Less patience, but for what the user has set."""
    changed = [name for name in FIRST_CALL if os.environ[name] == LATER_CALLS[name]]
    os.environ.update({name: FIRST_CALL[name] for name in changed})
    try:
        yield
    finally:
        os.environ.update({name: LATER_CALLS[name] for name in changed})


def _make(file: Path, *, own: bool) -> None:
    """Make an SQLite database unless it is there; a half-made one is made again if it is our own."""
    if file.exists():
        if not _is_half_made(file):
            return
        if not own and file.stat().st_size:
            remedy = "remove that file and call again: it holds no run"
            raise DataError("a whole database of MLflow", f"{file}, whose making was stopped", remedy)
        file.unlink()
        log.warning("%s: its making was stopped and no run was in it: made again", file)
    for suffix in ("-journal", "-wal", "-shm"):  # they would be played into the new one
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with atomic_file(file, replace=False) as temporary:
        temporary.touch()  # MLflow would try for minutes
        store = SqlAlchemyStore(sqlite_uri(temporary.resolve()), (file.resolve().parent / "mlruns").as_uri())
        store.engine.dispose()


def _is_half_made(file: Path) -> bool:
    """Whether it is empty, or MLflow has begun to make its tables, has noted no version yet, and no run is in them."""
    with closing(_opened(file)) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        rows = [
            database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("alembic_version", "runs")
            if table in tables
        ]
    return not tables or (bool({"experiments", "alembic_version"} & tables) and not any(rows))


def _refusal(uri: str, error: Exception) -> DataError:
    lines = str(getattr(error, "reason", "") or error).strip().splitlines() or [type(error).__name__]
    reason = shown(lines[0]) if len(lines[0]) <= LONGEST_REASON else f"{shown(lines[0][:LONGEST_REASON])}..."
    file = sqlite_file(uri)
    if isinstance(error, OSError) and error.filename:
        remedy = "mend that and call again"
    elif os.environ.get("MLFLOW_TRACKING_URI"):
        remedy = "start what MLFLOW_TRACKING_URI names, or correct or unset it (runs then go to results/mlflow.db)"
    else:
        remedy = f"free {file}, or move it away and call again: a new one is made"
    return DataError("a database for MLflow's runs", f"{shown(uri)}: {reason}", remedy)
