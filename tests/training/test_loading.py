"""Signals to a process group: the training saves its state, its worker processes outlive the signal and end with it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from toy_experiment import experiment, load_toy_split

from had.training import build, clips, loop

SCRIPT = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background of a shell it is ignored
sys.path.insert(0, {tests!r})
from pathlib import Path
import torch
from toy_experiment import Recorded, experiment, load_toy_split
from had.training import build, clips, loop
for module in (build, clips):
    module.load_split = load_toy_split
loop.open_run = Recorded().open_run
step, folder = loop.run_step, Path({folder!r})
def slow(*arguments):
    parts = step(*arguments)
    (folder / "begun").touch()
    time.sleep(0.1)
    return parts
loop.run_step = slow
options = experiment(folder, training={{"student": {{"workers": {workers}, "epochs": 2, "samples": 16}}}})
loop.train(options, benchmark="coesot", run="student", seed=0, data=folder, output=folder / "out")
"""


def start(folder: Path, workers: int) -> subprocess.Popen:
    """A training in a process group of its own, behind its first step."""
    folder.mkdir(exist_ok=True)
    script = SCRIPT.format(tests=str(Path(__file__).parents[1]), folder=str(folder), workers=workers)
    log = (folder / "log.txt").open("w")
    process = subprocess.Popen([sys.executable, "-c", script], start_new_session=True, stdout=log, stderr=log)
    until(lambda: (folder / "begun").exists() or process.poll() is not None, 60)
    assert process.poll() is None, (folder / "log.txt").read_text()
    return process


def until(condition, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def group(process: subprocess.Popen) -> list[int]:
    """Living processes of its group."""
    members = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == process.pid and fields[0] != "Z":
            members.append(int(folder.name))
    return members


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Weights of the training that nothing disturbs."""
    folder = tmp_path_factory.mktemp("whole")
    return finished(folder)


def finished(folder: Path) -> dict:
    with pytest.MonkeyPatch.context() as patch:
        from toy_experiment import Recorded

        for module in (build, clips):
            patch.setattr(module, "load_split", load_toy_split)
        patch.setattr(loop, "open_run", Recorded().open_run)
        options = experiment(folder, training={"student": {"epochs": 2, "samples": 16}})
        loop.train(options, benchmark="coesot", run="student", seed=0, data=folder, output=folder / "out")
    from safetensors.torch import load_file

    return load_file(folder / "out" / "model.safetensors")


@pytest.mark.parametrize(("workers", "number"), [(2, signal.SIGTERM), (2, signal.SIGINT), (0, signal.SIGINT)])
def test_a_signal_to_the_group_saves_the_state(tmp_path, whole, workers, number):
    process = start(tmp_path, workers)
    assert len(group(process)) == 1 + workers
    os.killpg(process.pid, number)
    assert process.wait(30) == 128 + number
    said = (tmp_path / "log.txt").read_text()
    assert "Traceback" not in said, said
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["last.pt"]
    until(lambda: not group(process), 10)
    resumed = finished(tmp_path)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_workers_end_behind_a_training_that_was_killed(tmp_path):
    process = start(tmp_path, 2)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)
    until(lambda: not group(process), 15)


def test_a_second_interrupt_ends_at_once():
    stop = loop.Stop()
    stop.hear(signal.SIGTERM, None)
    stop.hear(signal.SIGINT, None)
    assert stop.number == signal.SIGINT
    with pytest.raises(KeyboardInterrupt):
        stop.hear(signal.SIGINT, None)
