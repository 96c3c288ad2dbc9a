"""One file over HTTP(S), whole or not at all: goes on after a cut, tries again within limits, gives up what stalls.

An address and what is published about the file enter, the file leaves. A cut transfer goes on where it stopped when
the server says that the rest is of the same version (``Range`` with ``If-Range``), else from the first byte. Nothing
but the address, the range and the name of this software is sent.
"""

from __future__ import annotations

import email.utils
import http.client
import re
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from had import __version__
from had.data.datasets import PublishedFile
from had.data.unfinished import Space, Unfinished, there
from had.errors import DataError
from had.files import make_folder

MOST_REDIRECTS = 5
PASSING = (408, 425, 429, 500, 502, 503, 504)
"""Answers after which the same request may succeed."""
GO_ON = "call again: it goes on from there"
CHUNK = 1 << 18
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


@dataclass(frozen=True)
class Patience:
    """When a server is given up.

    Attributes:
        connect: seconds until a connection stands.
        stall: seconds in which at least ``slowest`` bytes a second come; else the connection counts as cut.
        slowest: bytes a second.
        attempts: failures in a row, without ``progress`` new bytes between them.
        progress: bytes beyond the furthest so far that make an attempt count as a success.
        backoff: seconds before the second attempt; they double with each failure.
        longest_wait: seconds before an attempt at most, whatever the server asks for (``Retry-After``).
    """

    connect: float = 15.0
    stall: float = 60.0
    slowest: float = 1000.0
    attempts: int = 6
    progress: int = 1 << 20
    backoff: float = 1.0
    longest_wait: float = 300.0


PATIENCE = Patience()


class StoppedError(Exception):
    """The transfer was asked to stop; what came stays."""


class _AgainError(Exception):
    """An attempt failed in a way that may pass."""

    def __init__(self, reason: str, wait: float | None = None):
        super().__init__(reason)
        self.wait = wait


def fetch(
    source: PublishedFile,
    target: Path,
    *,
    space: Space,
    patience: Patience = PATIENCE,
    show: Callable[[str, int, int | None], None] = lambda name, done, total: None,
    stop: threading.Event | None = None,
) -> None:
    """Bring a file to its place; nothing is done where it is there already.

    Args:
        source: its address, and its size and checksum as far as they are published.
        target: its place.
        space: the disk's.
        patience: when the server is given up.
        show: told (file, bytes there, bytes in all or None) as they come.
        stop: ends the transfer when set.

    Raises:
        DataError: no such file, not what is published, no room, or a server that fails more often than ``patience``
            allows. What came so far is kept under another name, and a further call goes on with it.
        StoppedError: ``stop`` was set.
    """
    if source.url is None:
        raise DataError(f"an address of {source.name}", "none", "fetch it with a browser")
    if there(source, target):
        return
    stop = stop or threading.Event()
    make_folder(target.parent)
    with Unfinished(source, target) as part, requests.Session() as session:
        session.auth = lambda request: request  # no password of a .netrc leaves the machine
        for last in (False, True):
            if not part.complete:
                _until_complete(session, part, space=space, patience=patience, show=show, stop=stop)
            problem = part.mismatch()
            if problem is None:
                part.finish()
                return
            cut_unseen = part.total is None  # without a length a cut looks like an end
            if last or not (part.resumed or cut_unseen):
                part.discard()
                got = f"{problem} from {source.url}"
                raise DataError(f"{source.name} as published", got, "the file was replaced or broken: see its page")
            part.restart()  # joined from two transfers, or cut: once more, from the first byte


def _until_complete(session, part: Unfinished, *, space, patience: Patience, show, stop: threading.Event) -> None:
    failures, best = 0, part.position
    while True:
        reached = part.position
        try:
            _attempt(session, part, space=space, patience=patience, show=show, stop=stop)
            return
        except (
            _AgainError,
            requests.RequestException,
            urllib3.exceptions.HTTPError,
            http.client.HTTPException,
        ) as error:
            _refuse_hopeless(part.source.url or "", error)
            reached = max(reached, part.position)
            failures = 1 if reached >= best + patience.progress else failures + 1
            best = max(best, reached)
            if failures >= patience.attempts:
                got = f"{failures} failures in a row ({_reason(error)}) after {part.position:,} bytes"
                raise DataError(f"{part.source.name} from {part.source.url}", got, GO_ON) from None
            asked = error.wait if isinstance(error, _AgainError) else None
            wait = patience.backoff * 2 ** (failures - 1) if asked is None else asked
            if part.validator is None and part.source.checksum is None:
                part.restart()  # nothing would tell that the rest is of another version
            part.resumed = part.position > 0
            if stop.wait(min(wait, patience.longest_wait)):
                raise StoppedError from None


def _attempt(session, part: Unfinished, *, space, patience: Patience, show, stop: threading.Event) -> None:
    headers = {"Accept-Encoding": "identity", "User-Agent": f"had/{__version__}"}
    if part.position:
        headers["Range"] = f"bytes={part.position}-"
        if part.validator:
            headers["If-Range"] = part.validator
    with closing(_get(session, part.source.url or "", headers, patience)) as answer:
        total = _agree(answer, part)
        if total is not None:
            space.claim(part.path, total - part.position)
        _receive(answer, part, space=space, patience=patience, show=show, stop=stop)


def _get(session, url: str, headers: dict[str, str], patience: Patience):
    """The answer at the end of the redirects: a few, over the web alone, never from https to http."""
    first, secure = url, False
    for _ in range(MOST_REDIRECTS + 1):
        scheme = urlsplit(url).scheme
        if scheme not in ("http", "https") or (secure and scheme == "http"):
            got = f"{first}, which leads to {scheme or 'no scheme'}"
            raise DataError("an address of the web, https throughout", got, "correct it in the data file")
        secure = scheme == "https"
        times = (patience.connect, patience.stall)
        try:
            answer = session.get(url, headers=headers, stream=True, allow_redirects=False, timeout=times)
            if not answer.is_redirect:
                return answer
            answer.close()
            url = urljoin(url, answer.headers["location"])
        except requests.RequestException:
            raise
        except ValueError as error:  # where a redirect leads to what is no address
            got = f"a redirect of {url} to something else ({error})"
            raise DataError("an address of the web", got, "see the page of the file") from None
    got = f"more than {MOST_REDIRECTS} redirects from {first}"
    raise DataError("a file", got, "its address has changed: see its page")


def _agree(answer, part: Unfinished) -> int | None:
    """See what the answer is, set the part to where its bytes begin; the whole file's size where it is stated."""
    source, status = part.source, answer.status_code
    if status in PASSING:
        raise _AgainError(f"status {status}", _asked_wait(answer.headers.get("Retry-After")))
    if status == 416:  # the server has fewer bytes than there are here
        part.restart()
        raise _AgainError("another version of the file on the server")
    if status not in (200, 206):
        got = f"status {status} from {answer.url}"
        raise DataError(f"the file {source.name}", got, "its address has changed or wants a login: see its page")
    if answer.headers.get("Content-Type", "").lower().startswith("text/html") and not source.name.endswith(".html"):
        got = f"a web page from {answer.url}"
        raise DataError(f"the file {source.name}", got, "that host wants a browser: fetch it by hand")
    if answer.headers.get("Content-Encoding", "identity") not in ("identity", "") and not _compressed(source.name):
        got = f"{answer.headers['Content-Encoding']} from {answer.url}"
        raise DataError(f"{source.name} as it is", got, "that server repacks files: fetch it by hand")
    validator = _validator(answer.headers)
    if status == 206:
        found = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        total = int(found[3]) if found and found[3] != "*" else None
        same = part.total in (None, total) and validator in (None, part.validator)
        if not found or int(found[1]) != part.position or not same:
            part.restart()
            raise _AgainError("a range of another version of the file")
        part.total = total
    else:
        part.restart()
        length = answer.headers.get("Content-Length")
        total = int(length) if length and _is_number(length) else None
        part.begin(validator, total)
    ends_seen = answer.raw.chunked and status == 200  # of a range the end says nothing about the file's
    if total is None and source.bytes is None and source.checksum is None and not ends_seen:
        got = f"an answer without one from {answer.url}"
        raise DataError(f"the size of {source.name}", got, "without it a cut is not seen: state it in the data file")
    if total is not None and source.bytes not in (None, total):
        part.discard()
        expected = f"{source.bytes:,} bytes of {source.name} as published"
        raise DataError(expected, f"{total:,} from {answer.url}", "the file was replaced: see its page")
    return total


def _receive(answer, part: Unfinished, *, space, patience: Patience, show, stop: threading.Event) -> None:
    begin, before = time.monotonic(), part.position
    size = part.total if part.total is not None else part.source.bytes
    while True:
        if stop.is_set():
            raise StoppedError
        chunk = answer.raw.read1(CHUNK, decode_content=False)
        if not chunk:
            break
        part.write(chunk)
        space.used(part.path, len(chunk))
        show(part.source.name, part.position, size)
        if size is not None and part.position > size:
            part.restart()
            raise _AgainError(f"more than the {size:,} bytes that were stated")
        passed = time.monotonic() - begin
        if passed >= patience.stall:
            if part.position - before < patience.slowest * passed:
                raise _AgainError(f"{part.position - before:,} bytes in {passed:.0f} s")
            begin, before = time.monotonic(), part.position
    if size is not None and part.position < size:
        raise _AgainError(f"cut after {part.position:,} of {size:,} bytes")


def _validator(headers) -> str | None:
    """What identifies the version for ``If-Range``: a strong entity tag, else the date of its last change."""
    tag = headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified")


def _asked_wait(text: str | None) -> float | None:
    """Seconds that ``Retry-After`` asks for: a number or a date."""
    if not text:
        return None
    if _is_number(text):
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None


def _is_number(text: str) -> bool:
    return text.strip().isascii() and text.strip().isdigit()


def _compressed(name: str) -> bool:
    return name.endswith((".gz", ".tgz"))


def _refuse_hopeless(url: str, error: Exception) -> None:
    """Errors that another attempt cannot mend."""
    wrong = requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.InvalidHeader
    if isinstance(error, wrong):
        raise DataError("an address of the web", f"{url} ({_reason(error)})", "correct it in the data file") from None
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        remedy = "do not trust that server; behind a proxy name its certificates in REQUESTS_CA_BUNDLE"
        raise DataError(f"a valid certificate of {urlsplit(url).hostname}", "another", remedy) from None


def _reason(error: Exception) -> str:
    if isinstance(error, _AgainError):
        return str(error)
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
        return "no answer in time"
    return f"{type(error).__name__}: {error}"[:200]
