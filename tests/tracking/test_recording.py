"""A recording is cut into windows and followed."""

from typing import get_args

import numpy as np
import pytest
import torch
from toy_experiment import experiment
from typer.testing import CliRunner

from had import cli, cli_options
from had.config import dump
from had.data.frames import EVENT_DTYPE
from had.data.recordings import open_recording
from had.data.recordings.recording import Recording
from had.errors import CheckpointError, ConfigError, DataError
from had.models.network import TrackingNetwork, build_network, crops_for
from had.models.weights import load_network, save_network
from had.options.tracking import TrackingOptions
from had.tracking import recording
from had.tracking.recording import count_windows, event_windows, frames_of, track_recording

BOX = np.array([15.0, 25.0, 10.0, 10.0])


class Memory(Recording):
    """Events from an array, three a chunk."""

    def __init__(self, t, path):
        super().__init__(path, size=(64, 48))
        self.events = np.zeros(len(t), EVENT_DTYPE)
        self.events["t"], self.events["p"] = t, 1

    def decode(self, max_events):
        yield from (self.events[first : first + 3] for first in range(0, len(self.events), 3))


def cut(tmp_path, t, **limits):
    windows = event_windows(Memory(t, tmp_path), window_us=10, **limits)
    return [(begin, events["t"].tolist()) for begin, events in windows]


def test_windows_partition_the_time(tmp_path):
    t = [100, 101, 109, 110, 111, 119, 120, 145, 149, 150]
    assert cut(tmp_path, t) == [
        (100, [100, 101, 109]),
        (110, [110, 111, 119]),
        (120, [120]),
        (130, []),
        (140, [145, 149]),
    ]


def test_start_and_stop_count_from_the_first_event_whatever_their_size(tmp_path):
    t = [1000, 1005, 1012, 1018, 1025, 1033, 1047, 1060, 2010, 2020, 2030]
    assert cut(tmp_path, t, start_us=10, stop_us=30) == [(1010, [1012, 1018]), (1020, [1025])]
    assert cut(tmp_path, t, start_us=1010, stop_us=1030) == [(2010, [2010]), (2020, [2020])]
    with pytest.raises(ConfigError, match="--stop-us after --start-us, got 1010 to 30"):
        cut(tmp_path, t, start_us=1010, stop_us=30)


@pytest.mark.parametrize(("start_us", "stop_us"), [(None, None), (10, 30), (0, 60), (12, None), (None, 9000)])
def test_windows_are_counted_beforehand(tmp_path, monkeypatch, start_us, stop_us):
    t, limits = [1000, 1005, 1012, 1018, 1025, 1033, 1047, 1060], {"start_us": start_us, "stop_us": stop_us}
    monkeypatch.setattr(Memory, "last_us", lambda self: t[-1])
    assert count_windows(Memory(t, tmp_path), window_us=10, **limits) == len(cut(tmp_path, t, **limits))


def test_windows_of_an_open_end_are_unknown(tmp_path):
    t = [1000, 1005, 1060]
    assert count_windows(Memory(t, tmp_path), window_us=10) is None
    assert count_windows(Memory(t, tmp_path), window_us=10, stop_us=40) == 4


def test_a_time_outside_the_recording_is_refused_with_its_range(tmp_path):
    with pytest.raises(
        DataError, match=r"--start-us 2000 .* from 0 to 5 us after the first \(1000 to 1005 us on its own"
    ):
        cut(tmp_path, [1000, 1005], start_us=2000)


JUMP = 1_700_000_000_000_000


@pytest.mark.parametrize("strays", [1, 40, 400])
def test_a_clock_that_jumps_forward_ends_with_the_times_of_both_sides(tmp_path, strays):
    t = [*range(strays), *range(JUMP, JUMP + 500)]
    with pytest.raises(DataError, match=rf"gap of 53.9 years from {strays - 1} to {JUMP} us .* --start-us {JUMP} "):
        cut(tmp_path, t)
    assert len(cut(tmp_path, t, start_us=JUMP)) == 49
    if strays > 10:
        assert len(cut(tmp_path, t, stop_us=strays)) == strays // 10


def test_a_pause_of_less_than_ten_minutes_is_passed(tmp_path):
    t = [*range(30), *range(900_000, 900_030)]
    assert len(cut(tmp_path, t)) == 90_002


def test_a_clock_that_jumps_back_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"the clock jumped back by 53\.9 years"):
        cut(tmp_path, [*range(JUMP, JUMP + 50), *range(100)])


@pytest.fixture
def csv(tmp_path):
    """A disc that moves to the right for a second, 20,000 events a second."""
    rng = np.random.default_rng(0)
    t = np.sort(rng.integers(0, 1_000_000, 20_000))
    x = (20 + 30 * t / 1e6 + rng.normal(0, 2, len(t))).clip(0, 95).astype(int)
    y = (30 + rng.normal(0, 2, len(t))).clip(0, 71).astype(int)
    p = rng.integers(0, 2, len(t))
    path = tmp_path / "disc.csv"
    path.write_text("x,y,p,t\n" + "".join(f"{a},{b},{c},{d}\n" for a, b, c, d in zip(x, y, p, t, strict=True)))
    return path


@pytest.fixture
def checkpoint(tmp_path):
    options = experiment(tmp_path).resolve("student")
    network = build_network(options, ("event_image",), seed=0)
    carried = {"window_influence": 0.5, "size_rate": 0.3, "clip_margin": 3}
    facts = {"options": options.model_dump(mode="json"), "tracking": carried}
    save_network(tmp_path / "model.safetensors", network, facts)
    return tmp_path / "model.safetensors"


def test_follows_a_csv_recording(tmp_path, csv, checkpoint):
    boxes = tmp_path / "boxes.txt"
    box = np.array([15.0, 25.0, 10.0, 10.0])
    steps = list(track_recording(recording=csv, box=box, checkpoint=checkpoint, boxes=boxes, device="cpu"))
    assert len(steps) in (24, 25)
    assert steps[0].box == pytest.approx(box)
    assert np.diff([step.begin_us for step in steps]).tolist() == [40_000] * (len(steps) - 1)
    written = np.loadtxt(boxes, delimiter="\t")
    assert written == pytest.approx(np.array([step.box for step in steps]), abs=1e-4)
    assert sum(len(step.frame.events) for step in steps) > 18_000


def _hdf5(path, t, x, y, p):
    import h5py

    with h5py.File(path, "w") as file:
        for name, values in {"t": t / 1e6, "x": x, "y": y, "p": p}.items():
            file[f"events/{name}"] = values


def _dat(path, t, x, y, p):
    words = np.stack([t, p << 28 | y << 14 | x], axis=1).astype("<u4")
    path.write_bytes(b"% Version 2\n\x0c\x08" + words.tobytes())


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("disc.h5", _hdf5),
        ("disc.npz", lambda path, t, x, y, p: np.savez_compressed(path, t=t, x=x, y=y, p=p)),
        ("disc.dat", _dat),
    ],
)
def test_the_same_recording_in_other_formats_is_followed_alike(tmp_path, csv, checkpoint, name, write):
    x, y, p, t = np.loadtxt(csv, delimiter=",", skiprows=1, dtype=np.int64).T
    write(tmp_path / name, t, x, y, p)
    box = np.array([15.0, 25.0, 10.0, 10.0])
    options = {"box": box, "checkpoint": checkpoint, "device": "cpu", "stop_us": 200_000}
    ours, theirs = (list(track_recording(recording=path, **options)) for path in (tmp_path / name, csv))
    assert len(ours) == len(theirs) > 3
    assert np.array_equal([step.box for step in ours], [step.box for step in theirs])


def test_progress_knows_the_end_and_the_command_line_its_configuration(tmp_path, csv, checkpoint, monkeypatch):
    totals, given = [], []

    def watched(items, *, total, **labels):
        totals.append(total)
        return items

    def spied(**arguments):
        given.append(arguments)
        return track_recording(**arguments)

    monkeypatch.setattr(recording, "progress", watched)
    monkeypatch.setattr(recording, "track_recording", spied)
    file = tmp_path / "experiment.yaml"
    file.write_text(dump(experiment(tmp_path, tracking={"window_influence": 0.25})))
    boxes = tmp_path / "found.txt"
    arguments = ["track", "--recording", csv, "--checkpoint", checkpoint, "--box", "15,25,10,10", "--boxes", boxes]
    answer = CliRunner().invoke(cli.app, [*map(str, arguments), "--config", str(file)], catch_exceptions=False)
    assert answer.exit_code == 0
    assert totals == [len(np.loadtxt(boxes))]
    assert (given[0]["options"].window_influence, given[0]["device"]) == (0.25, "cpu")
    for option in (cli_options.StartUs, cli_options.StopUs):
        assert "microseconds after the recording's first event" in get_args(option)[1].help


def test_wrong_box_window_and_checkpoint_are_refused(tmp_path, csv, checkpoint):
    def start(box, source=checkpoint, **changes):
        next(track_recording(recording=csv, box=np.array(box), checkpoint=source, device="cpu", **changes))

    for box in ([500.0, 20, 10, 10], [1.0, 2, 30_000, 40_000], [1.0, 2, 1e300, 1e300], [-29_999.0, 0, 30_050, 5]):
        with pytest.raises(ConfigError, match="--box"):
            start(box)
    with pytest.raises(ConfigError, match="positive"):
        start([15.0, 20, 10, 10], window_us=0)
    network = build_network(experiment(tmp_path).resolve("student"), ("event_image",))
    save_network(tmp_path / "bare.safetensors", network, {})
    with pytest.raises(CheckpointError, match="crops"):
        start([15.0, 20, 10, 10], source=tmp_path / "bare.safetensors")


@pytest.mark.parametrize("limits", [{"start_us": -1}, {"stop_us": -40_000}])
def test_negative_times_are_refused(csv, checkpoint, limits):
    with pytest.raises(ConfigError, match=r"--st\w+-us from 0 on, got -"):
        next(track_recording(recording=csv, box=BOX, checkpoint=checkpoint, device="cpu", **limits))


def test_a_start_without_events_in_the_box_is_refused(tmp_path, csv, checkpoint):
    def start(box, source, **limits):
        next(track_recording(recording=source, box=np.array(box), checkpoint=checkpoint, device="cpu", **limits))

    with pytest.raises(DataError, match=r"first window, got none of \d\d\d inside 45,5,10,10 in the window"):
        start([45.0, 5, 10, 10], csv)
    with pytest.raises(ConfigError, match="--box"):
        start([15.0, 25, np.inf, 10], csv)
    lines = csv.read_text().splitlines()
    gap = tmp_path / "gap.csv"
    kept = [line for line in lines[1:] if not 300_000 <= int(line.split(",")[3]) < 500_000]
    gap.write_text("\n".join([lines[0], *kept]) + "\n")
    with pytest.raises(DataError, match="none of 0 inside"):
        start([25.0, 25, 10, 10], gap, start_us=350_000)


def test_the_begin_is_told_on_the_recordings_clock(tmp_path, csv, checkpoint, caplog):
    late = tmp_path / "late.csv"
    rows = [line.split(",") for line in csv.read_text().splitlines()[1:]]
    late.write_text("x,y,p,t\n" + "".join(f"{x},{y},{p},{int(t) + 5_000_000}\n" for x, y, p, t in rows))
    first = int(rows[0][3]) + 5_000_000
    with caplog.at_level("INFO"):
        next(track_recording(recording=late, box=BOX, checkpoint=checkpoint, device="cpu", start_us=80_000))
    assert f"tracked from {first + 80_000} us on the recording's own clock" in caplog.text


def test_camera_is_asked_for_where_there_is_none(csv):
    with pytest.raises(DataError, match="camera"):
        next(frames_of(open_recording(csv), window_us=1000, camera=True))


def followed(tmp_path, csv, checkpoint, *more):
    """`had track --recording` in the folder of the moment -> its boxes."""
    arguments = ["track", "--recording", csv, "--checkpoint", checkpoint, "--box", "15,25,10,10", "--stop-us", "200000"]
    arguments += ["--boxes", tmp_path / "found.txt", *more]
    CliRunner().invoke(cli.app, [str(argument) for argument in arguments], catch_exceptions=False)
    return np.loadtxt(tmp_path / "found.txt")


def test_the_same_boxes_in_two_folders(tmp_path, csv, checkpoint, monkeypatch, caplog):
    """A checkout, whose config/config.yaml has tracking options of its own, and an empty folder."""
    (tmp_path / "config").mkdir()
    configuration = tmp_path / "config" / "config.yaml"
    configuration.write_text(dump(experiment(tmp_path, tracking={"size_rate": 1.0, "window_influence": 0.5})))
    (tmp_path / "empty").mkdir()
    found = []
    for folder in (tmp_path, tmp_path / "empty"):
        monkeypatch.chdir(folder)
        with caplog.at_level("INFO"):
            found.append(followed(tmp_path, csv, checkpoint))
        assert "tracking.window_influence 0.5, tracking.size_rate 0.3, tracking.clip_margin 3, as" in caplog.text
        assert "replaces" not in caplog.text
    assert np.array_equal(*found)
    other = followed(tmp_path, csv, checkpoint, "--config", configuration)
    assert not np.array_equal(other, found[0])
    assert "tracking.size_rate 1.0 of the configuration replaces 0.3 in" in caplog.text
    assert "tracking.window_influence" not in caplog.text.rpartition("as")[2]  # the same in both


def test_an_older_checkpoint_is_followed_with_defaults_and_says_so(tmp_path, csv, checkpoint, monkeypatch, caplog):
    options = experiment(tmp_path).resolve("student")
    older = tmp_path / "older.safetensors"
    save_network(older, load_network(checkpoint)[0], {"options": options.model_dump(mode="json")})
    monkeypatch.chdir(tmp_path)
    with caplog.at_level("INFO"):
        found = followed(tmp_path, csv, older)
    assert "does not state tracking.window_influence 1, tracking.size_rate 1, tracking.clip_margin 2" in caplog.text
    steps = track_recording(
        recording=csv, box=BOX, checkpoint=older, device="cpu", stop_us=200_000, options=TrackingOptions()
    )
    assert found == pytest.approx(np.array([step.box for step in steps]), abs=1e-4)


@pytest.mark.parametrize("tracking", [{"size_rate": 0}, {"size": 1}, [1], "1", None])
def test_tracking_options_that_cannot_be_are_refused(tmp_path, csv, checkpoint, tracking):
    facts = {"options": experiment(tmp_path).resolve("student").model_dump(mode="json"), "tracking": tracking}
    save_network(tmp_path / "other.safetensors", load_network(checkpoint)[0], facts)
    with pytest.raises(CheckpointError, match="tracking options in the checkpoint"):
        next(track_recording(recording=csv, box=BOX, checkpoint=tmp_path / "other.safetensors", device="cpu"))


def test_the_sensors_size_can_be_stated(tmp_path, csv, checkpoint):
    boxes = tmp_path / "found.txt"
    arguments = ["track", "--recording", csv, "--checkpoint", checkpoint, "--box", "15,25,10,10", "--boxes", boxes]

    def end(size):
        answer = CliRunner().invoke(cli.app, [*map(str, arguments), "--stop-us", "200000", "--size", size])
        return answer.exception

    assert end("1280x720") is None
    for size in ("30x30", "96", "0x48", "-5x5", "1e3x5", "²x5", "9" * 5000 + "x1", "20000x5"):
        assert isinstance(end(size), DataError | ConfigError), size
    source = open_recording(csv, size=(1280, 720))
    assert next(frames_of(source, window_us=1000))[1].size == (1280, 720)


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({}, "crops of its training"),
        ({"options": 3}, "crops of its training"),
        ({"options": {"crops": {"search_factor": 1e6}}}, "crops of its training"),
        ({"options": {"crops": {}}}, "a known benchmark"),
        ({"options": {"crops": {}}, "benchmark": ["\x1b"]}, "a known benchmark"),
        ({"options": {"crops": {}}, "benchmark": "coesot", "tracking": [1]}, "tracking options"),
    ],
)
def test_strange_facts_in_a_checkpoint_are_one_sentence(tmp_path, csv, facts, sentence):
    options = experiment(tmp_path).resolve("student")
    save_network(tmp_path / "x.safetensors", build_network(options, ("event_image", "voxel"), seed=0), facts)
    with pytest.raises(CheckpointError, match=sentence) as caught:
        list(track_recording(recording=csv, box=BOX, checkpoint=tmp_path / "x.safetensors", device="cpu"))
    assert "\x1b" not in str(caught.value)


def test_sides_and_folded_voxels_of_the_crops_are_the_networks(tmp_path, csv):
    options = experiment(tmp_path).resolve("student")
    folded = options.model_copy(update={"network": options.network.model_copy(update={"voxel_embedding": "list"})})
    crops = crops_for(TrackingNetwork(streams=("event_image", "voxel"), **sizes_of(folded)), options.crops)
    network = build_network(folded.model_copy(update={"crops": crops}), ("event_image", "voxel"), seed=0)
    facts = {"options": {"crops": {"template_size": 48, "search_size": 48, "search_voxels": 5}}, "benchmark": "coesot"}
    save_network(tmp_path / "x.safetensors", network, facts)
    assert list(track_recording(recording=csv, box=BOX, checkpoint=tmp_path / "x.safetensors", device="cpu"))


def sizes_of(options):
    return {name: getattr(options.crops, name) for name in ("template_size", "search_size")} | (
        options.network.model_dump()
    )


def test_a_network_that_computes_no_numbers_is_one_sentence(tmp_path, csv):
    options = experiment(tmp_path).resolve("student")
    network = build_network(options, ("event_image",), seed=0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(3e38)
    save_network(tmp_path / "x.safetensors", network, {"options": options.model_dump(mode="json")})
    with pytest.raises(CheckpointError, match="weights are too large"):
        list(track_recording(recording=csv, box=BOX, checkpoint=tmp_path / "x.safetensors", device="cpu"))
