"""Published images and voxels, read as they are; and what a summary says of empty slices."""

import shutil

import cv2
import h5py
import numpy as np
import pytest
from miniature import annotate, random_events, some_boxes, write_aedat4, write_csv, write_list
from scipy.io import savemat

from had.data.layouts import LAYOUTS, SENSOR_FILE
from had.data.mat_files import mat_names
from had.data.prepare import prepare_split
from had.data.published import read_voxel_file
from had.data.sequences import load_split
from had.data.verify import verify_folder
from had.errors import DataError
from had.files import read_json
from had.options.recordings import PreparationOptions

EVENTVOT, COESOT = LAYOUTS["eventvot"], LAYOUTS["coesot"]


def prepare(layout, root, output, **options):
    chosen = PreparationOptions(**options)
    prepare_split(layout=layout, options=chosen, root=root, split="test", output=output)
    return load_split(output, "test")[0]


def write_images(folder, pattern, count, *, extension=".png", size=(64, 48), grey=0):
    for index in range(count):
        path = folder / f"{pattern.format(sequence=folder.name, index=index)}{extension}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(extension, np.full((size[1], size[0], 3), grey + index, np.uint8))[1].tobytes())


def write_hdf5(path, arrays):
    """As MATLAB 7.3 does: 512 bytes before the file, columns together, of empty arrays the shape."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in arrays.items():
            array = np.asarray(array, float)
            stored = file.create_dataset(name, data=array.T if array.size else np.array(array.shape, np.uint64))
            if not array.size:
                stored.attrs["MATLAB_empty"] = np.uint8(1)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(512, b"\0"))


def some_cells():
    cells = {"coor": np.array([[1.0, 2, 3], [4, 5, 6]]), "features": np.zeros((2, 16))}
    cells["features"][0, :2], cells["features"][1, :5] = 1, -1
    return cells


WRITERS = {"version 5": savemat, "version 7.3": write_hdf5}


@pytest.fixture(params=WRITERS)
def write_mat(request):
    return WRITERS[request.param]


def test_voxels_of_both_versions(write_mat, tmp_path):
    path = tmp_path / "frame0000.mat"
    write_mat(path, some_cells())
    found = read_voxel_file(path, EVENTVOT)
    assert found[:, :3].tolist() == [[4, 5, 6], [1, 2, 3]]  # the fuller one first
    assert found[:, 3:].sum(axis=1).tolist() == [-5, 2]
    assert mat_names(path) == {"coor", "features"}


@pytest.mark.parametrize("shape", [(0, 0), (0, 3)])
def test_a_voxel_file_without_cells(write_mat, tmp_path, shape):
    path = tmp_path / "frame0000.mat"
    write_mat(path, {"coor": np.zeros(shape), "features": np.zeros((0, 16))})
    assert read_voxel_file(path, EVENTVOT).shape == (0, 19)


def damaged(**changes):
    cells = some_cells()
    for name, change in changes.items():
        change(cells[name])
    return cells


def put(where, value):
    def change(array):
        array[where] = value

    return change


DAMAGES = {
    "NaN": damaged(coor=put((0, 0), np.nan)),
    "infinite": damaged(coor=put((0, 0), np.inf)),
    "NaN polarity": damaged(features=put((0, 0), np.nan)),
    "half a cell": damaged(coor=put((0, 0), 1.5)),
    "beyond the grid": damaged(coor=put((0, 1), 75)),
    "before the grid": damaged(coor=put((0, 1), -1)),
    "polarity 2": damaged(features=put((0, 0), 2)),
    "four columns": {**some_cells(), "coor": np.zeros((2, 4))},
    "eight events": {**some_cells(), "features": np.zeros((2, 8))},
    "rows of features alone": {**some_cells(), "coor": np.zeros((0, 3))},
    "more rows of features": {**some_cells(), "features": np.zeros((3, 16))},
    "no features": {"coor": some_cells()["coor"]},
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_voxels_are_named(write_mat, tmp_path, damage):
    path = tmp_path / "frame0000.mat"
    write_mat(path, DAMAGES[damage])
    with pytest.raises(DataError, match=r"frame0000\.mat"):
        read_voxel_file(path, EVENTVOT)


@pytest.mark.parametrize("keep", [0, 100, 400])
def test_voxel_files_that_are_cut_off(write_mat, tmp_path, keep):
    path = tmp_path / "frame0000.mat"
    write_mat(path, some_cells())
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"frame0000\.mat"):
        read_voxel_file(path, EVENTVOT)


def test_text_in_place_of_numbers(tmp_path):
    path = tmp_path / "frame0000.mat"
    savemat(path, {"coor": ["abc", "def"], "features": np.zeros((2, 16))})
    with pytest.raises(DataError, match=r"frame0000\.mat"):
        read_voxel_file(path, EVENTVOT)


# --- images ---------------------------------------------------------------------------------------


def write_coesot_images(root, *, extension=".png", frames=4, name="straße 1"):
    write_list(COESOT, root, "test", [name])
    folder = root / "test" / name
    annotate(COESOT, folder, some_boxes(frames))
    write_images(folder, COESOT.images["rgb"], frames, extension=extension, grey=100)
    write_images(folder, COESOT.images["event_image"], frames, extension=extension)
    return folder


@pytest.mark.parametrize("extension", [".png", ".bmp"])
def test_published_camera_frames_and_event_images(tmp_path, extension):
    folder = write_coesot_images(tmp_path / "raw", extension=extension)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "raw").rglob("*")}
    one = prepare(COESOT, tmp_path / "raw", tmp_path / "out")
    for index in range(4):
        assert (one.frame(index).image("rgb") == 100 + index).all()
        assert (one.frame(index).image("event_image") == index).all()
        assert one.frame(index).files["rgb"].parent == folder / "straße 1_aps"
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "raw").rglob("*")} == before


@pytest.mark.parametrize("stream", ["rgb", "event_image"])
def test_images_of_another_size_than_the_first_are_named(tmp_path, stream):
    folder = write_coesot_images(tmp_path / "raw")
    odd = folder / f"{COESOT.images[stream].format(sequence=folder.name, index=2)}.png"
    cv2.imwrite(str(odd), np.zeros((48, 60, 3), np.uint8))
    with pytest.raises(DataError, match=rf"64x48 pixels, as the first, got 60x48 in .*{odd.name}"):
        prepare(COESOT, tmp_path / "raw", tmp_path / "out")
    odd.write_bytes(b"no image")
    with pytest.raises(DataError, match=f"broken file .*{odd.name}"):
        prepare(COESOT, tmp_path / "raw", tmp_path / "out")


def test_published_files_first_where_a_sequence_has_all(tmp_path):
    root = tmp_path / "raw"
    write_list(EVENTVOT, root, "test", ["one"])
    folder = root / "test" / "one"
    annotate(EVENTVOT, folder, some_boxes(4))
    (folder / SENSOR_FILE).write_text("64,48\n")
    write_csv(folder / "one.csv", random_events(4000))
    write_images(folder, EVENTVOT.images["event_image"], 4, grey=7)
    first = PreparationOptions(published="first")
    assert prepare(EVENTVOT, root, tmp_path / "a", published="first").frame(0).events is not None  # no voxels
    assert (prepare(EVENTVOT, root, tmp_path / "b", published="first", voxels=False).frame(0).events) is None
    (folder / "one_voxel").mkdir()
    for index in range(4):
        savemat(folder / "one_voxel" / f"frame{index:04d}.mat", some_cells())
    one = prepare(EVENTVOT, root, tmp_path / "c", published="first")
    assert (one.frame(1).image("event_image") == 8).all()
    assert len(one.frame(1).voxels) == 2
    assert prepare(EVENTVOT, root, tmp_path / "d").frame(0).events is not None
    (folder / "one_voxel" / "frame0002.mat").write_bytes(b"broken")
    for options, errors in ((first, 1), (PreparationOptions(), 0)):
        report = verify_folder(EVENTVOT, root, splits=("test",), options=options, workers=1)
        assert report.count("error") == errors
    with pytest.raises(DataError, match=r"frame0002\.mat"):
        prepare(EVENTVOT, root, tmp_path / "e", published="first")


# --- what the summary counts ----------------------------------------------------------------------


def test_frames_without_events_are_counted(tmp_path, caplog):
    write_list(COESOT, tmp_path / "raw", "test", ["one"])
    folder = tmp_path / "raw" / "test" / "one"
    annotate(COESOT, folder, some_boxes(6))
    images = np.zeros((8, 48, 64, 3), np.uint8)
    camera = [(10_000 * (i + 1), 2000, image) for i, image in enumerate(images)]
    write_aedat4(folder / "one.aedat4", random_events(600, begin=32_000, step=20), camera)  # 32 to 38 ms: in frame 3
    with caplog.at_level("INFO"):
        one = prepare(COESOT, tmp_path / "raw", tmp_path / "out")
    assert one.event_counts.tolist() == [0, 0, 600, 0, 0, 0]
    assert "5 frames without an event, in 1 sequences; most in one: 5" in caplog.text
    assert "2 frames without a box left out" in caplog.text
    assert read_json(tmp_path / "out" / "test" / "one" / "meta.json")["frames_empty"] == 5
    caplog.clear()
    with caplog.at_level("INFO"):  # also where nothing had to be done
        prepare(COESOT, tmp_path / "raw", tmp_path / "out")
    assert "5 frames without an event" in caplog.text
    shutil.rmtree(tmp_path / "out")
    write_aedat4(folder / "one.aedat4", random_events(600, begin=900_000, step=20), camera)
    with pytest.raises(DataError, match="no event in the interval of any frame"):  # another clock
        prepare(COESOT, tmp_path / "raw", tmp_path / "out")
    write_aedat4(folder / "one.aedat4", random_events(0), camera)
    prepare(COESOT, tmp_path / "raw", tmp_path / "out")
    assert "no frame with an event in 1 sequences: one" in caplog.text


def test_voxel_files_without_cells_are_counted(tmp_path, caplog):
    write_list(EVENTVOT, tmp_path / "raw", "test", ["one"])
    folder = tmp_path / "raw" / "test" / "one"
    annotate(EVENTVOT, folder, some_boxes(4))
    write_images(folder, EVENTVOT.images["event_image"], 4)
    (folder / "one_voxel").mkdir()
    for index in range(4):
        cells = some_cells() if index % 2 else {"coor": np.zeros((0, 3)), "features": np.zeros((0, 16))}
        savemat(folder / "one_voxel" / f"frame{index:04d}.mat", cells)
    with caplog.at_level("INFO"):
        one = prepare(EVENTVOT, tmp_path / "raw", tmp_path / "out")
    assert [len(one.frame(i).voxels) for i in range(4)] == [0, 2, 0, 2]
    assert "2 frames without a voxel" in caplog.text


def test_published_voxel_slices_need_equal_ones(tmp_path):
    write_list(EVENTVOT, tmp_path / "raw", "test", ["one"])
    folder = tmp_path / "raw" / "test" / "one"
    annotate(EVENTVOT, folder, some_boxes(3))
    (folder / SENSOR_FILE).write_text("64,48\n")
    write_csv(folder / "one.csv", random_events(4000))
    alike = prepare(EVENTVOT, tmp_path / "raw", tmp_path / "out", slices=20)
    apart = prepare(EVENTVOT, tmp_path / "raw", tmp_path / "apart", slices=20, voxel_slicing="published")
    assert np.array_equal(alike.frame(1).events, apart.frame(1).events)
    assert not np.array_equal(alike.frame(1).voxels, apart.frame(1).voxels)
