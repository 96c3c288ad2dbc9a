"""The pictures of an explained sequence show its arrays, and say what they mean."""

import numpy as np
import pytest
from synthetic import Annotation, PreparedSequence, experiment

from had.errors import DataError
from had.evaluation import style
from had.evaluation.explained import explained_runs, explained_sequences, read_explanation
from had.evaluation.figures import explained
from had.evaluation.rows import rows_of

K, R, H = 3, 2, 4


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(K, R + 1, H, H)).astype(np.float32)
    masses = np.exp(logits) / np.exp(logits).sum(axis=(2, 3), keepdims=True)
    losses = rng.uniform(0.01, 1, (K, R, 3)).astype(np.float32)
    losses[:, :, 2] = np.nan
    return {
        "networks": np.array(["teacher", "student", "had"]),
        "frames": np.array([1, 4, 7]),
        "windows": np.tile(np.float32([10, 20, 40]), (K, 1)),
        "search/event_image": rng.integers(0, 255, (K, 32, 32, 3), np.uint8),
        "truth": np.tile(np.float32([20, 30, 10, 10]), (K, 1)),
        "predicted": np.tile(np.float32([21, 30, 10, 10]), (K, R + 1, 1)),
        "responses": 1 / (1 + np.exp(-logits)),
        "masses": masses,
        "moves": rng.normal(0, 0.1, (K, R, H * H, 2)).astype(np.float32),
        "terms": np.array(["focal", "spatial", "temporal"]),
        "losses": losses,
    }


@pytest.fixture
def rows(tmp_path):
    return {row.run: row for row in rows_of(experiment(tmp_path))}


def texts(figure):
    figure.canvas.draw()
    return [text.get_text() for axes in figure.axes for text in (axes.xaxis.label, *axes.texts)]


def test_maps_are_on_one_scale_and_say_their_peak(arrays, rows):
    with style.applied():
        figure = explained.maps(arrays, rows)
        said = texts(figure)
    images = [axes.get_images()[0] for axes in figure.axes if axes.get_images()][: K * (R + 1)]
    assert {image.get_clim() for image in images} == {(0.0, 1.0)}
    assert np.array_equal(images[-1].get_array(), arrays["responses"][K - 1, R])
    assert f"peak {arrays['responses'][0, 0].max():.2f}" in said
    assert f"peak {arrays['responses'][K - 1, R].max():.2f}\nframe 8" in said


def test_arrows_are_the_moves_in_cells(arrays, rows):
    from matplotlib.quiver import Quiver

    with style.applied():
        figure = explained.transport(arrays, rows)
    quivers = [next(c for c in axes.collections if isinstance(c, Quiver)) for axes in figure.axes]
    assert len(quivers) == K * R
    first = quivers[0]  # all masses of four by four cells are above the least that is shown
    assert np.stack([first.U, first.V], axis=1) == pytest.approx(arrays["moves"][0, 0] * H, rel=1e-5)
    places = np.stack(np.divmod(np.arange(H * H), H)[::-1], axis=1)
    assert np.array_equal(first.XY, places)
    arrays["moves"][:] = 0
    with style.applied():
        assert "moved 0.00 cells" in texts(explained.transport(arrays, rows))


def test_terms_that_are_unknown_are_left_out(arrays, rows):
    with style.applied():
        axes = explained.terms(arrays, rows).axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["focal", "spatial"]
    large = [line for line in axes.get_lines() if line.get_markersize() == 6 and line.get_marker() != "None"]
    means = [line.get_xdata() for line in large]
    assert np.stack(means) == pytest.approx(arrays["losses"][:, :, :2].mean(axis=0))


def test_boxes_are_placed_in_the_crop(arrays, rows):
    box = explained._placed(arrays, 0, np.array([10.0, 20, 40, 40]))
    assert box == pytest.approx([-0.5, -0.5, 32, 32])
    with style.applied():
        figure = explained.crops(arrays, rows)
    assert [len(axes.patches) for axes in figure.axes] == [R + 2] * K


def test_overlap_is_that_of_the_scores_and_leaves_absent_frames_out(rows):
    boxes = np.tile([20.0, 20, 10, 10], (6, 1))
    present = np.array([True, True, True, False, True, True])
    track = boxes + np.array([5.0, 0, 0, 0])
    sequence = PreparedSequence(Annotation("a", boxes, present, {}))
    with style.applied():
        axes = explained.overlap(sequence, {rows["had"]: track}, np.array([2])).axes[0]
        pictures = explained.frames(sequence, {rows["had"]: track})
    values = axes.get_lines()[0].get_ydata()
    assert values == pytest.approx([1, 1 / 3, 1 / 3, np.nan, 1 / 3, 1 / 3], nan_ok=True)
    (label,) = (text.get_text() for text in axes.get_legend().get_texts())
    assert label == f"{rows['had'].title} [{(1 + 4 / 3) / 5:.3f}]"
    assert sum(bool(axes.get_images()) for axes in pictures.axes) == 5


def test_frames_are_counted_in_whole_numbers(tmp_path):
    row = rows_of(experiment(tmp_path))[0]
    boxes = np.tile([10.0, 10, 20, 20], (20, 1))
    with style.applied():
        axes = explained.overlap(PreparedSequence(Annotation("a", boxes, np.ones(20, bool), {})), {row: boxes}).axes[0]
    assert all(tick == int(tick) for tick in axes.get_xticks())  # there is no frame 2.5


def test_which_runs_are_explained(tmp_path):
    assert explained_runs(experiment(tmp_path)) == ["student", "had"]
    assert explained_runs(experiment(tmp_path, explain={"runs": ["had_ta"]})) == ["had_ta"]
    assert explained_runs(experiment(tmp_path, runs=["student"])) == []
    others = experiment(tmp_path, runs=["teacher", "hdetrack", "had_ta", "had_sa"])
    assert explained_runs(others) == ["hdetrack", "had_ta"]
    assert explained_runs(experiment(tmp_path, runs=["teacher"])) == []


def test_what_was_not_explained_is_said(tmp_path):
    one = experiment(tmp_path)
    assert explained_sequences(one, "coesot") == []
    with pytest.raises(DataError, match=r"no file .*sim_1\.npz; run `had explain`"):
        read_explanation(one, "coesot", "sim_1")
