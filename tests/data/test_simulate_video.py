"""A video with boxes becomes a recording: interpolation, annotation, refusals, and two real videos."""

import logging
import tarfile

import cv2
import numpy as np
import pytest

from had.data.annotations import read_attributes, read_names
from had.data.layouts import LAYOUTS
from had.data.simulate.enrol import name_of
from had.data.simulate.video import Video, VideoSource, interpolate, read_boxes, simulate_video
from had.data.simulate.write import simulate_split
from had.errors import ConfigError, DataError
from had.options.recordings import SimulationOptions, SplitSize

WIDTH, HEIGHT = 96, 64


def picture(shift):
    """A textured square at x = 20 + shift on a smooth ground, (H, W, 3) uint8 RGB."""
    rng = np.random.default_rng(0)
    ground = cv2.resize(rng.random((8, 12, 3)), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) * 60 + 90
    square = cv2.resize(rng.random((6, 6, 3)), (20, 20), interpolation=cv2.INTER_CUBIC) * 200 + 20
    image = np.clip(ground, 0, 255).astype(np.uint8)
    image[20:40, 20 + shift : 40 + shift] = np.clip(square, 0, 255).astype(np.uint8)
    return image


@pytest.fixture
def clip(tmp_path):
    """Six frames as images and their boxes, the square moves four pixels a frame."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(6):
        cv2.imwrite(str(folder / f"f{number + 7}.png"), picture(4 * number)[..., ::-1])
    boxes = tmp_path / "boxes.txt"
    boxes.write_text("".join(f"{21 + 4 * n}\t21\t20\t20\n" for n in range(6)))
    return folder, boxes


def simulate(clip, root, layout="coesot", **changes):
    given = {"name": "square", "frame_rate": 25.0, "upsampling": 10, "origin": 1, **changes}
    frames, boxes = given.pop("frames", clip[0]), given.pop("boxes", clip[1])
    simulate_video(
        layout=LAYOUTS[layout], options=SimulationOptions(seed=1), frames=frames, boxes=boxes, root=root, **given
    )


def events_of(path):
    import dv_processing

    reader = dv_processing.io.MonoCameraRecording(str(path))
    batches, frames = [], []
    while (batch := reader.getNextEventBatch()) is not None:
        batches.append(batch.numpy())
    while (frame := reader.getNextFrame()) is not None:
        frames.append(frame.image[..., ::-1])
    return np.concatenate(batches), frames


def test_the_flow_moves_the_square_instead_of_fading_it(clip):
    source = VideoSource(Video(clip[0]), upsampling=8, lead=0, exposure_us=8000)
    between = source.luminance(8 + 4 + 4)  # half way from the second frame to the third
    ends = [source.luminance(8 + 4), source.luminance(16 + 4)]
    true = np.zeros_like(between)
    true[:, 2:] = ends[0][:, :-2]
    inside = (slice(22, 38), slice(28, 44))
    faded = (ends[0] + ends[1]) / 2
    moved_error = np.abs(between - true)[inside].mean()
    assert moved_error < 0.35 * np.abs(faded - true)[inside].mean()


def test_interpolation_meets_both_frames():
    rng = np.random.default_rng(0)
    before, after = rng.random((2, 8, 9), dtype=np.float32)
    flows = tuple(rng.standard_normal((2, 8, 9, 2), dtype=np.float32))
    np.testing.assert_array_equal(interpolate(before, after, flows, 0), before)
    np.testing.assert_array_equal(interpolate(before, after, flows, 1), after)
    np.testing.assert_allclose(interpolate(before, after, None, 0.25), 0.75 * before + 0.25 * after, rtol=1e-6)


def test_events_lie_on_the_moving_square(clip, tmp_path):
    simulate(clip, tmp_path / "out")
    folder = tmp_path / "out/test/square"
    assert (tmp_path / "out/test/list.txt").read_text() == "square\n"
    boxes = np.loadtxt(folder / "groundtruth.txt", delimiter=",")
    np.testing.assert_array_equal(boxes, [[20 + 4 * n, 20, 20, 20] for n in range(6)])
    events, frames = events_of(folder / "square.aedat4")
    assert len(frames) == 6
    np.testing.assert_array_equal(frames[3], picture(12))
    for number in range(1, 5):
        begin = 1_000_000 + number * 40000
        part = events[(events["timestamp"] >= begin) & (events["timestamp"] < begin + 40000)]
        x, y = part["x"] - boxes[number, 0], part["y"] - boxes[number, 1]
        near = (x >= -4) & (x < 24) & (y >= -3) & (y < 23)
        assert len(part) > 200
        assert near.mean() > 0.9


def test_a_second_video_joins_the_list(clip, tmp_path):
    for name in ("square", "again"):
        simulate(clip, tmp_path / "out", layout="eventvot", name=name)
    folder = tmp_path / "out/test"
    assert (folder / "list.txt").read_text().split() == ["square", "again"]
    assert len((folder / "attributes.csv").read_text().split()) == 3
    assert (folder / "square/groundtruth.txt").read_text() == (folder / "again/groundtruth.txt").read_text()
    assert (folder / "square/square.csv").read_bytes() == (folder / "again/again.csv").read_bytes()


def fake_benchmark(root):
    """A downloaded split: two sequences in the list, nothing of ours in their folders."""
    folder = root / "test"
    for name in ("dvSave-1", "dvSave-2"):
        (folder / name).mkdir(parents=True)
    (folder / "list.txt").write_text("dvSave-1\ndvSave-2")
    return folder


def test_a_downloaded_benchmark_keeps_its_rows(clip, tmp_path):
    layout = LAYOUTS["coesot"]
    folder = fake_benchmark(tmp_path / "table")
    first, second = layout.attributes[:2]
    rows = f"sequence,{second},{first}\ndvSave-1,1,0\ndvSave-2,0,1\n"
    (folder / "attributes.csv").write_text(rows)
    simulate(clip, tmp_path / "table")
    assert (folder / "list.txt").read_text() == "dvSave-1\ndvSave-2\nsquare\n"
    assert (folder / "attributes.csv").read_text() == rows + "square,0,0\n"
    assert read_attributes(layout, folder)["dvSave-1"] == {second: True, first: False}

    folder = fake_benchmark(tmp_path / "none")
    simulate(clip, tmp_path / "none")
    assert set(read_attributes(layout, folder)) == {"square"}

    folder = fake_benchmark(tmp_path / "flags")
    (folder / "att").mkdir()
    (folder / "att/dvSave-1.txt").write_text("1\n" * len(layout.attributes))
    simulate(clip, tmp_path / "flags")
    found = read_attributes(layout, folder)
    assert all(found["dvSave-1"].values())
    assert found["square"] == dict.fromkeys(layout.attributes, False)


def scenes(root, **changes):
    sizes = {split: SplitSize(sequences=1, frames=8) for split in ("train", "val", "test")}
    options = SimulationOptions(width=96, height=64, **{**sizes, **changes})
    simulate_split(layout=LAYOUTS["coesot"], options=options, split="test", root=root)


@pytest.mark.parametrize("snakemake_removes_the_products_first", [False, True])
def test_scenes_simulated_beside_a_video_keep_it(clip, tmp_path, snakemake_removes_the_products_first):
    root, layout = tmp_path / "out", LAYOUTS["coesot"]
    simulate(clip, root, name="red, car")
    table = root / "test/attributes.csv"
    table.write_text(table.read_text().replace(",0", ",1"))  # by hand: flags that only a person knows
    scenes(root)
    assert read_names(layout, root, "test") == ["sim_test_0001", "red, car"]
    assert all(read_attributes(layout, root / "test")["red, car"].values())
    made = (root / "test/red, car/red, car.aedat4").stat().st_mtime_ns
    if snakemake_removes_the_products_first:
        table.unlink()
        (root / "test/list.txt").unlink()
    scenes(root, seed=5, test=SplitSize(sequences=2, frames=9))
    assert read_names(layout, root, "test") == ["sim_test_0001", "sim_test_0002", "red, car"]
    assert set(read_attributes(layout, root / "test")) == {"sim_test_0001", "sim_test_0002", "red, car"}
    assert (root / "test/red, car/red, car.aedat4").stat().st_mtime_ns == made
    scenes(root, seed=5)
    assert read_names(layout, root, "test") == ["sim_test_0001", "red, car"]


def test_scenes_are_not_mixed_into_a_downloaded_benchmark(tmp_path):
    folder = fake_benchmark(tmp_path)
    with pytest.raises(DataError, match=r"simulated recordings only in .*list.txt, got 'dvSave-1'.*--output"):
        scenes(tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["dvSave-1", "dvSave-2", "list.txt"]
    assert (folder / "list.txt").read_text() == "dvSave-1\ndvSave-2"


def test_a_name_may_have_a_space_and_a_comma(clip, tmp_path):
    root, layout = tmp_path / "out", LAYOUTS["coesot"]
    for name in ("red car", "blue, car"):
        simulate(clip, root, name=name)
    assert read_names(layout, root, "test") == ["red car", "blue, car"]
    assert set(read_attributes(layout, root / "test")) == {"red car", "blue, car"}


def test_the_name_is_the_videos_where_none_is_given(clip, tmp_path):
    for path, name in (("Crossing/img", "Crossing"), ("v1/Frames", "v1"), ("car.left", "car.left")):
        (tmp_path / path).mkdir(parents=True)
        assert name_of(tmp_path / path) == name
    (tmp_path / "film.mp4").touch()
    assert name_of(tmp_path / "film.mp4") == "film"
    simulate(clip, tmp_path / "out", name="")
    assert (tmp_path / "out/test/list.txt").read_text() == f"{tmp_path.name}\n"


def test_a_name_that_is_taken_or_none_is_refused(clip, tmp_path):
    taken = tmp_path / "out/test/square/groundtruth.txt"
    taken.parent.mkdir(parents=True)
    taken.write_text("precious")
    with pytest.raises(DataError, match=r"no recording has yet, got 'square'.*--name"):
        simulate(clip, tmp_path / "out")
    assert taken.read_text() == "precious"
    for name in ("a/b", "..", "a\nb", " a", "sim_test_0001", "x" * 300, "index.json"):
        with pytest.raises(DataError, match="--name"):
            simulate(clip, tmp_path / "out", name=name)


def test_a_video_file_gives_the_same_number_of_frames(clip, tmp_path):
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (WIDTH, HEIGHT))
    for number in range(6):
        writer.write(picture(4 * number)[..., ::-1])
    writer.release()
    video = Video(path)
    assert (len(video), video.size) == (6, (WIDTH, HEIGHT))
    assert np.abs(video[5].astype(int) - picture(20)).mean() < 12


def test_a_cut_is_cross_faded_and_the_log_says_so(tmp_path, caplog):
    rng = np.random.default_rng(0)
    for number in range(2):
        cv2.imwrite(str(tmp_path / f"{number}.png"), rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8))
    source = VideoSource(Video(tmp_path), upsampling=4, lead=0, exposure_us=8000)
    with caplog.at_level(logging.WARNING):
        middle = source.luminance(4)
    if "cross-faded" in caplog.text:
        np.testing.assert_allclose(middle, (source.luminance(2) + source.luminance(6)) / 2, atol=1e-6)
    else:
        pytest.fail("noise was taken for motion")


def test_what_does_not_fit_is_refused_in_one_sentence(clip, tmp_path):
    size = {"frames": 6, "size": (WIDTH, HEIGHT), "origin": 0}
    bad = tmp_path / "bad.txt"
    for text, message in (
        ("1,2,3,4\n" * 5, "6 boxes, one a frame"),
        ("1,2,3\n" * 6, "line 1"),
        ("1,2,3,nan\n" * 6, "four numbers"),
        (",1,2,3,4\n" * 6, "line 1"),
        ("200,2,3,4\n" * 6, "inside the 96x64 picture"),
    ):
        bad.write_text(text)
        with pytest.raises(DataError, match=message):
            read_boxes(bad, **size)
    bad.write_text("0,0,0,0\n" + "1 2 3 4\n" * 5)
    assert (read_boxes(bad, **size)[0] == 0).all()
    with pytest.raises(DataError, match="no file"):
        read_boxes(tmp_path / "none.txt", **size)
    with pytest.raises(DataError, match="origin"):
        read_boxes(bad, **{**size, "origin": 2})
    with pytest.raises(DataError, match="at least two frames"):
        Video(tmp_path)
    with pytest.raises(DataError, match="nothing at"):
        Video(tmp_path / "none")
    with pytest.raises(DataError, match="one a frame"):
        simulate(clip, tmp_path / "out", boxes=_one_line(tmp_path))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("rate", [0.0, -25.0, np.inf, np.nan, 1e-300, 1e12])
def test_a_frame_rate_is_positive(clip, tmp_path, rate):
    with pytest.raises(ConfigError, match="--frame-rate above 0"):
        simulate(clip, tmp_path / "out", frame_rate=rate)
    assert not (tmp_path / "out").exists()


def test_more_than_a_machine_can_make_is_refused(clip, tmp_path):
    with pytest.raises(ConfigError, match="--upsampling up to 1,000"):
        simulate(clip, tmp_path / "out", upsampling=10**9)
    with pytest.raises(DataError, match="the name of a folder"):
        simulate(clip, tmp_path / "out", name="a\x1b]2;b")
    for path in clip[0].iterdir():
        cv2.imwrite(str(path), np.zeros((3000, 4000), np.uint8))
    with pytest.raises(DataError, match="frames of at most 9,437,184 pixels, got 4000 x 3000"):
        simulate(clip, tmp_path / "out")
    film = tmp_path / "film.mp4"
    film.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 123\n")
    with pytest.raises(DataError, match="a pointer of Git LFS"):
        Video(film)
    assert not (tmp_path / "out").exists()


def test_boxes_that_are_no_text_are_refused(clip, tmp_path):
    clip[1].write_bytes(b"\x89PNG\xff")
    with pytest.raises(DataError, match=r"no UTF-8 text in .*boxes\.txt"):
        simulate(clip, tmp_path / "out")


def _one_line(folder):
    path = folder / "one.txt"
    path.write_text("1,2,3,4\n")
    return path


@pytest.mark.parametrize(
    ("archive", "frames", "boxes", "origin"),
    [
        ("crossing", "crossing/img", "crossing/groundtruth_rect.txt", 1),
        ("car_shadow", "car_shadow/img", "car_shadow/groundtruth_from_mask.txt", 0),
    ],
)
def test_real_videos(shared, tmp_path, archive, frames, boxes, origin):
    with tarfile.open(shared / f"data/video_boxes/{archive}.tar") as tar:
        tar.extractall(tmp_path, filter="data")
    images = sorted((tmp_path / frames).iterdir())
    lines = (tmp_path / boxes).read_text().splitlines()
    for path in images[6:]:
        path.unlink()
    short = tmp_path / "short.txt"
    short.write_text("\n".join(lines[:6]))
    simulate((tmp_path / frames, short), tmp_path / "out", name=archive, origin=origin, upsampling=4)
    events, pictures = events_of(tmp_path / f"out/test/{archive}/{archive}.aedat4")
    assert len(pictures) == 6
    assert len(events) > 1000
