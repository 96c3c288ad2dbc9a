"""Checkpoints and networks that no training wrote: one sentence in bounded time and memory, nothing executed."""

import io
import json
import os
import pickle
import struct
import tarfile
import tracemalloc
import warnings
import zipfile
from collections import OrderedDict

import pytest
import torch
from safetensors.torch import save_file
from test_network import network
from typer.testing import CliRunner

from had.cli import app
from had.errors import CheckpointError
from had.models.inspection import describe
from had.models.network_file import network_checksum
from had.models.tensors_only import read
from had.models.weights import load_network, read_published, save_network

MEGABYTE = 1 << 20
GLOBAL_BYTEARRAY = b"cbuiltins\nbytearray\n"
NESTED = b"".join(b"h%ch%c\x86\x94" % (i, i) for i in range(60))
"""Sixty tuples, each twice in the next one."""


def tar_with_pipe() -> bytes:
    """torch's form of 2016, whose members torch unpacks to disk and opens."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        pipe = tarfile.TarInfo("storages")
        pipe.type = tarfile.FIFOTYPE
        archive.addfile(pipe)
    return content.getvalue()


def storage(count: int, key: str = "0") -> bytes:
    """A pickled reference to a storage of so many float32 values."""
    name = key.encode()
    return (
        b"(\x8c\x07storagectorch\nFloatStorage\n"
        + b"\x8c" + bytes([len(name)]) + name
        + b"\x8c\x03cpu"
        + b"\x8a\x08" + struct.pack("<q", count)
        + b"tQ"
    )  # fmt: skip


HOSTILE = {
    "pipe": tar_with_pipe(),
    "memo_of_2_billion": b"\x80\x04Nr\xff\xff\xff\x7f.",
    "bytes_of_10_gb": b"\x80\x04" + GLOBAL_BYTEARRAY + b"\x8a\x05\x00\xe4\x0bT\x02\x85R.",
    "text_of_4_gb": b"\x80\x04X\xff\xff\xff\xffabc.",
    "nested_key": b"\x80\x04})\x94" + NESTED + b"Ns.",
    "nested_module_name": b"\x80\x04)\x94"
    + b"".join(b"h%ch%c\x86\x94" % (i, i) for i in range(60))
    + b"\x8c\x01a\x93.",
    "storage_of_4_tb": b"\x80\x02" + storage(10**12) + b".",
    "storage_of_negative_size": b"\x80\x02" + storage(-1) + b".",
    "without_end": b"\x80\x02" + b"]" * 100,
    "takes_more_than_it_has": b"\x80\x02((ss.",
    "calls_with_arguments": b"\x80\x02(cos\nsystem\n\x8c\x04trueo.",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pickle_is_one_sentence_and_takes_little_memory(tmp_path, name):
    path = tmp_path / "x.pth"
    path.write_bytes(HOSTILE[name])
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError) as caught:
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 4 * MEGABYTE
    finally:
        tracemalloc.stop()
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == [path]


def test_a_pickle_of_many_instructions_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("had.models.pickles.MOST_STEPS", 1000)
    (tmp_path / "x.pth").write_bytes(b"\x80\x02" + b"]" * 5000 + b".")
    with pytest.raises(CheckpointError, match="more than 1,000 instructions"):
        read(tmp_path / "x.pth")


def small_state(**more) -> dict:
    return {
        "backbone.blocks.0.attn.qkv.weight": torch.zeros(48, 16),
        "backbone.blocks.0.mlp.fc1.weight": torch.zeros(64, 16),
        "backbone.patch_embed.proj.weight": torch.zeros(16, 3, 16, 16),
        **more,
    }


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (small_state(x=torch.zeros(1).expand(100000, 60000)), "6,000,000,000 values in a storage of 1"),
        ({str(i): view for i, view in enumerate([torch.zeros(10**5)] * 1000)}, "8 times the file's bytes"),
    ],
)
def test_tensors_that_are_larger_than_their_file_are_refused(tmp_path, zipped, state, sentence):
    views = {name: tensor.view_as(tensor) for name, tensor in state.items()}  # else pickled once
    torch.save({"net": views}, tmp_path / "x.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=sentence):
        read_published(tmp_path / "x.pth")


def test_shared_weights_are_read(tmp_path):
    shared = torch.arange(12.0)
    torch.save({"a": shared, "b": shared.view(3, 4).T, "c": OrderedDict(x=shared[3:7])}, tmp_path / "x.pth")
    content = read(tmp_path / "x.pth")
    assert torch.equal(content["b"], shared.view(3, 4).T)
    assert torch.equal(content["c"]["x"], shared[3:7])


def test_old_dictionaries_of_pairs_are_read(tmp_path):
    class Pairs:
        def __reduce__(self):
            return OrderedDict, ([["a", 1], ["b", torch.ones(2)]],)

    torch.save(Pairs(), tmp_path / "x.pth")
    assert list(read(tmp_path / "x.pth")) == ["a", "b"]


@pytest.mark.parametrize("kind", ["compressed", "twice_the_same_bytes", "without_a_pickle"])
def test_archives_that_torch_does_not_write_are_refused(tmp_path, kind):
    path = tmp_path / "x.pth"
    torch.save({"net": torch.zeros(10**6)}, path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    way = zipfile.ZIP_DEFLATED if kind == "compressed" else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", way) as archive:
        for name, content in members.items():
            if kind != "without_a_pickle" or not name.endswith("data.pkl"):
                archive.writestr(name, content)
        if kind == "twice_the_same_bytes":
            (large,) = (entry for entry in archive.infolist() if entry.filename.endswith("data/0"))
            archive.filelist.append(large)
    with pytest.raises(CheckpointError):
        read(path)


@pytest.mark.parametrize(
    "change",
    [
        {"backbone.blocks.99999999.x": torch.zeros(1)},
        {"backbone.blocks." + "9" * 5000 + ".x": torch.zeros(1)},
        {"backbone.blocks.\N{SUPERSCRIPT TWO}.x": torch.zeros(1)},
        {"backbone.\x1b[2J": torch.zeros(1)},
        {"backbone.blocks.0.attn.qkv.weight": torch.zeros(3)},
        {"backbone.blocks.0.attn.qkv.weight": torch.zeros(0, 0)},
        {"backbone.blocks.0.attn.qkv.weight": torch.zeros(48, 16, dtype=torch.complex64)},
        {"backbone.blocks.0.mlp.fc1.weight": torch.zeros(0, 16)},
        {"backbone.patch_embed.proj.weight": torch.zeros(())},
        {"backbone.patch_embed.proj.weight": torch.zeros(16, 3, 0, 0)},
        {"backbone.pos_embed": torch.zeros(5)},
        {"backbone.pos_embed": torch.zeros(3, 197, 16)},
        {"backbone.pos_embed_x": torch.zeros(7)},
        {"backbone.pos_embed_x": torch.zeros(1, 0, 16)},
        {"backbone.pos_embed_x": torch.zeros(1, 10**6, 16)},
        {"box_head.conv1_ctr.0.weight": torch.zeros(())},
        {"box_head.conv1_ctr.0.weight": torch.zeros(0, 32, 3, 3)},
        {"box_head.conv1_ctr.1.running_var": -torch.ones(16)},
    ],
    ids=lambda change: "{0[0]:.40}-{0[1].shape}".format(*change.items()),
)
def test_strange_tensors_are_a_report_or_one_sentence(tmp_path, change):
    torch.save({"net": small_state(**change)}, tmp_path / "x.pth")
    shown = CliRunner().invoke(app, ["weights", "inspect", str(tmp_path / "x.pth")])
    assert isinstance(shown.exception, CheckpointError)  # also after a report: the other tensors are missing
    assert "\n" not in str(shown.exception)
    assert "\x1b" not in shown.output + str(shown.exception)


def test_facts_of_others_are_printed_short_and_harmless(tmp_path):
    facts = {
        "note": "a\x1b[31m",
        "long": "x" * 10**6,
        "number": 10**6000,
        "\x1b]0;": 1,
        ("a", 1): 2,
        **{f"fact{i}": i for i in range(5000)},
    }
    torch.save({"net": small_state(), **facts}, tmp_path / "x.pth")
    printed = repr(describe(read_published(tmp_path / "x.pth")))
    assert "\x1b" not in printed
    assert len(printed) < 5000


def test_other_safetensors_are_recognised_by_their_names(tmp_path):
    state = {name.replace("backbone.", "backbone_s."): tensor for name, tensor in small_state().items()}
    save_file(state, tmp_path / "x.safetensors")
    assert read_published(tmp_path / "x.safetensors").kind == "student"
    with pytest.raises(CheckpointError, match="says nothing of its making"):
        load_network(tmp_path / "x.safetensors")


EXTREMES = (0, -1, 1, 7, 10**6, 10**30, 0.5, float("nan"), float("inf"), True, None, "3", "", [], [10**9], {}, "rgb")


@pytest.mark.parametrize("field", list(network("event_image").architecture))
def test_every_extreme_of_every_field_is_a_network_or_one_sentence(tmp_path, field):
    model, sentences, accepted = network("event_image"), [], []
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    for value in EXTREMES:
        header = {"format": "had-network-1", "architecture": {**model.architecture, field: value}, "provenance": {}}
        header["checksum"] = network_checksum(header, state)
        save_file(state, tmp_path / "x.safetensors", metadata={"had": json.dumps(header)})
        for reader in (load_network, read_published):
            try:
                reader(tmp_path / "x.safetensors")
            except CheckpointError as error:
                sentences.append(str(error))
            else:
                accepted.append(value)
    assert not any("\n" in sentence for sentence in sentences)
    assert len(accepted) <= 2 * 3  # what is in its range and changes no tensor's shape


@pytest.mark.parametrize(
    "header", ["[" * 100_000, '{"provenance": 3}', '{"format": 5}', "1" * 5000, "null", '"\\ud800"']
)
def test_headers_that_are_none_are_one_sentence(tmp_path, header):
    save_file(small_state(), tmp_path / "x.safetensors", metadata={"had": header})
    for reader in (load_network, read_published):
        with pytest.raises(CheckpointError) as caught:
            reader(tmp_path / "x.safetensors")
        assert "\n" not in str(caught.value)


def test_a_network_has_the_rights_that_umask_gives(tmp_path):
    former = os.umask(0o027)
    try:
        save_network(tmp_path / "x.safetensors", network("event_image"), {})
    finally:
        os.umask(former)
    assert (tmp_path / "x.safetensors").stat().st_mode & 0o777 == 0o640


def test_pickled_numbers_are_pythons(tmp_path):
    values = [0, -1, 255, 2**40, -(2**70), 1.5, -0.0, "text \N{SNOWMAN}", b"bytes", None, True, (), (1,), (1, 2, 3, 4)]
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        with warnings.catch_warnings(action="ignore"):
            torch.save({"values": values}, tmp_path / "x.pt", pickle_protocol=protocol)
        back = read(tmp_path / "x.pt")["values"]
        assert [value for value in back if not repr(value).startswith("<")] == [
            value for value in values if protocol > 2 or not isinstance(value, bytes)
        ]


def test_a_file_of_very_many_tensors_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("had.models.tensors_only.MOST_TENSORS", 2)
    save_file(small_state(), tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match="3 tensors, more than 2"):
        read_published(tmp_path / "x.safetensors")
