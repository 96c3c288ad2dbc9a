"""Pointers of Git LFS and git-annex in the place of any file that is read: one sentence says what they are."""

import pytest

from had.config import load
from had.data.annotations import read_flags, read_ground_truth
from had.data.frames import read_image
from had.data.mat_files import read_mat
from had.data.names import read_list
from had.errors import HadError
from had.evaluation.stored_arrays import read_arrays
from had.evaluation.track_files import read_boxes
from had.models.tensors_only import read, read_safetensors

LFS = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 123\n"
READERS = {
    "list.txt": read_list,
    "groundtruth.txt": read_ground_truth,
    "absent.txt": lambda path: read_flags(path, 3, 1),
    "track.txt": read_boxes,
    "curves.npz": lambda path: read_arrays(path, expected="curves", remedy="none"),
    "config.yaml": load,
    "model.safetensors": read_safetensors,
    "model.pth": read,
    "0001.png": read_image,
    "voxels.mat": lambda path: read_mat(path, ["coor"], expected="voxels"),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("text", [LFS, "\ufeff" + LFS.replace("\n", "\r\n")])
def test_a_pointer_is_called_one(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, newline="")
    with pytest.raises(HadError, match=r"a pointer of Git LFS to it: .*git lfs pull") as refusal:
        READERS[name](path)
    assert name in str(refusal.value)
