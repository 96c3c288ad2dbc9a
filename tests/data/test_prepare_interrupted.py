"""Preparation that is killed, or finds no room: what was finished stays, the rest is made again, to the same bytes."""

import random
import shutil
import subprocess
import sys

import pytest
from miniature import write_eventvot

from had import cli
from had.data.layouts import LAYOUTS
from had.data.prepare import prepare_split
from had.data.sequences import load_split
from had.options.recordings import PreparationOptions

EVENTVOT = LAYOUTS["eventvot"]
NAMES = ("one", "two three", "vier ünf", "{0}")

KILLED = """
import os, signal, sys
from pathlib import Path
from had.data.layouts import LAYOUTS
from had.data import prepare, prepare_sequence
from had.data.sequences import load_split
from had.options.recordings import PreparationOptions

most, calls = int(sys.argv[3]), 0

def count(frame, event, argument):
    global calls
    calls += "prepare" in frame.f_code.co_filename or frame.f_code.co_filename.endswith(("store.py", "files.py"))
    if calls == most:
        os.kill(os.getpid(), signal.SIGKILL)

asked = dict(layout=LAYOUTS["eventvot"], options=PreparationOptions(), root=Path(sys.argv[1]), split="test")
sys.setprofile(count)
prepare.prepare_split(**asked, output=Path(sys.argv[2]), images=True)
sys.setprofile(None)
print(calls)
"""


def killed(root, output, most):
    """A preparation that is killed at the ``most``-th call in the code that writes; its output and exit status."""
    command = [sys.executable, "-c", KILLED, str(root), str(output), str(most)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return answer.stdout, answer.returncode


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def same_but_for_times(one, other):
    """Whether two preparations of equal recordings differ in nothing but what says when these were written."""
    names = {path for path in one | other if path.name == "inputs.txt"}
    return names and {p: one[p] for p in one.keys() - names} == {p: other[p] for p in other.keys() - names}


def finished(output):
    """Sequence -> when it was finished; folders in the making begin with a dot. None where nothing was begun."""
    folders = [folder for folder in (output / "test").glob("*") if not folder.name.startswith(".") and folder.is_dir()]
    return {folder.name: (folder / "meta.json").stat().st_mtime_ns for folder in folders}


def prepare(root, output):
    asked = {"layout": EVENTVOT, "options": PreparationOptions(), "root": root, "split": "test"}
    prepare_split(**asked, output=output, images=True)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    root = tmp_path_factory.mktemp("recordings") / "raw"
    write_eventvot(EVENTVOT, root, names=NAMES, count=3000)
    return root


@pytest.fixture(scope="module")
def whole(recordings, tmp_path_factory):
    """All bytes of a preparation that nothing interrupts, and its calls of functions."""
    output = tmp_path_factory.mktemp("whole") / "out"
    calls, status = killed(recordings, output, -1)
    assert status == 0
    return content(output), int(calls)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_killed_at_any_point_and_resumed(recordings, whole, tmp_path, share):
    wanted, calls = whole
    at = random.Random(share).randint(int((share - 0.25) * calls), int(share * calls))
    output = tmp_path / "out"
    assert killed(recordings, output, at)[1] == -9
    done = finished(output)
    assert set(done) < set(NAMES)
    for name in done:  # what is there is whole
        for path, written in wanted.items():
            assert path.parts[1] != name or (output / path).read_bytes() == written
    prepare(recordings, output)
    assert content(output) == wanted
    assert finished(output).items() >= done.items()
    assert tuple(sequence.name for sequence in load_split(output, "test")) == NAMES
    assert share < 0.9 or done


ORPHANED = """
import multiprocessing, os, signal
from concurrent.futures import ProcessPoolExecutor
from had.data.prepare import _end_with_parent

if __name__ == "__main__":
    pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _end_with_parent)
    print(pool.submit(os.getpid).result(), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_processes_do_not_outlive_the_one_that_started_them(tmp_path):
    """The pipe of their output is closed when the last of them has ended."""
    script = tmp_path / "orphaned.py"
    script.write_text(ORPHANED)
    answer = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == -9
    assert answer.stdout.strip().isdigit()


# --- room -----------------------------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path):
    """A small disk of its own; a function that gives it another size or makes it read-only."""
    place = tmp_path / "small disk"
    place.mkdir()

    def mount(options):
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("needs the right to mount a file system")
        return place

    yield mount
    subprocess.run(["umount", "--lazy", str(place)], capture_output=True, check=False)


def had_prepare(monkeypatch, capsys, root, output, *more):
    """Exit status and all that `had prepare` says."""
    arguments = ["eventvot", "test", str(root), str(output)]
    options = zip(("--benchmark", "--split", "--root", "--output"), arguments, strict=True)
    words = ["had", "prepare", *(word for option in options for word in option), "--images", *more]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code or 0, capsys.readouterr().err


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_full_disk_is_named_and_nothing_is_lost(recordings, whole, disk, monkeypatch, capsys, workers):
    one = sum(len(written) for path, written in whole[0].items() if path.parts[1] == "one")
    place = disk(f"size={4 * one // 1024}k")  # a sequence in the making takes more than its result
    output = place / "prepared data"
    status, said = had_prepare(monkeypatch, capsys, recordings, output, "--workers", workers)
    assert status == 2
    assert "No space left" in said or "requested and" in said
    assert str(output / "test") in said
    assert "Traceback" not in said
    done = finished(output)
    assert len(done) < len(NAMES)
    assert not [path for path in (output / "test").iterdir() if path.name.startswith(".")]
    if workers == "1":
        assert "one" in done
    subprocess.run(["mount", "-o", "remount,size=16m", str(place)], check=True)
    assert had_prepare(monkeypatch, capsys, recordings, output)[0] == 0
    assert content(output) == whole[0]
    assert finished(output).items() >= done.items()


def test_a_read_only_root_is_enough(disk, monkeypatch, capsys, whole, tmp_path):
    root = disk("size=16m") / "EventVOT"
    write_eventvot(EVENTVOT, root, names=NAMES, count=3000)
    subprocess.run(["mount", "-o", "remount,ro", str(root.parent)], check=True)
    assert had_prepare(monkeypatch, capsys, root, tmp_path / "out")[0] == 0
    assert same_but_for_times(content(tmp_path / "out"), whole[0])
    status, said = had_prepare(monkeypatch, capsys, root, root.parent / "out")
    assert status == 2
    assert "Read-only file system" in said
    assert str(root.parent / "out") in said
