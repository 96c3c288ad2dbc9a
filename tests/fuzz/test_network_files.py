"""Damaged and made-up checkpoints, networks and training states: what they hold, or one sentence."""

import io
import json
import pickletools
import zipfile
from collections import OrderedDict

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save

from had.errors import CheckpointError, HadError
from had.models.inspection import describe, network_of
from had.models.network import TrackingNetwork
from had.models.network_file import network_checksum
from had.models.published import match
from had.models.tensors_only import read
from had.models.weights import load_network, read_published, save_network
from had.training.checkpoint import KEYS, load_state, save_state
from tests.fuzz.budget import fuzzed

SIZES = {"template_size": 16, "search_size": 32, "patch": 8, "dim": 8, "depth": 2, "heads": 2, "head_channels": 8}
NETWORK = TrackingNetwork(streams=("rgb", "voxel"), **SIZES)
STATE = {name: tensor.contiguous() for name, tensor in NETWORK.state_dict().items()}
FEW = {name: tensor for name, tensor in STATE.items() if ".blocks.0." in name or "patch_embed" in name}
CONTENT = {
    "net": OrderedDict(FEW),
    "epoch": 3,
    "stats": {"loss": [1.5, None, True], 3: ("a", 2**70)},
    "optimizer": {0: torch.arange(3.0)},
}
PARTS = ["format", "architecture", "provenance", "checksum", "more"]
CODES = b"".join(code.code.encode("latin-1") for code in pickletools.opcodes)

damages = st.lists(
    st.tuples(
        st.integers(0, 2**20),
        st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from([bytes(64), b"\xff" * 8, b"\x00\x00\x00\x80"])),
        st.sampled_from(["overwrite", "insert", "cut", "repeat"]),
    ),
    min_size=1,
    max_size=4,
)
"""Places (modulo the length), bytes, and what is done with them."""


def damaged(content: bytes, damage: list) -> bytes:
    for where, new, how in damage:
        place = where % (len(content) + 1)
        before, behind = content[:place], content[place:]
        if how == "overwrite":
            content = before + new + behind[len(new) :]
        elif how == "insert":
            content = before + new + behind
        elif how == "cut":
            content = before if len(new) == 1 else before + behind[len(new) :]
        else:
            content = before + behind[: 8 * len(new)] + behind
    return content


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


def saved(**options) -> bytes:
    stream = io.BytesIO()
    torch.save(CONTENT, stream, **options)
    return stream.getvalue()


FORMS = [saved(), saved(pickle_protocol=5), saved(_use_new_zipfile_serialization=False)]


def look_at(path) -> None:
    """What `had weights inspect` does."""
    try:
        found = read_published(path)
        assert len(repr(describe(found))) < 10**6
        match(network_of(found), found)
    except CheckpointError as error:
        sentence = str(error)
    else:
        sentence = ""
    assert "\n" not in sentence
    assert len(sentence) < 2000


@fuzzed
@given(form=st.sampled_from(FORMS), damage=damages)
def test_damaged_checkpoints(folder, form, damage):
    (folder / "x.pth").write_bytes(damaged(form, damage))
    look_at(folder / "x.pth")


@fuzzed
@given(form=st.sampled_from(FORMS[:2]), damage=damages)
def test_damaged_pickles_in_sound_archives(folder, form, damage):
    """With right checksums: what somebody made up."""
    with zipfile.ZipFile(io.BytesIO(form)) as archive, zipfile.ZipFile(folder / "x.pth", "w") as made:
        for name in archive.namelist():
            content = archive.read(name)
            made.writestr(name, damaged(content, damage) if name.endswith("data.pkl") else content)
    look_at(folder / "x.pth")


@fuzzed
@given(parts=st.lists(st.one_of(st.sampled_from([bytes([code]) for code in CODES]), st.binary(max_size=9))))
def test_made_up_pickles(folder, parts):
    (folder / "x.pth").write_bytes(b"\x80\x02" + b"".join(parts) + b".")
    look_at(folder / "x.pth")


shapes = st.lists(st.integers(0, 5), max_size=5).map(tuple)
types = st.sampled_from([torch.float32, torch.float16, torch.int64, torch.bool, torch.complex64, torch.float8_e4m3fn])
names = st.one_of(st.sampled_from(sorted(STATE)), st.text(max_size=20).map("backbone.blocks.{}".format), st.text())


@fuzzed
@given(
    tensors=st.dictionaries(names, st.tuples(shapes, types, st.sampled_from([0, 1, -1, float("inf")])), max_size=6),
    left=st.sets(st.sampled_from(sorted(STATE))),
    role=st.sampled_from(["backbone.", "backbone_s.", ""]),
    ours=st.sampled_from(["x.pth", "x.safetensors"]),
)
def test_strange_tensors(folder, tensors, left, role, ours):
    state = {name: tensor for name, tensor in STATE.items() if name not in left}
    for name, (shape, dtype, value) in tensors.items():
        state[name] = torch.full(shape, value if dtype.is_floating_point else 1, dtype=torch.float32).to(dtype)
    state = {name.replace("backbone.", role): tensor for name, tensor in state.items()}
    if ours == "x.pth":
        try:
            torch.save({"net": state}, folder / ours)
        except UnicodeEncodeError:  # names that are no text
            return
    else:
        try:
            (folder / ours).write_bytes(save(state))
        except (UnicodeEncodeError, ValueError):
            return
    look_at(folder / ours)


plain = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from([0, -1, 1e9])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=8,
)


@fuzzed
@given(
    architecture=st.dictionaries(st.sampled_from([*NETWORK.architecture, "more"]), plain, max_size=3),
    header=st.dictionaries(st.sampled_from(PARTS), plain, max_size=1),
    provenance=plain,
)
def test_made_up_headers(folder, architecture, header, provenance):
    whole = {
        "format": "had-network-1",
        "architecture": NETWORK.architecture | architecture,
        "provenance": {"run": provenance, "seed": provenance},
        **header,
    }
    if "checksum" not in whole:
        whole["checksum"] = network_checksum(whole, STATE)
    path = folder / "x.safetensors"
    path.write_bytes(save(STATE, metadata={"had": json.dumps(whole)}))
    look_at(path)
    try:
        network, _ = load_network(path)
    except CheckpointError:
        return
    crops = {"rgb": torch.zeros(1, 3, 16, 16, dtype=torch.uint8), "voxel": torch.zeros(1, 16, 19)}
    search = {"rgb": torch.zeros(1, 3, 32, 32, dtype=torch.uint8), "voxel": torch.zeros(1, 64, 19)}
    assert network(crops, search)[0].boxes.isfinite().all()


@fuzzed
@given(damage=damages)
def test_damaged_networks_are_refused_or_the_same(folder, damage):
    path = folder / "y.safetensors"
    save_network(path, NETWORK, {"run": "x"})
    path.write_bytes(damaged(path.read_bytes(), damage))
    look_at(path)
    try:
        network, provenance = load_network(path)
    except CheckpointError:
        return
    assert provenance == {"run": "x"}
    assert network.architecture == NETWORK.architecture
    assert all(torch.equal(network.state_dict()[name], tensor) for name, tensor in STATE.items())


@fuzzed
@given(damage=damages)
def test_damaged_states_are_refused_or_the_same(folder, damage):
    path = folder / "last.pt"
    state = {**dict.fromkeys(KEYS, 0), "digest": "abc", "network": dict(STATE), "history": [{"epoch": 1}]}
    save_state(path, state)
    path.write_bytes(damaged(path.read_bytes(), damage))
    try:
        back = load_state(path, digest="abc")
    except HadError:
        return
    assert back is not None
    assert back.keys() == state.keys()
    assert back["history"] == state["history"]
    assert all(torch.equal(back["network"][name], tensor) for name, tensor in STATE.items())


def test_the_sound_files_are_read(folder):
    for form in FORMS:
        (folder / "x.pth").write_bytes(form)
        assert read(folder / "x.pth")["net"].keys() == FEW.keys()
