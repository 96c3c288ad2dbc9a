"""Which frame a box belongs to, its clock and its size: prepared as stated, or refused by verify and prepare."""

from dataclasses import replace

import h5py
import numpy as np
import pytest
from miniature import annotate, random_events, write_aedat4, write_csv, write_eventvot, write_list
from published_trees import write_picture, write_tree, write_voxels

from had.data.box_frames import RANGE_FILE
from had.data.frames import EVENT_DTYPE
from had.data.layouts import LAYOUTS, SENSOR_FILE
from had.data.prepare import prepare_split
from had.data.sequences import load_split
from had.data.simulate.aedat4 import Aedat4Writer
from had.data.verify import verify_folder
from had.errors import ConfigError, DataError
from had.files import read_json
from had.options.recordings import PreparationOptions

COESOT, FE108, EVENTVOT = LAYOUTS["coesot"], LAYOUTS["fe108"], LAYOUTS["eventvot"]
SIZE, STEP = (64, 48), 10_000
RNG = np.random.default_rng(0)


def boxes_of(frames):
    return np.stack([np.arange(frames) + 1.0, np.full(frames, 9.0), np.full(frames, 3.0), np.full(frames, 5.0)], 1)


def write_moving(path, count, *, size=SIZE, camera_size=SIZE, readout=0, exposure=0):
    """A recording of ``count`` camera frames; the events of frame k have x = k + 2, inside box k of the whole run."""
    with Aedat4Writer(path, size=size) as writer:
        for k in range(count):
            events = np.zeros(20, EVENT_DTYPE)
            events["t"] = STEP * (k + 1) + np.arange(20) * 400
            events["x"], events["y"], events["p"] = k + 2, 10, 1
            writer.write_events(events)
            begin = STEP * (k + 1)
            image = np.full((camera_size[1], camera_size[0], 3), k, np.uint8)
            opened = begin + 4000 + exposure
            frame = (begin + readout, begin + readout + 9000)
            writer.write_frame(image, frame=frame, exposure=(opened, opened + 1000))


def one_sequence(layout, root, *, boxes, count, name="dove", raw=None, first=0, **recording):
    """A test split of one sequence whose box k is that of camera frame ``first + k``."""
    write_list(layout, root, "test", [name])
    folder = root / layout.splits["test"] / name
    annotate(layout, folder, boxes_of(first + boxes)[first:])
    write_moving(folder / (raw or f"{name}.aedat4"), count, **recording)
    return folder


def prepared(layout, root, output, **options):
    chosen = PreparationOptions(**options)
    prepare_split(layout=layout, options=chosen, root=root, split="test", output=output)
    return load_split(output, "test")[0]


def errors_of(layout, root, cache, *, deep=False, **options):
    found = verify_folder(
        layout, root, splits=["test"], options=PreparationOptions(**options), deep=deep, cache_file=cache / "cache.json"
    )
    return [problem for problem in found.problems if problem.severity == "error"]


def refused(layout, root, folder, kind, pattern, **options):
    """Verify names it, quickly and deeply, and prepare refuses it with the same words."""
    for deep in (False, True):
        (problem,) = errors_of(layout, root, folder, deep=deep, **options)
        assert problem.kind == kind
    with pytest.raises(DataError, match=pattern) as error:
        prepared(layout, root, folder / "out", **options)
    assert problem.remedy == error.value.remedy
    return problem


def check_events_lie_in_boxes(sequence, first):
    for k in range(len(sequence)):
        frame = sequence.frame(k)
        assert len(frame.events) == 20
        assert set(frame.events["x"]) == {first + k + 2}
        assert (frame.image("rgb") == first + k).all()
        assert sequence.boxes[k, 0] < frame.events["x"][0] < sequence.boxes[k, 0] + sequence.boxes[k, 2]


@pytest.mark.parametrize("raw", ["events.aedat4", "dove.aedat4"])
@pytest.mark.parametrize("place", [".", "test"])
@pytest.mark.parametrize("line", ["dove,12", "dove 12", " dove, 12 "])
def test_fe108_begins_with_the_frame_that_the_publishers_list_names(tmp_path, raw, place, line):
    one_sequence(FE108, tmp_path / "raw", boxes=6, count=20, first=12, raw=raw)
    (tmp_path / "raw" / place / FE108.starts[0]).write_text(f"airplane,105\n{line}\n")
    assert not errors_of(FE108, tmp_path / "raw", tmp_path)
    check_events_lie_in_boxes(prepared(FE108, tmp_path / "raw", tmp_path / "out"), 12)


def test_another_number_in_the_publishers_list_is_prepared_again(tmp_path):
    one_sequence(FE108, tmp_path / "raw", boxes=6, count=20, first=12)
    for number in (11, 12):
        (tmp_path / "raw" / FE108.starts[0]).write_text(f"dove,{number}\n")
        dove = prepared(FE108, tmp_path / "raw", tmp_path / "out")
    check_events_lie_in_boxes(dove, 12)


@pytest.mark.parametrize(
    ("content", "pattern"),
    [
        (None, r"first frame with a box of dove.*got no list start_frame_idx_FE108\.txt"),
        ("bear,3\n", r"first frame with a box of dove.*got no line for it"),
        ("dove,15\n", r"20 camera frames.*first box belongs to number 15"),
        ("dove,x\n", r"got 'dove,x' in line 1 of"),
        ("dove,²\n", r"in line 1 of"),
        ("dove,12\ndove,13\n", r"got 'dove,13' in line 2 of"),
        (f"dove,{'1' * 5000}\n", r"in line 1 of"),
    ],
)
def test_fe108_without_a_usable_first_frame_is_refused(tmp_path, content, pattern):
    one_sequence(FE108, tmp_path / "raw", boxes=6, count=20, first=12)
    if content is not None:
        (tmp_path / "raw" / FE108.starts[0]).write_text(content, encoding="utf-8")
    refused(FE108, tmp_path / "raw", tmp_path, "first-frame", pattern)


def test_a_list_that_contradicts_a_recording_of_as_many_frames_as_boxes_is_refused(tmp_path):
    one_sequence(FE108, tmp_path / "raw", boxes=6, count=6)
    (tmp_path / "raw" / FE108.starts[0]).write_text("dove,0\n")
    check_events_lie_in_boxes(prepared(FE108, tmp_path / "raw", tmp_path / "out"), 0)
    (tmp_path / "raw" / FE108.starts[0]).write_text("dove,12\n")
    refused(FE108, tmp_path / "raw", tmp_path, "first-frame", r"got 6 camera frames .*first box belongs to number 12")


@pytest.mark.parametrize("slicing", ["layout", "equal"])
@pytest.mark.parametrize("count", [6, 20])
@pytest.mark.parametrize("second", ["test/start_frame_idx_FE108.txt", "start_frame_idx.txt"])
def test_two_lists_with_another_number_of_one_sequence_are_refused(tmp_path, slicing, count, second):
    one_sequence(FE108, tmp_path / "raw", boxes=6, count=count)
    lists = tmp_path / "raw" / FE108.starts[0], tmp_path / "raw" / second
    lists[0].write_text("dove,0\nbear,1\n")
    lists[1].write_text("dove,0\nbear,2\n")
    assert not errors_of(FE108, tmp_path / "raw", tmp_path)  # the other sequence's number is not asked for
    lists[1].write_text("dove,12\n")
    both = rf"one number .* of dove, got 0 in {lists[0]} and 12 in {lists[1]}; correct or remove one"
    refused(FE108, tmp_path / "raw", tmp_path, "first-frame", both, slicing=slicing)


def test_a_list_that_is_put_there_later_is_seen(tmp_path):
    one_sequence(FE108, tmp_path / "raw", boxes=6, count=20, first=12)
    assert errors_of(FE108, tmp_path / "raw", tmp_path)
    (tmp_path / "raw" / FE108.starts[0]).write_text("dove,12\n")
    assert not errors_of(FE108, tmp_path / "raw", tmp_path)


def test_as_many_frames_as_boxes_need_no_list_and_two_recordings_are_refused(tmp_path):
    folder = one_sequence(FE108, tmp_path / "raw", boxes=6, count=6)
    check_events_lie_in_boxes(prepared(FE108, tmp_path / "raw", tmp_path / "out"), 0)
    write_moving(folder / "events.aedat4", 6)
    refused(
        FE108, tmp_path / "raw", tmp_path, "raw-broken", r"one raw recording, got .*dove\.aedat4 and events\.aedat4"
    )


def test_equal_slices_of_a_recording_that_begins_before_its_first_box_are_refused(tmp_path):
    one_sequence(FE108, tmp_path / "raw", boxes=6, count=20, first=12)
    (tmp_path / "raw" / FE108.starts[0]).write_text("dove,12\n")
    assert errors_of(FE108, tmp_path / "raw", tmp_path, slicing="equal")
    with pytest.raises(ConfigError, match=r"first box belongs to camera frame 12; set it to layout"):
        prepared(FE108, tmp_path / "raw", tmp_path / "out", slicing="equal")


@pytest.mark.parametrize(("extra", "listed", "first"), [(0, None, 0), (4, "dove,3\n", 3)])
def test_published_images_begin_with_the_first_boxs(tmp_path, extra, listed, first):
    folder = one_sequence(FE108, tmp_path / "raw", boxes=6, count=6)
    (folder / "dove.aedat4").unlink()
    for stream in ("aps", "dvs"):
        for k in range(6 + extra):
            write_picture(folder / stream / f"frame{k + 1:04d}.png", RNG)
    if listed is None and extra == 0:
        assert not errors_of(FE108, tmp_path / "raw", tmp_path)
    if listed:
        found = errors_of(FE108, tmp_path / "raw", tmp_path)
        assert {problem.kind for problem in found} == {"first-frame"}
        with pytest.raises(DataError, match="first frame with a box of dove"):
            prepared(FE108, tmp_path / "raw", tmp_path / "out")
        (tmp_path / "raw" / FE108.starts[0]).write_text(listed)
    dove = prepared(FE108, tmp_path / "raw", tmp_path / "out")
    assert dove.frame(0).files["rgb"].name == f"frame{first + 1:04d}.png"


@pytest.mark.parametrize(("stated", "first"), [("13,18", 12), ("1,18", 0), ("13,30", 0), ("2,6", 0), (None, 0)])
def test_a_sequences_own_range_says_with_which_frame_the_boxes_begin(tmp_path, stated, first):
    """If the range has as many frames as there are boxes, and the recording is the original one."""
    folder = one_sequence(COESOT, tmp_path / "raw", boxes=6, count=20, first=first)
    if stated:
        (folder / "start_end_index.txt").write_text(f"{stated}\n")
    assert not errors_of(COESOT, tmp_path / "raw", tmp_path)
    check_events_lie_in_boxes(prepared(COESOT, tmp_path / "raw", tmp_path / "out"), first)


def test_camera_frames_of_another_size_than_the_sensor_are_refused(tmp_path):
    one_sequence(COESOT, tmp_path / "raw", boxes=6, count=7, camera_size=(80, 60))
    refused(COESOT, tmp_path / "raw", tmp_path, "camera", r"camera frames of 64x48 pixels.*got one of 80x60")


def test_published_camera_frames_of_another_size_than_the_recording_are_refused(tmp_path):
    folder = one_sequence(COESOT, tmp_path / "raw", boxes=6, count=7, camera_size=(80, 60))
    for k in range(6):
        write_picture(folder / f"dove_aps/frame{k:04d}.png", RNG, (80, 60))
    (problem,) = errors_of(COESOT, tmp_path / "raw", tmp_path)
    assert (problem.kind, "80x60" in problem.what) == ("image-size", True)
    with pytest.raises(DataError, match=r"images of 64x48 pixels, as the recording or its folder states, got 80x60"):
        prepared(COESOT, tmp_path / "raw", tmp_path / "out")


@pytest.mark.parametrize(("shift", "pattern"), [(10**9, "no event in the read-out of any frame"), (30_000, "one time")])
def test_read_outs_on_another_clock_are_refused_and_the_exposures_can_be_taken(tmp_path, shift, pattern):
    one_sequence(COESOT, tmp_path / "raw", boxes=6, count=7, readout=shift)
    problem = refused(COESOT, tmp_path / "raw", tmp_path, "camera", pattern)
    assert "set preparation.slicing to exposure" in problem.remedy
    assert not errors_of(COESOT, tmp_path / "raw", tmp_path, slicing="exposure", deep=True)
    dove = prepared(COESOT, tmp_path / "raw", tmp_path / "out", slicing="exposure")
    assert (dove.event_counts > 0).all()


def test_a_camera_whose_times_are_all_wrong_has_no_other_slicing(tmp_path):
    one_sequence(COESOT, tmp_path / "raw", boxes=6, count=7, readout=10**9, exposure=10**9)
    problem = refused(COESOT, tmp_path / "raw", tmp_path, "camera", "no event in the read-out of any frame")
    assert "interval" in problem.remedy or "leave the sequence out" in problem.remedy


def test_streams_that_begin_with_other_numbers_need_one_file_a_box(tmp_path):
    root = write_tree(COESOT, tmp_path / "raw", raw=False)
    for name in ("test_one", "test zwei Wörter"):
        files = sorted((root / f"test/{name}/{name}_dvs").iterdir(), reverse=True)
        for path in files:
            path.rename(path.with_name(f"frame{int(path.stem[-4:]) + 1:04d}.png"))
    assert not errors_of(COESOT, root, tmp_path)
    prepared(COESOT, root, tmp_path / "whole")
    write_picture(root / "test/test_one/test_one_aps/frame0006.png", RNG)
    refused(COESOT, root, tmp_path, "numbering", r"same numbers, got 7 of rgb from 0, 6 of event_image from 1 for 6")


def test_voxels_that_begin_with_another_number_than_the_images_are_refused(tmp_path):
    root = write_tree(EVENTVOT, tmp_path / "raw", raw=False)
    folder = root / "test/test_one"
    for path in sorted((folder / "img").iterdir(), reverse=True):
        path.rename(path.with_name(f"{int(path.stem) + 1:04d}.png"))
    write_voxels(EVENTVOT, folder / "test_one_voxel/frame0006.mat", RNG)
    refused(EVENTVOT, root, tmp_path, "numbering", r"6 of event_image from 1, 7 of voxel from 0 for 6 boxes")


HDF5 = replace(
    COESOT, name="own", title="Own", raw="{sequence}.h5", raw_format="hdf5", images={"rgb": "img/{index:04d}"},
    voxels=None, presence=None, attributes=(), published={}, slicing="equal", sensor=(96, 72),
)  # fmt: skip


def hdf5_sequence(root, *, raw=True, stated=None, attribute=None):
    write_list(HDF5, root, "test", ["one"])
    folder = root / "test/one"
    annotate(HDF5, folder, boxes_of(6))
    for k in range(6):
        write_picture(folder / f"img/{k:04d}.png", RNG, (96, 72))
    if stated:
        (folder / SENSOR_FILE).write_text(stated)
    if raw:
        events = random_events(2000, size=(45, 29))
        with h5py.File(folder / "one.h5", "w") as file:
            group = file.create_group("events")
            for name in "xypt":
                group[name] = events[name] if name != "p" else (events["p"] > 0).astype(np.uint8)
            if attribute:
                group.attrs["width"], group.attrs["height"] = attribute
    return folder


@pytest.mark.parametrize("statement", [{}, {"stated": "96,72"}, {"attribute": (96, 72)}])
def test_hdf5_events_have_the_sensor_that_the_file_the_folder_or_the_layout_states(tmp_path, statement):
    hdf5_sequence(tmp_path / "raw", **statement)
    assert not errors_of(HDF5, tmp_path / "raw", tmp_path, deep=True)
    one = prepared(HDF5, tmp_path / "raw", tmp_path / "out")
    assert one.size == (96, 72)
    frame = one.frame(2)
    assert frame.image("rgb").shape == frame.image("event_image").shape == (72, 96, 3)


def test_two_statements_of_a_sensor_are_refused(tmp_path):
    hdf5_sequence(tmp_path / "raw", stated="96,72", attribute=(346, 260))
    refused(HDF5, tmp_path / "raw", tmp_path, "raw-broken", r"sensor of 96x72, as .*sensor\.txt states, got 346x260")


def test_a_stream_that_the_layout_needs_and_the_tree_has_not_is_refused(tmp_path):
    hdf5_sequence(tmp_path / "raw", raw=False)
    for options in ({}, {"published": "first"}):
        refused(
            HDF5, tmp_path / "raw", tmp_path, "no-source", "neither one.h5 nor images of stream event_image", **options
        )


def test_a_camera_stream_that_nothing_provides_is_refused(tmp_path):
    folder = hdf5_sequence(tmp_path / "raw")
    for path in (folder / "img").iterdir():
        path.unlink()
    refused(HDF5, tmp_path / "raw", tmp_path, "raw-short", "each of 6 boxes, got 0 camera frames")


def test_event_images_of_a_layout_without_them_are_not_written(tmp_path):
    hdf5_sequence(tmp_path / "raw")
    with pytest.raises(ConfigError, match="a layout with event images, got --images"):
        prepare_split(
            layout=HDF5, options=PreparationOptions(), root=tmp_path / "raw", split="test", output=tmp_path, images=True
        )


def test_more_frames_than_boxes_without_a_statement_are_a_note(tmp_path):
    one_sequence(COESOT, tmp_path / "raw", boxes=6, count=7)
    found = verify_folder(COESOT, tmp_path / "raw", splits=["test"], cache_file=tmp_path / "cache.json")
    assert "7 camera frames for 6 boxes" in {p.what for p in found.problems if p.kind == "raw-long"}


def test_frames_with_dv_processings_times_are_prepared(tmp_path):
    """It states no read-outs: the interval is taken."""
    folder = one_sequence(COESOT, tmp_path / "raw", boxes=6, count=7)
    (folder / "dove.aedat4").unlink()
    image = np.zeros((48, 64, 3), np.uint8)
    write_aedat4(folder / "dove.aedat4", random_events(3000), [(STEP * k, 900, image) for k in range(1, 8)])
    assert not errors_of(COESOT, tmp_path / "raw", tmp_path, deep=True)
    prepared(COESOT, tmp_path / "raw", tmp_path / "out")


@pytest.mark.parametrize(("count", "at", "boxes"), [(6, 0, 1), (6, 3, 1), (6, 5, 1), (2, 1, 1), (6, 4, 2)])
def test_few_boxes_have_the_events_up_to_the_next_camera_frame(tmp_path, count, at, boxes):
    """Also of frames without a box; the last interval is the median of the others."""
    folder = one_sequence(COESOT, tmp_path / "raw", boxes=boxes, count=count, first=at)
    (folder / RANGE_FILE).write_text(f"{at + 1},{at + boxes}\n")
    (folder / "dove.aedat4").unlink()
    events, image = random_events(500 * count), np.zeros((48, 64, 3), np.uint8)
    events["t"] = STEP + np.arange(500 * count) * 20
    write_aedat4(folder / "dove.aedat4", events, [(STEP * k, 900, image) for k in range(1, count + 1)])
    for deep in (False, True):
        assert not errors_of(COESOT, tmp_path / "raw", tmp_path, deep=deep)
    assert prepared(COESOT, tmp_path / "raw", tmp_path / "out").event_counts.tolist() == [500] * boxes


def test_images_of_another_size_than_the_folder_states_are_refused_and_extra_ones_counted(tmp_path):
    root = write_tree(EVENTVOT, tmp_path / "raw", raw=False)
    write_picture(root / "test/test_one/img/0006.png", RNG)
    assert not errors_of(EVENTVOT, root, tmp_path)
    prepared(EVENTVOT, root, tmp_path / "whole")
    meta = read_json(tmp_path / "whole/test/test_one/meta.json")
    assert meta["frames_dropped"] == 1
    for name in ("test_one", "test zwei Wörter"):
        (root / "test" / name / SENSOR_FILE).write_text("96,72\n")
    assert {problem.kind for problem in errors_of(EVENTVOT, root, tmp_path)} == {"image-size"}
    with pytest.raises(DataError, match="images of 96x72 pixels, as the recording or its folder states, got 64x48"):
        prepared(EVENTVOT, root, tmp_path / "out")


def test_published_voxel_slices_of_camera_frames_are_refused(tmp_path):
    layout = replace(COESOT, teacher_streams=("event_image", "voxel"))
    one_sequence(layout, tmp_path / "raw", boxes=6, count=7)
    (problem,) = errors_of(layout, tmp_path / "raw", tmp_path, voxel_slicing="published")
    assert problem.kind == "options"
    with pytest.raises(ConfigError, match=r"slicing 'equal' for preparation\.voxel_slicing published"):
        prepared(layout, tmp_path / "raw", tmp_path / "out", voxel_slicing="published")


@pytest.mark.parametrize(("jump", "severity"), [(10**15, "error"), (30 * 10**6, "error"), (0, "")])
def test_equal_slices_of_a_clock_that_jumped_are_refused(tmp_path, jump, severity):
    write_eventvot(EVENTVOT, tmp_path / "raw", names=("one",))
    events = random_events(4000)
    events["t"][3990:] += jump
    write_csv(tmp_path / "raw/test/one/one.csv", events)
    found = errors_of(EVENTVOT, tmp_path / "raw", tmp_path, deep=True)
    assert [problem.kind for problem in found] == (["raw-gap"] if severity else [])
    if severity:
        with pytest.raises(
            DataError, match=r"events all along a recording that is cut equally, got a gap of .*one\.csv"
        ):
            prepared(EVENTVOT, tmp_path / "raw", tmp_path / "out")
    else:
        prepared(EVENTVOT, tmp_path / "raw", tmp_path / "out")


def test_a_pause_between_camera_frames_is_a_note(tmp_path, caplog):
    folder = one_sequence(COESOT, tmp_path / "raw", boxes=6, count=7)
    (folder / "dove.aedat4").unlink()
    events, image = random_events(3000), np.zeros((48, 64, 3), np.uint8)
    events["t"][1500:] += 5 * 10**6
    write_aedat4(folder / "dove.aedat4", events, [(STEP * k, 900, image) for k in range(1, 8)])
    found = verify_folder(COESOT, tmp_path / "raw", splits=["test"], deep=True, cache_file=tmp_path / "cache.json")
    assert "raw-gap" in {problem.kind for problem in found.problems if problem.severity == "note"}
    prepared(COESOT, tmp_path / "raw", tmp_path / "out")
    assert "a gap of 5.0 s without events" in caplog.text


def test_camera_frames_outside_of_the_events_are_a_note(tmp_path):
    folder = one_sequence(COESOT, tmp_path / "raw", boxes=6, count=7)
    (folder / "dove.aedat4").unlink()
    image = np.zeros((48, 64, 3), np.uint8)
    camera = [(STEP * k, 900, image) for k in range(1, 8)]
    write_aedat4(folder / "dove.aedat4", random_events(800, begin=STEP, step=50), camera)
    found = verify_folder(COESOT, tmp_path / "raw", splits=["test"], cache_file=tmp_path / "cache.json")
    (note,) = [problem for problem in found.problems if problem.kind == "camera"]
    assert (note.severity, "of 6 camera frames lie outside of the events" in note.what) == ("note", True)
    prepared(COESOT, tmp_path / "raw", tmp_path / "out")
