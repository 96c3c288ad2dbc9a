"""Videos hold every frame, show the boxes, and are refused whole when something is wrong."""

import cv2
import numpy as np
import pytest

from had.errors import ConfigError, DataError
from had.evaluation import video


def read(path):
    capture = cv2.VideoCapture(str(path))
    frames = []
    while True:
        there, frame = capture.read()
        if not there:
            return frames
        frames.append(frame[..., ::-1])


def test_an_mp4_is_written_with_a_warning_and_other_suffixes_are_refused(tmp_path, caplog):
    video.write_video(tmp_path / "v.mp4", frames=grey(3), tracks=[])
    assert len(read(tmp_path / "v.mp4")) == 3
    assert "name it *.webm" in caplog.text
    with pytest.raises(ConfigError, match=r"a film \*\.webm"):
        video.write_video(tmp_path / "v.avi", frames=grey(3), tracks=[])


def grey(count, size=(120, 160)):
    return [np.full((*size, 3), 128, np.uint8) for _ in range(count)]


def drawn(boxes, colour="#000000"):
    return video.Drawn("x", boxes, colour)


def test_boxes_are_where_they_should_be_in_every_frame(tmp_path):
    boxes = np.array([[10.0 + 20 * k, 30, 40, 50] for k in range(4)])
    video.write_video(
        tmp_path / "v.webm", frames=grey(4), tracks=[drawn(boxes)], ground_truth=None, smallest_height=120
    )
    frames = read(tmp_path / "v.webm")
    assert len(frames) == 4
    assert frames[0].shape == (144, 160, 3)
    for frame, box in zip(frames, boxes.astype(int), strict=True):
        changed = np.abs(frame[:120].astype(int) - 128).max(axis=2) > 50
        rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
        assert abs(rows[0] - box[1]) <= 3
        assert abs(rows[-1] - box[1] - box[3]) <= 3
        assert abs(columns[0] - box[0]) <= 3
        assert abs(columns[-1] - min(box[0] + box[2], 159)) <= 3


def test_a_rate_that_no_film_has_is_slow_motion(tmp_path):
    """500 slices of a recording of a tenth of a second."""
    boxes = np.zeros((3, 4))
    video.write_video(tmp_path / "v.webm", frames=grey(3), tracks=[drawn(boxes)], frame_rate=4219.41)
    assert len(read(tmp_path / "v.webm")) == 3
    assert cv2.VideoCapture(str(tmp_path / "v.webm")).get(cv2.CAP_PROP_FPS) == video.FASTEST


def test_small_images_are_enlarged_and_empty_boxes_left_out(tmp_path):
    nothing = np.full((2, 4), np.nan)
    video.write_video(tmp_path / "v.webm", frames=grey(2, (61, 81)), tracks=[drawn(nothing)], ground_truth=nothing)
    (first, _) = read(tmp_path / "v.webm")
    assert first.shape == (61 * 6 + 24, 81 * 6, 3)
    assert (np.abs(first[: 61 * 6].astype(int) - 128) < 12).all()


def test_a_track_has_its_own_colour_and_the_legend_says_where_the_target_is_absent(tmp_path):
    boxes, truth = np.array([[20.0, 20, 100, 80]] * 2), np.array([[30.0, 30, 100, 80], [np.nan] * 4])
    video.write_video(
        tmp_path / "v.webm", frames=grey(2, (360, 480)), tracks=[drawn(boxes, "#D55E00")], ground_truth=truth
    )
    present, absent = (frame.astype(int) for frame in read(tmp_path / "v.webm"))
    edge = present[20, 60:100].mean(axis=0)
    assert edge[0] > edge[1] + 50 > edge[2] + 50  # vermilion
    green = [(frame[:360, :, 1] - frame[:360, :, 0] > 80).sum() for frame in (present, absent)]
    assert green[0] > 200
    assert green[1] == 0
    assert np.abs(present[360:] - absent[360:]).max() > 100


def test_a_legend_that_is_too_long_for_a_narrow_image_takes_more_lines_in_every_frame(tmp_path):
    boxes = np.array([[10.0, 30, 40, 50], [np.nan] * 4])
    tracks = [video.Drawn(f"a tracker, number {k}", boxes, "#0000FF") for k in range(3)]
    video.write_video(tmp_path / "v.webm", frames=grey(2, (360, 480)), tracks=tracks, ground_truth=boxes)
    frames = read(tmp_path / "v.webm")
    lines = (frames[0].shape[0] - 360) // video.LINE_HEIGHT
    assert lines > 1
    assert frames[0].shape == frames[1].shape
    for line in range(lines):  # writing in each line, none at the right border, where it would be cut
        caption = frames[0][360 + line * video.LINE_HEIGHT :][: video.LINE_HEIGHT]
        assert caption[:, video.LEGEND_LEFT :].min() < 100
        assert caption[:, -4:].min() > 200


@pytest.mark.parametrize(
    ("frames", "boxes", "message"),
    [
        ([], 0, "at least one frame"),
        (grey(2) + grey(1, (80, 80)), 3, "frame 3 of"),
        (grey(3), 2, "box of x for frame 3"),
    ],
)
def test_what_is_wrong_leaves_no_file(tmp_path, frames, boxes, message):
    tracks = [drawn(np.ones((boxes, 4)) * 9)]
    with pytest.raises(DataError, match=message):
        video.write_video(tmp_path / "v.webm", frames=frames, tracks=tracks)
    assert not list(tmp_path.iterdir())


def test_a_missing_encoder_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setitem(video.CODECS, ".webm", "????")
    with pytest.raises(DataError, match="an encoder"):
        video.write_video(tmp_path / "v.webm", frames=grey(1), tracks=[])
    assert not list(tmp_path.iterdir())
