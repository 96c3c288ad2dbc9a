"""Annotations in the published layouts, whole and damaged."""

from types import SimpleNamespace

import numpy as np
import pytest
from miniature import annotate, some_boxes, write_list

from had.data import sequences
from had.data.annotations import read_attributes, read_ground_truth, read_sensor, read_slices
from had.data.layouts import LAYOUTS
from had.data.names import read_list
from had.data.sequences import load_split, read_annotation, read_split
from had.data.simulate.video import read_boxes
from had.errors import DataError

COESOT, VISEVENT, FE108 = (LAYOUTS[name] for name in ("coesot", "visevent", "fe108"))


@pytest.fixture
def root(tmp_path):
    names = ("ärger mit leerzeichen", "b")
    write_list(COESOT, tmp_path, "test", names)
    for name in names:
        annotate(COESOT, tmp_path / "test" / name, some_boxes(5), np.array([1, 1, 0, 1, 1], bool))
    return tmp_path


def test_split_is_read_in_the_order_of_its_list(root):
    first, second = read_split(COESOT, root, "test")
    assert (first.name, second.name) == ("ärger mit leerzeichen", "b")
    assert np.array_equal(first.boxes, some_boxes(5))
    assert first.boxes.dtype == np.float64
    assert first.present.tolist() == [True, True, False, True, True]
    assert first.attributes == {}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("separator", [",", "\t", " ", ", "])
def test_every_layout_says_present_its_own_way(tmp_path, layout, separator):
    flags = np.array([True, False, True])
    boxes = some_boxes(3) * flags[:, None]  # a layout without flags knows absence by empty boxes
    annotate(layout, tmp_path / "a", boxes, flags, separator=separator)
    found = read_annotation(layout, tmp_path / "a", "a")
    assert found.present.tolist() == flags.tolist()
    assert np.array_equal(found.boxes, boxes)
    if layout is VISEVENT:
        assert (tmp_path / "a" / "absent.txt").read_text().split() == ["0", "1", "0"]


def damage_box(folder):
    (folder / "groundtruth.txt").write_text("1,2,3,4\n5,6,seven,8\n")


def damage_nan(folder):
    (folder / "groundtruth.txt").write_text("1,2,3,4\nnan,nan,nan,nan\n")


def damage_short_box(folder):
    (folder / "groundtruth.txt").write_text("1,2,3,4\n1,2,3\n")


def damage_flags(folder):
    (folder / "absent.txt").write_text("1\n1\n")


def damage_flag(folder):
    (folder / "absent.txt").write_text("1\n2\n1\n1\n1\n")


def damage_empty(folder):
    (folder / "groundtruth.txt").write_text("\n")


def damage_gone(folder):
    (folder / "groundtruth.txt").unlink()


def damage_no_flags(folder):
    (folder / "absent.txt").unlink()


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (damage_box, r"x,y,w,h.*'5,6,seven,8' in line 2 of .*groundtruth\.txt"),
        (damage_nan, r"line 2 of .*groundtruth\.txt"),
        (damage_short_box, r"'1,2,3' in line 2 of .*groundtruth\.txt"),
        (damage_flags, r"each of 5 boxes .*present, 0 .*absent.*, got 2 flags in .*absent\.txt"),
        (damage_flag, r"'2' in line 2 of .*absent\.txt"),
        (damage_empty, r"an empty file .*groundtruth\.txt"),
        (damage_gone, r"no file .*groundtruth\.txt"),
        (damage_no_flags, r"no file .*absent\.txt"),
    ],
)
def test_damage_is_named(root, damage, match):
    damage(root / "test" / "b")
    with pytest.raises(DataError, match=match):
        read_split(COESOT, root, "test")


@pytest.mark.parametrize(
    "box", ["1_0,2,3,4", "١,2,3,4", "1,,2,3,4", "1,2,3,4_", "1,2,inf,4", "1,2,1e999,4", "1,2,x,3,4"]
)
def test_what_result_files_may_not_say_no_annotation_says(root, box):
    (root / "test/b/groundtruth.txt").write_text(f"1,2,3,4\n{box}\n1,2,3,4\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"in line 2 of .*groundtruth\.txt"):
        read_ground_truth(root / "test/b/groundtruth.txt")
    with pytest.raises(DataError, match=r"in line 2 of .*groundtruth\.txt"):
        read_boxes(root / "test/b/groundtruth.txt", frames=3, size=(640, 480), origin=0)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\n", ",\n"])
@pytest.mark.parametrize(
    "box", ["1,2,3,4", "1\t2\t3\t4", "1 2 3 4", "1 , 2 , 3 , 4", "1;2;3;4", "1.0,+2.,.3e1,4E+00", "\u00a01 2 3 4"]
)
def test_boxes_as_real_files_write_them_are_read(tmp_path, box, end):
    (tmp_path / "groundtruth.txt").write_bytes(f"\ufeff{box}\n{box}{end}".encode())
    assert read_ground_truth(tmp_path / "groundtruth.txt").tolist() == [[1, 2, 3, 4]] * 2


def test_lists(root):
    path = root / "test" / "list.txt"
    path.write_text("b\nb\n")
    with pytest.raises(DataError, match=r"'b' more than once in .*list\.txt .line 2 of it"):
        read_split(COESOT, root, "test")
    path.write_text("../b\n")
    with pytest.raises(DataError, match="names of folders"):
        read_split(COESOT, root, "test")
    path.write_text("")
    with pytest.raises(DataError, match="which is empty"):
        read_split(COESOT, root, "test")
    path.unlink()
    with pytest.raises(DataError, match=r"no file .*list\.txt"):
        read_split(COESOT, root, "test")
    with pytest.raises(DataError, match=r"'tset'.*did you mean 'test'"):
        read_split(COESOT, root, "tset")


@pytest.mark.parametrize("names", [("car", "car_time"), ("car_time", "bus", "car"), ("a.npy", "a")])
def test_sequences_that_would_share_a_file_are_refused_where_they_are_read(tmp_path, monkeypatch, names):
    path = tmp_path / "list.txt"
    path.write_text("\n".join(names))
    with pytest.raises(DataError, match=r"files of their own, got '.*' and '.*' in .*list\.txt, .*; rename one"):
        read_list(path)
    monkeypatch.setattr(sequences, "Sequence", lambda folder, meta, root: SimpleNamespace(name=meta["name"]))
    (tmp_path / "test").mkdir()
    index = {"benchmark": "coesot", "split": "test", "root": "raw", "sequences": [{"name": name} for name in names]}
    (tmp_path / "test" / "index.json").touch()
    monkeypatch.setattr(sequences, "read_description", lambda path: index)
    with pytest.raises(DataError, match=r"got '.*' and '.*' in .*index\.json"):
        load_split(tmp_path, "test")


def test_names_that_only_look_alike_are_read(tmp_path):
    names = ["car", "Car", "time", "_time", "car_times", "car_time_time", "dog_time"]
    (tmp_path / "list.txt").write_text("\n".join(names))
    for name in names:
        (tmp_path / name).mkdir()
    assert read_list(tmp_path / "list.txt") == names


def test_names_for_one_folder_are_refused(tmp_path):
    (tmp_path / "Car").mkdir()
    (tmp_path / "car").symlink_to(tmp_path / "Car")  # as on a file system that does not tell capitals
    (tmp_path / "list.txt").write_text("Car\ncar\n")
    with pytest.raises(DataError, match=r"got 'Car' and 'car' in .*list\.txt, which are the same folder"):
        read_list(tmp_path / "list.txt")


@pytest.mark.parametrize("name", ["list.txt", "attributes.csv", "att/b.txt", "b/sensor.txt", "b/slices.txt"])
def test_bytes_that_are_no_text_are_refused(root, name):
    path = root / "test" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"\xff\xfe1\x00")
    readers = {
        "sensor.txt": lambda: read_sensor(COESOT, path.parent),
        "slices.txt": lambda: read_slices(path.parent),
    }
    with pytest.raises(DataError, match=f"no UTF-8 text in .*{path.name}"):
        readers.get(path.name, lambda: read_split(COESOT, root, "test"))()


def test_training_sequences_of_another_split_are_left_out(root, caplog):
    write_list(COESOT, root, "train", ["c", "b"])
    annotate(COESOT, root / "train" / "c", some_boxes(4))
    assert [annotation.name for annotation in read_split(COESOT, root, "train")] == ["c"]
    assert "b" in caplog.text


def test_attributes_of_a_table_beside_or_above_the_split(root):
    table = "sequence,CM,BOM\nb,1,0\n"
    for place in (root, root / "test"):
        (place / "attributes.csv").write_text(table)
        assert read_split(COESOT, root, "test")[1].attributes == {"CM": True, "BOM": False}
        table = "sequence,CM,BOM\nb,1,0\nother,0,0\n"
    assert read_annotation(COESOT, root / "test" / "b", "b").attributes == {"CM": True, "BOM": False}
    (root / "test" / "attributes.csv").write_text("sequence,CM,XYZ\n")
    with pytest.raises(DataError, match="XYZ"):
        read_split(COESOT, root, "test")
    (root / "test" / "attributes.csv").write_text("sequence,CM,BOM\nb,1\n")
    with pytest.raises(DataError, match="row 2"):
        read_split(COESOT, root, "test")


def test_a_sequence_that_the_published_table_has_twice_gets_no_attributes(tmp_path):
    """EventVOT's own table; in any other a name that comes twice is refused."""
    layout = LAYOUTS["eventvot"]
    zeros, ones = (",".join([flag] * len(layout.attributes)) for flag in "01")
    rows = [f"{name},{flags}" for name in layout.ambiguous for flags in (zeros, ones)]
    table = tmp_path / "attributes.csv"
    table.write_text("\n".join([f"sequence,{','.join(layout.attributes)}", *rows, f"other,{ones}"]))
    assert list(read_attributes(layout, tmp_path)) == ["other"]
    table.write_text(table.read_text() + f"\nother,{zeros}")
    with pytest.raises(DataError, match="'other' again"):
        read_attributes(layout, tmp_path)


def test_attributes_one_file_a_sequence(root):
    (root / "att").mkdir()
    (root / "att" / "b.txt").write_text("\n".join(["1"] + ["0"] * 16))
    first, second = read_split(COESOT, root, "test")
    assert first.attributes == {}
    assert [name for name, holds in second.attributes.items() if holds] == ["CM"]
    (root / "att" / "b.txt").write_text("1\n0\n")
    with pytest.raises(DataError, match=r"17 flags.*b\.txt"):
        read_split(COESOT, root, "test")


def test_sensor(root):
    folder = root / "test" / "b"
    assert read_sensor(COESOT, folder) == (346, 260)
    (folder / "sensor.txt").write_text("160,120\n")
    assert read_sensor(COESOT, folder) == (160, 120)
    (folder / "sensor.txt").write_text("large\n")
    with pytest.raises(DataError, match=r"'large' in .*sensor\.txt"):
        read_sensor(COESOT, folder)


def test_the_real_annotations_of_coesot(shared, tmp_path):
    import tarfile

    with tarfile.open(shared / "data" / "coesot_annotations" / "annotations_half_a.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    names = sorted(path.name for path in (tmp_path / "coesot_anno").iterdir())
    (tmp_path / "coesot_anno").rename(tmp_path / "test")
    write_list(COESOT, tmp_path, "test", names)
    annotations = read_split(COESOT, tmp_path, "test")
    assert len(annotations) == 264
    assert all(annotation.attributes.keys() == set(COESOT.attributes) for annotation in annotations)
    boxes, present = (np.concatenate([getattr(a, key) for a in annotations]) for key in ("boxes", "present"))
    empty = (boxes == 0).all(axis=1)
    assert empty.any()
    assert not present[empty].any() or present[empty].mean() < 0.05
    assert present[~empty].mean() > 0.9


def test_a_split_that_is_not_prepared(tmp_path):
    with pytest.raises(DataError, match=r"no file .*index\.json.*had prepare"):
        load_split(tmp_path, "test")
