"""Two annotations of one sequence that differ: refused wherever boxes are read, whatever the second one is called."""

import numpy as np
import pytest

from had.data.annotations import read_ground_truth
from had.errors import DataError

BOXES = "1,2,3,4\n2,3,4,5\n"


@pytest.mark.parametrize(
    "other",
    ["groundtruth_rect.txt", "groundtruth_rect.1.txt", "GroundTruth.txt", "gt.txt", "groundtruth.csv"],
)
def test_a_second_annotation_is_refused_unless_it_says_the_same(tmp_path, other):
    path = tmp_path / "groundtruth.txt"
    path.write_text(BOXES)
    (tmp_path / other).write_text(BOXES)
    (tmp_path / f"._{other}").write_text("hidden")
    assert len(read_ground_truth(path)) == 2
    (tmp_path / other).write_text(BOXES.replace("1", "7"))
    with pytest.raises(DataError) as refusal:
        read_ground_truth(path)
    assert str(path) in str(refusal.value)
    assert other in str(refusal.value)


def test_one_file_a_sequence_is_held_against_its_other_forms_only(tmp_path):
    for name in ("gt1.txt", "gt2.txt", "car.txt", "attributes.csv", "car_time.csv"):
        (tmp_path / name).write_text(BOXES.replace("1", str(len(name))))
    for name in ("gt1", "gt2", "car"):
        assert np.isfinite(read_ground_truth(tmp_path / f"{name}.txt")).all()
    (tmp_path / "car.csv").write_text("5,5,5,5\n")
    with pytest.raises(DataError, match=r"car\.csv, which differ"):
        read_ground_truth(tmp_path / "car.txt")
