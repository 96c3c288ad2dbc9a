"""What networks cost: one table a benchmark, all networks timed in turn by one thread."""

import csv

import cv2
import pytest
import torch
from toy_experiment import experiment

from had.data.layouts import LAYOUTS
from had.errors import CheckpointError, ConfigError
from had.models.network import build_network
from had.models.weights import save_network
from had.tracking import profile as profiling
from had.tracking.profile import profile, time_frames

SEEDS = (0, 3)


@pytest.fixture(autouse=True)
def _threads():
    """A profile leaves its process with one thread; other tests go on with theirs."""
    torch_threads, cv_threads = torch.get_num_threads(), cv2.getNumThreads()
    yield
    torch.set_num_threads(torch_threads)
    cv2.setNumThreads(cv_threads)


@pytest.fixture
def trained(tmp_path):
    """Untrained weights where those of every run and seed belong."""
    options = experiment(tmp_path, seeds=SEEDS, tracking={"profile_frames": 7})
    for run in options.runs:
        resolved = options.resolve(run)
        layout = LAYOUTS["coesot"]
        streams = layout.teacher_streams if resolved.role == "teacher" else layout.student_streams
        for seed in SEEDS:
            path = tmp_path / "checkpoints" / "coesot" / run / f"seed{seed}" / "model.safetensors"
            path.parent.mkdir(parents=True)
            save_network(path, build_network(resolved, streams, seed=seed), {})
    return options


def test_every_run_and_seed_has_a_row(trained, tmp_path):
    profile(trained, "coesot", tmp_path / "profile.csv")
    with (tmp_path / "profile.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["run"], int(row["seed"])) for row in rows] == [(run, seed) for run in trained.runs for seed in SEEDS]
    for row in rows:
        assert (row["device"], row["threads"], row["frames"]) == ("cpu", "1", "7")
        assert float(row["fps"]) == pytest.approx(1000 / float(row["milliseconds"]), rel=1e-2)
    student = next(row for row in rows if row["run"] == "student")
    network = build_network(trained.resolve("student"), ("event_image",))
    assert int(student["parameters"]) == sum(weight.numel() for weight in network.parameters())
    # 20 tokens of width 16, two blocks: qkv, projection and MLP cost 12 D^2 a token and block, attention 2 N D.
    transformer = 2 * 20 * (12 * 16 * 16 + 2 * 20 * 16)
    embedding = 20 * 16 * 3 * 8 * 8
    head = 16 * (3 * 9 * (16 * 8 + 8 * 4 + 4 * 2 + 2 * 1) + 5)
    assert int(student["macs"]) == transformer + embedding + head
    assert len({row["macs"] for row in rows if row["run"] != "teacher"}) == 1


def test_networks_take_turns_and_all_cut_the_same_crop():
    class Noted:
        """A tracker that would run away, and writes down when it is called and where from."""

        calls: list = []  # noqa: RUF012 - shared by all on purpose

        def __init__(self, name):
            self.name = name

        def initialize(self, frame, box):
            self.boxes = box[None].copy()

        def track(self, frame):
            self.calls.append((self.name, tuple(self.boxes[0])))
            self.boxes += 50

    turn = profiling.TURN_FRAMES
    times = time_frames([Noted("a"), Noted("b")], (100, 50), turn + 2, label="test")
    assert [len(seconds) for seconds in times] == [turn + 2] * 2
    names = "".join(name for name, _ in Noted.calls)
    assert names == "a" * (turn + 1) + "b" * (turn + 1) + "aaa" + "bbb"  # one frame of each turn does not count
    assert {box for _, box in Noted.calls} == {(40.0, 20.0, 20.0, 10.0)}


def test_what_is_missing_is_named(trained, tmp_path):
    with pytest.raises(ConfigError, match="a benchmark of the configuration, got 'eventvot'"):
        profile(trained, "eventvot", tmp_path / "profile.csv")
    (tmp_path / "checkpoints/coesot/had/seed3/model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"had.seed3.model.safetensors"):
        profile(trained, "coesot", tmp_path / "profile.csv")
    assert not (tmp_path / "profile.csv").exists()
