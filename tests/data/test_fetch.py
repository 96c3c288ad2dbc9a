"""Transfers from a server that cuts, lies, waits and changes its mind: a file is whole or not there."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import pytest

from had.data import unfinished
from had.data.datasets import PublishedFile
from had.data.fetch import Patience, fetch
from had.data.unfinished import Space, there
from had.errors import DataError
from tests.data.web import Server, chunked, content, silence, status

DATA = random.Random(0).randbytes(50_000)
OTHER = random.Random(1).randbytes(50_000)
QUICK = Patience(connect=2, stall=0.4, slowest=2000, attempts=3, progress=1000, backoff=0.01, longest_wait=0.3)


@pytest.fixture
def server():
    server = Server()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def get(server, tmp_path):
    """Fetch /a.zip as it is published, once; the file's content."""

    def run(patience=QUICK, **published) -> bytes:
        source = PublishedFile(**{"name": "a.zip", "url": server.url("/a.zip"), **published})
        fetch(source, tmp_path / "a.zip", space=Space(tmp_path), patience=patience)
        return (tmp_path / "a.zip").read_bytes()

    return run


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def test_a_file_comes_whole_and_a_second_call_asks_nobody(server, get, tmp_path):
    server.answers["/a.zip"] = [content(DATA)]
    assert get(bytes=len(DATA), sha256=hashlib.sha256(DATA).hexdigest()) == DATA
    assert get(bytes=len(DATA), sha256=hashlib.sha256(DATA).hexdigest()) == DATA
    assert len(server.seen) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [".a.zip.json", "a.zip"]
    headers = server.seen[0][1]
    assert headers["User-Agent"].startswith("had/")
    assert not {"Authorization", "Cookie", "Referer"} & set(headers)


def test_no_password_of_the_users_leaves_the_machine(server, get, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server.answers["/a.zip"] = [content(DATA)]
    get()
    assert "Authorization" not in server.seen[0][1]


def test_a_cut_transfer_goes_on_where_it_stopped(server, get):
    server.answers["/a.zip"] = [content(DATA, cut=20_000), content(DATA, cut=20_000), content(DATA)]
    assert get(md5=md5(DATA)) == DATA
    assert server.ranges() == [None, "bytes=20000-", "bytes=40000-"]
    assert server.seen[1][1]["If-Range"] == '"one"'


def test_progress_between_cuts_is_no_failure(server, get):
    server.answers["/a.zip"] = [content(DATA, cut=5000)]  # ten times, with three attempts allowed in a row
    assert get() == DATA
    assert len(server.seen) == 10


def test_a_server_that_ignores_ranges_starts_again_and_is_given_up(server, get, tmp_path):
    server.answers["/a.zip"] = [content(DATA, cut=20_000, ranges=False), content(DATA, ranges=False)]
    assert get(md5=md5(DATA)) == DATA
    (tmp_path / "a.zip").unlink()
    server.answers["/a.zip"] = [content(DATA, cut=20_000, ranges=False)]
    server.seen.clear()
    with pytest.raises(DataError, match="3 failures in a row"):
        get()
    assert len(server.seen) <= 4
    assert not visible(tmp_path)


@pytest.mark.parametrize("tag", ['"two"', None])
def test_a_file_that_changed_meanwhile_is_never_mixed(server, get, tag):
    server.answers["/a.zip"] = [content(DATA, cut=20_000), content(OTHER, tag=tag)]
    assert get() == OTHER


def test_a_server_that_ignores_if_range_is_seen_by_its_tag(server, get):
    def stubborn(handler):
        del handler.headers["If-Range"]
        content(OTHER, tag='"two"')(handler)

    server.answers["/a.zip"] = [content(DATA, cut=20_000), stubborn]
    assert get() == OTHER


def test_without_a_tag_or_date_nothing_is_joined(server, get):
    server.answers["/a.zip"] = [content(DATA, cut=20_000, tag=None), content(OTHER, tag=None)]
    assert get() == OTHER


def test_without_a_tag_a_checksum_finds_a_mixture(server, get):
    server.answers["/a.zip"] = [content(DATA, cut=20_000, tag=None), content(OTHER, tag=None)]
    assert get(md5=md5(OTHER)) == OTHER  # joined, found wrong, fetched again in one
    assert server.ranges() == [None, "bytes=20000-", None]


def test_a_range_from_another_place_is_not_joined(server, get):
    server.answers["/a.zip"] = [content(DATA, cut=20_000), content(DATA, shift=7), content(DATA)]
    assert get() == DATA
    assert server.ranges() == [None, "bytes=20000-", None]


def test_wrong_bytes_are_refused_and_removed(server, get, tmp_path):
    server.answers["/a.zip"] = [content(OTHER)]
    with pytest.raises(DataError, match=f"md5 {md5(OTHER)} instead of {md5(DATA)}.*replaced"):
        get(md5=md5(DATA))
    assert not list(tmp_path.iterdir())
    assert len(server.seen) == 1


def test_the_first_digits_of_a_checksum_are_compared(server, get, tmp_path):
    server.answers["/a.zip"] = [content(DATA)]
    with pytest.raises(DataError, match="instead of 000000"):
        get(md5="000000")
    assert get(md5=md5(DATA)[:6]) == DATA


def test_another_size_than_published_is_refused_before_it_comes(server, get, tmp_path):
    server.answers["/a.zip"] = [content(DATA)]
    with pytest.raises(DataError, match=r"expected 49,999 bytes of a\.zip as published, got 50,000"):
        get(bytes=49_999)
    assert not list(tmp_path.iterdir())


def test_more_bytes_than_stated_never_become_a_file(server, get, tmp_path):
    server.answers["/a.zip"] = [chunked(DATA)]
    with pytest.raises(DataError, match="more than the 40,000 bytes"):
        get(bytes=40_000)
    assert not visible(tmp_path)


def test_chunks_have_an_end_and_a_missing_one_is_seen(server, get, tmp_path):
    server.answers["/a.zip"] = [chunked(DATA, whole=False), chunked(DATA)]
    assert get() == DATA
    (tmp_path / "a.zip").unlink()
    server.answers["/a.zip"] = [chunked(DATA, whole=False)]
    with pytest.raises(DataError, match="3 failures"):
        get()
    assert not visible(tmp_path)


def test_an_answer_without_a_length_is_taken_only_where_it_can_be_checked(server, get, tmp_path):
    server.answers["/a.zip"] = [content(DATA, length=None)]
    with pytest.raises(DataError, match=r"the size of a\.zip"):
        get()
    assert get(bytes=len(DATA)) == DATA
    (tmp_path / "a.zip").unlink()
    server.answers["/a.zip"] = [content(DATA, length=None, cut=100, ranges=False)]
    with pytest.raises(DataError, match="3 failures in a row"):
        get(bytes=len(DATA))
    with pytest.raises(DataError, match="instead of"):
        get(md5=md5(DATA))
    assert not visible(tmp_path)


def test_a_cut_that_no_length_shows_is_tried_once_more(server, get):
    server.answers["/a.zip"] = [content(DATA, length=None, cut=100), content(DATA, length=None)]
    assert get(md5=md5(DATA)) == DATA


def test_the_end_of_a_range_is_not_that_of_the_file(server, get, tmp_path):
    def some(handler):
        handler.head(206, Content_Range="bytes 1000-1999/*", ETag='"one"', Transfer_Encoding="chunked")
        handler.wfile.write(b"3e8\r\n" + DATA[1000:2000] + b"\r\n0\r\n\r\n")

    def first(handler):
        handler.head(200, ETag='"one"', Transfer_Encoding="chunked")
        handler.wfile.write(b"3e8\r\n" + DATA[:1000] + b"\r\n")

    server.answers["/a.zip"] = [first, some]
    with pytest.raises(DataError, match=r"the size of a\.zip"):
        get()
    assert not visible(tmp_path)


@pytest.mark.parametrize("length", ["\xb2", "x", "-1", "1e3"])
def test_a_length_that_is_no_number_is_none(server, get, length):
    server.answers["/a.zip"] = [content(DATA, length=length)]
    with pytest.raises(DataError, match=r"the size of a\.zip"):
        get()


@pytest.mark.parametrize("place", ["http://[::1", "http://\xff\xfe/", "http://a:x/"])
def test_a_redirect_to_no_address_is_named(server, get, tmp_path, place):
    server.answers["/a.zip"] = [status(302, Location=place)]
    with pytest.raises(DataError, match="an address of the web"):
        get()
    assert not visible(tmp_path)


@pytest.mark.parametrize("code", [404, 403, 401, 410])
def test_what_no_attempt_can_mend_is_asked_once(server, get, tmp_path, code):
    server.answers["/a.zip"] = [status(code)]
    with pytest.raises(DataError, match=f"status {code}"):
        get()
    assert len(server.seen) == 1
    assert not visible(tmp_path)


def test_a_busy_server_is_asked_again_when_it_says(server, get):
    server.answers["/a.zip"] = [status(503, Retry_After=0), status(429, Retry_After="\xb2"), content(DATA)]
    assert get() == DATA
    server.answers["/b.zip"] = [status(503, Retry_After=3600), content(DATA)]
    begin = time.monotonic()
    assert get(url=server.url("/b.zip")) == DATA
    assert time.monotonic() - begin < 5  # never longer than `longest_wait`


@pytest.mark.parametrize("text", ["1", formatdate(time.time() + 3600, usegmt=True)], ids=["seconds", "a date"])
def test_retry_after_is_waited_for(server, get, tmp_path, text):
    server.answers["/a.zip"] = [status(503, Retry_After=text), content(DATA)]
    begin = time.monotonic()
    get(replace(QUICK, longest_wait=0.8))
    assert time.monotonic() - begin >= 0.8


def test_a_server_that_stays_busy_is_given_up(server, get, tmp_path):
    server.answers["/a.zip"] = [status(503)]
    with pytest.raises(DataError, match=r"3 failures in a row \(status 503\).*call again"):
        get()
    assert len(server.seen) == 3


def test_redirects_are_followed_but_not_for_ever_and_not_anywhere(server, get, tmp_path):
    server.answers |= {"/a.zip": [status(302, Location="/b.zip")], "/b.zip": [content(DATA)]}
    assert get() == DATA
    (tmp_path / "a.zip").unlink()
    for place, reason in (("/a.zip", "more than 5 redirects"), ("file:///etc/passwd", "leads to file")):
        server.answers["/a.zip"] = [status(302, Location=place)]
        with pytest.raises(DataError, match=reason):
            get()
    assert not visible(tmp_path)


def test_https_never_falls_back_to_http():
    from had.data import fetch as module

    class Session:
        def get(self, url, **options):
            return type(
                "A", (), {"is_redirect": True, "headers": {"location": "http://b.org/"}, "close": lambda s: 0}
            )()

    with pytest.raises(DataError, match="https throughout"):
        module._get(Session(), "https://a.org/", {}, QUICK)


def test_a_web_page_is_no_file(server, get, tmp_path):
    server.answers["/a.zip"] = [content(b"<html>please log in", kind="Text/HTML; charset=utf-8")]
    with pytest.raises(DataError, match=r"a web page.*browser"):
        get()
    assert not visible(tmp_path)


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "an empty file"), (b"\n<!DOCTYPE html>", "a web page"), (b'{"error": "quota"}', "a web page")],
)
def test_what_is_plainly_something_else_is_refused_without_a_checksum(server, get, tmp_path, data, reason):
    server.answers["/a.zip"] = [content(data)]
    with pytest.raises(DataError, match=reason):
        get()
    assert not visible(tmp_path)
    (tmp_path / "a.zip").write_bytes(data)  # by a browser
    with pytest.raises(DataError, match=f"{reason}; move it away"):
        get()


def test_a_checkpoint_without_its_end_is_not_taken_for_whole(tmp_path):
    source, path = PublishedFile(name="m.pth"), tmp_path / "m.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("m/data.pkl", DATA)
    assert there(source, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="without its end"):
        there(source, path)


@pytest.mark.parametrize(
    "answer",
    [silence(1.5), content(DATA, pause=0.6), content(DATA, pause=0.2)],
    ids=["silent", "halting", "drip"],
)
def test_a_slow_server_never_hangs(server, get, tmp_path, answer):
    server.answers["/a.zip"] = [answer]
    begin = time.monotonic()
    with pytest.raises(DataError, match="failures in a row"):
        get(replace(QUICK, progress=10_000, slowest=10_000))
    assert time.monotonic() - begin < 9
    assert not visible(tmp_path)


def test_no_server_at_all(tmp_path):
    source = PublishedFile(name="a.zip", url="http://127.0.0.1:9/a.zip")
    with pytest.raises(DataError, match="3 failures in a row"):
        fetch(source, tmp_path / "a.zip", space=Space(tmp_path), patience=QUICK)


def test_a_killed_process_is_gone_on_with(server, tmp_path):
    server.answers["/a.zip"] = [content(DATA, pause=0.05), content(DATA)]
    code = (
        "import sys, pathlib\nfrom had.data.datasets import PublishedFile\nfrom had.data.fetch import fetch\n"
        "from had.data.unfinished import Space\nfolder = pathlib.Path(sys.argv[2])\n"
        "fetch(PublishedFile(name='a.zip', url=sys.argv[1]), folder / 'a.zip', space=Space(folder))\n"
    )
    command = [sys.executable, "-c", code, server.url("/a.zip"), str(tmp_path)]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    part = tmp_path / ".a.zip.part"
    deadline = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size > 3000):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not visible(tmp_path)
    subprocess.run(command, cwd=Path(__file__).parents[2], check=True)
    assert (tmp_path / "a.zip").read_bytes() == DATA
    assert int(server.ranges()[1].removeprefix("bytes=").rstrip("-")) > 3000


def test_a_file_put_here_by_hand_is_checked_and_never_touched(server, get, tmp_path):
    server.answers["/a.zip"] = [content(DATA)]
    (tmp_path / "a.zip").write_bytes(DATA[:-1])
    for published in ({"bytes": len(DATA)}, {"md5": md5(DATA)}):
        with pytest.raises(DataError, match=r"a\.zip as published.*move it away"):
            get(**published)
    assert (tmp_path / "a.zip").read_bytes() == DATA[:-1]
    assert not server.seen


def test_a_file_that_was_changed_after_its_check_is_checked_again(server, get, tmp_path):
    server.answers["/a.zip"] = [content(DATA)]
    get(md5=md5(DATA))
    (tmp_path / "a.zip").write_bytes(OTHER)
    with pytest.raises(DataError, match="instead of"):
        get(md5=md5(DATA))


def test_too_little_room_is_said_before_the_first_byte(server, get, tmp_path, monkeypatch):
    server.answers["/a.zip"] = [content(DATA)]
    free = unfinished.KEPT_FREE + len(DATA) - 1
    monkeypatch.setattr(unfinished.shutil, "disk_usage", lambda path: type("U", (), {"free": free}))
    with pytest.raises(DataError, match=r"50,000 free bytes for \.a\.zip\.part, got 49,999"):
        get()
    assert (tmp_path / ".a.zip.part").stat().st_size == 0
    free += 1
    assert get() == DATA


def test_files_that_come_together_share_the_room(tmp_path, monkeypatch):
    free = unfinished.KEPT_FREE + 100
    monkeypatch.setattr(unfinished.shutil, "disk_usage", lambda path: type("U", (), {"free": free}))
    space = Space(tmp_path)
    space.claim(tmp_path / "a", 60)
    with pytest.raises(DataError, match="41 free bytes for b, got 40"):
        space.claim(tmp_path / "b", 41)
    space.used(tmp_path / "a", 20)
    space.claim(tmp_path / "b", 60)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a full disk needs the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_loses_nothing(server, small_disk, monkeypatch):
    data = random.Random(2).randbytes(1_500_000)
    server.answers["/a.zip"] = [content(data)]
    source = PublishedFile(name="a.zip", url=server.url("/a.zip"))
    monkeypatch.setattr(unfinished, "KEPT_FREE", -1 << 30)  # somebody else fills the disk meanwhile
    with pytest.raises(DataError, match=r"No space left.*make room and call again"):
        fetch(source, small_disk / "a.zip", space=Space(small_disk), patience=QUICK)
    part = small_disk / ".a.zip.part"
    there = part.stat().st_size
    assert part.read_bytes() == data[:there]
    assert there > 500_000
    subprocess.run(["mount", "-o", "remount,size=4m", small_disk], check=True)
    fetch(source, small_disk / "a.zip", space=Space(small_disk), patience=QUICK)
    assert (small_disk / "a.zip").read_bytes() == data
    assert server.ranges() == [None, f"bytes={there}-"]
