"""Networks on disk: the same network comes back, anything else is refused."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from test_network import crops, network

from had.errors import CheckpointError
from had.models.weights import load_network, read_published, save_network, start_from_teacher

WIDE = {"dim": 3 * 2**18}
"""More than any memory holds."""


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "model.safetensors"
    model = network("event_image")
    model(*crops(4))  # moves the batch norm's statistics
    save_network(path, model, {"run": "had", "seed": 3})
    return path, model.eval()


def test_round_trip(saved):
    path, model = saved
    loaded, provenance = load_network(path)
    assert provenance == {"run": "had", "seed": 3}
    assert not loaded.training
    assert torch.equal(loaded(*crops(2))[0].boxes, model(*crops(2))[0].boxes)


def test_equal_networks_are_equal_bytes(saved, tmp_path):
    path, model = saved
    save_network(tmp_path / "again.safetensors", model, {"run": "had", "seed": 3})
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def rewrite(path, change, **header):
    """As a version without checksums would have written it."""
    from safetensors import safe_open

    with safe_open(str(path), framework="pt") as file:
        old = json.loads(file.metadata()["had"])
    old.pop("checksum", None)
    state = load_file(str(path))
    change(state)
    save_file(state, str(path), metadata={"had": json.dumps({**old, **header})})


def set_nan(state):
    state["backbone_s.norm.weight"][3] = torch.nan


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda path: path.unlink(), "no file"),
        (lambda path: path.write_bytes(path.read_bytes()[:-100]), "truncated"),
        (lambda path: path.write_bytes(b""), "truncated"),
        (lambda path: path.write_text("hello, I am no tensor at all"), "truncated"),
        (lambda path: torch.save({"net": {}}, path), "truncated"),
        (lambda path: rewrite(path, set_nan), "NaN"),
        (lambda path: rewrite(path, lambda s: s.pop("backbone_s.norm.bias")), "without backbone_s.norm.bias"),
        (lambda path: rewrite(path, lambda s: s.update(more=torch.ones(1))), "unknown more"),
        (lambda path: rewrite(path, lambda s: s.update({"box_head.conv5_ctr.bias": torch.ones(2)})), "shape"),
        (lambda path: rewrite(path, lambda s: None, format="other"), "format"),
        (lambda path: rewrite(path, lambda s: None, architecture={"depth": 2}), "architecture"),
        (lambda path: rewrite(path, lambda s: None, architecture=network("event_image").architecture | WIDE), "dim"),
    ],
)
def test_broken_files_are_refused(saved, break_it, message):
    path, _ = saved
    break_it(path)
    with pytest.raises(CheckpointError, match=message):
        load_network(path)


@pytest.mark.parametrize("part", ["header", "weights"])
def test_every_flipped_bit_is_refused(saved, part):
    path, _ = saved
    whole = path.read_bytes()
    begin = 8 + int.from_bytes(whole[:8], "little")
    first, last = (8, len(whole[:begin].rstrip())) if part == "header" else (begin, len(whole))
    rng = torch.Generator().manual_seed(0)
    for place in torch.randint(first, last, (150,), generator=rng).tolist():
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError):
            load_network(path)


def test_a_file_without_a_checksum_is_read_and_inspect_says_so(saved):
    path, _ = saved
    assert read_published(path).facts["checksum"].startswith("crc32:")
    rewrite(path, lambda s: None)
    load_network(path)
    assert "none" in read_published(path).facts["checksum"]
    save_file(load_file(str(path)), str(path))  # as others do
    assert "none" in read_published(path).facts["checksum"]


def test_a_published_file_is_to_be_converted(tmp_path):
    torch.save({"net": {}}, tmp_path / "CEUTrack_ep0050.pth.tar")
    with pytest.raises(CheckpointError, match="had weights convert"):
        load_network(tmp_path / "CEUTrack_ep0050.pth.tar")


@pytest.mark.parametrize("streams", [("rgb", "event_image"), ("event_image", "voxel")])
def test_student_starts_as_the_teachers_event_side(streams):
    teacher, student = network(*streams).eval(), network("event_image").eval()
    with torch.no_grad():
        for parameter in teacher.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    assert len(start_from_teacher(student, teacher)) == len(student.state_dict())
    template, _ = crops(1)
    images = teacher.inputs(template)["event_image"]
    stream = list(streams).index("event_image")
    theirs = teacher.encoder.embed(teacher.inputs(template), "z")[stream]
    torch.testing.assert_close(student.encoder.embed({"event_image": images}, "z")[0], theirs)
    first = teacher.box_head.conv1_ctr[0].weight[:, stream * 32 : (stream + 1) * 32]
    assert torch.equal(student.box_head.conv1_ctr[0].weight, first)
    assert torch.equal(student.encoder.blocks[1].mlp.fc1.weight, teacher.encoder.blocks[1].mlp.fc1.weight)


def test_teacher_of_another_size_is_refused():
    with pytest.raises(CheckpointError, match="dim"):
        start_from_teacher(network("event_image"), network("rgb", "event_image", dim=64))
