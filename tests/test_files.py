"""Outputs replace what an earlier call made, and nothing else."""

import os
import subprocess
import sys
import time

import pytest

from had.errors import DataError
from had.files import _writer, atomic_file, atomic_folder, check_folder, make_folder, read_json, read_text


def content(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write(path, *names):
    for name in names:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(name)
    return path


@pytest.mark.parametrize("names", [(), ("index.json", "tokens.npy"), ("tokens.npy", "logits.npy"), ("index.json",)])
def test_a_product_gives_way_whole_or_not(tmp_path, names):
    (tmp_path / "lessons").mkdir()
    write(tmp_path / "lessons", *names)
    with atomic_folder(tmp_path / "lessons") as folder:
        write(folder, "index.json")
    assert content(tmp_path) == {"lessons/index.json": b"index.json"}


@pytest.mark.parametrize("names", [("thesis.tex",), ("index.json", "notes.txt"), ("index.json", "one/meta.json")])
def test_somebodys_files_stay(tmp_path, names):
    before = content(write(tmp_path / "mine", *names))
    with pytest.raises(DataError, match=r"got '(thesis\.tex|notes\.txt|one)' in .*another --output"):
        atomic_folder(tmp_path / "mine").__enter__()
    assert content(tmp_path / "mine") == before
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_files_that_came_meanwhile_stay(tmp_path):
    def made():
        with atomic_folder(tmp_path / "out") as folder:
            write(folder, "index.json")
            write(tmp_path / "out", "thesis.tex")

    with pytest.raises(DataError, match="'thesis"):
        made()
    assert content(tmp_path) == {"out/thesis.tex": b"thesis.tex"}


def test_a_file_or_a_link_in_the_place_stays(tmp_path):
    write(tmp_path, "file", "folder/index.json")
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    for name in ("file", "link"):
        with pytest.raises(DataError, match="something else"):
            atomic_folder(tmp_path / name).__enter__()


def test_a_pipe_or_device_in_the_place_of_a_file_stays(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/null")
    for name in ("pipe", "device"):
        with pytest.raises(DataError, match=r"got a device or pipe"):
            atomic_file(tmp_path / name).__enter__()
    assert (tmp_path / "pipe").is_fifo()


def test_through_a_link_the_file_that_it_leads_to_is_written(tmp_path):
    write(tmp_path, "real/table.csv")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real/table.csv")
    (tmp_path / "new.csv").symlink_to(tmp_path / "real/new.csv")
    for name in ("link.csv", "new.csv"):
        with atomic_file(tmp_path / name) as path:
            path.write_text(name)
    assert (tmp_path / "link.csv").is_symlink()
    assert content(tmp_path / "real") == {"table.csv": b"link.csv", "new.csv": b"new.csv"}


@pytest.mark.parametrize("path", ["/dev/null/x", "file/x", "a" * 5000, "x/" + "a" * 300, "ab/" * 2000])
def test_a_folder_that_cannot_be_made_is_one_sentence_and_nothing_is_made(tmp_path, monkeypatch, path):
    monkeypatch.chdir(write(tmp_path, "file"))
    with pytest.raises(DataError, match="a folder that can be made"):
        check_folder(path)
    check_folder("new/folder")
    assert os.listdir() == ["file"]


@pytest.fixture
def dead():
    """The number of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def host():
    return _writer().partition("-")[0]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_leftovers_of_dead_processes_go_when_the_path_is_written_again(tmp_path, dead, kind):
    stem, suffix = ("last", ".part.pt") if kind == "file" else ("last.pt", ".part")
    stale = [f".{stem}.{host()}-{number}{suffix}" for number in (dead, os.getpid())]
    kept = [f".{stem}.{host()}-1{suffix}", f".other.{host()}-{dead}{suffix}", f".{stem}.{dead}{suffix}", "last.txt"]
    stale += [f"{stale[0]}-journal"] if kind == "file" else []
    for name in (*stale, *kept):
        if kind == "file":
            write(tmp_path, name)
        else:
            write(tmp_path / name, "half.npy")
    with (atomic_file if kind == "file" else atomic_folder)(tmp_path / "last.pt") as temporary:
        if kind == "file":
            temporary.write_text("whole")
    assert {path.name for path in tmp_path.iterdir()} == {"last.pt", *kept}


def test_leftovers_of_other_hosts_go_after_a_day_without_a_write(tmp_path):
    for name in (".a.fedcba-7.part.txt", ".a.7.part.txt", ".a.fedcba-8.part.txt"):
        write(tmp_path, name)
    write(tmp_path / ".b.fedcba-7.part", "half.npy")
    write(tmp_path / ".b.fedcba-8.part", "half.npy")
    yesterday = time.time() - 90_000
    for name in (".a.fedcba-7.part.txt", ".a.7.part.txt", ".b.fedcba-7.part/half.npy", ".b.fedcba-7.part"):
        os.utime(tmp_path / name, (yesterday, yesterday))
    os.utime(tmp_path / ".b.fedcba-8.part", (yesterday, yesterday))  # a file inside is new
    with atomic_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("whole")
    with atomic_folder(tmp_path / "b"):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"a.txt", "b", ".a.fedcba-8.part.txt", ".b.fedcba-8.part"}


def test_a_write_killed_in_the_middle_leaves_nothing_after_the_next_one(tmp_path):
    code = "import os, sys; from had.files import atomic_file\n"
    code += "with atomic_file(sys.argv[1]) as path:\n path.touch()\n os._exit(9)"
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code, tmp_path / "last.pt"], check=False)
        assert len(list(tmp_path.iterdir())) == 1
    with atomic_file(tmp_path / "last.pt") as path:
        path.touch()
    assert [path.name for path in tmp_path.iterdir()] == ["last.pt"]


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_came_meanwhile_stays_where_that_is_wanted(tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(PermissionError()))
    for text in ("first", "second"):
        with atomic_file(tmp_path / "a.txt", replace=False) as path:
            path.write_text(text)
    assert content(tmp_path) == {"a.txt": b"first"}


def test_broken_text_and_broken_json(tmp_path):
    (tmp_path / "list.txt").write_bytes(b"one\n\xff\xfe")
    with pytest.raises(DataError, match=r"expected a list, got no UTF-8 text in line 2 of .*list\.txt"):
        read_text(tmp_path / "list.txt", "a list")
    (tmp_path / "text.txt").write_bytes(b"\xef\xbb\xbfone")
    assert read_text(tmp_path / "text.txt", "a list") == "one"
    for text in ("{", "[1]", ""):
        (tmp_path / "index.json").write_text(text)
        assert read_json(tmp_path / "index.json") == {}


@pytest.mark.parametrize("below", ["", "one", "one/two"])
def test_a_folder_in_the_place_of_a_file_or_below_one_is_one_sentence(tmp_path, below):
    write(tmp_path, "mine")
    with pytest.raises(DataError, match=rf"expected a folder .*, got a file {tmp_path / 'mine'}; give another output"):
        make_folder(tmp_path / "mine" / below)
    with pytest.raises(DataError, match=r"got a file .*mine;"):
        atomic_file(tmp_path / "mine" / below / "table.csv").__enter__()
    with pytest.raises(DataError, match=r"got a file .*mine;|something else at .*mine"):
        atomic_folder(tmp_path / "mine" / below).__enter__()
    assert content(tmp_path) == {"mine": b"mine"}


def test_a_file_in_the_place_of_a_folder_is_one_sentence(tmp_path):
    write(tmp_path / "mine", "a.txt")
    with pytest.raises(DataError, match=r"expected a file .*mine, got a folder"):
        atomic_file(tmp_path / "mine").__enter__()
    assert content(tmp_path) == {"mine/a.txt": b"a.txt"}


def test_a_folder_that_cannot_be_written_in_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
    with pytest.raises(DataError, match=r"got .*, which is not writable"):
        atomic_file(tmp_path / "table.csv").__enter__()


def test_a_folder_that_cannot_be_made_is_one_sentence():
    with pytest.raises(DataError, match=r"expected a folder /proc/mine, got none \(.+\); give another output"):
        make_folder("/proc/mine")
