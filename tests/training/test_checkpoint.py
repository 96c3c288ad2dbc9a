"""The state on disk: whole, checked, read as data."""

import resource

import pytest
import torch

from had.errors import CheckpointError, DataError
from had.training.checkpoint import KEYS, load_state, save_state

STATE = {**dict.fromkeys(KEYS, 0), "digest": "abc", "network": {"w": torch.arange(3.0)}, "history": [{"epoch": 1}]}


def test_round_trip(tmp_path):
    save_state(tmp_path / "last.pt", STATE)
    back = load_state(tmp_path / "last.pt", digest="abc")
    assert torch.equal(back["network"]["w"], STATE["network"]["w"])
    assert back["history"] == [{"epoch": 1}]
    assert [path.name for path in tmp_path.iterdir()] == ["last.pt"]


def test_nothing_there(tmp_path):
    assert load_state(tmp_path / "last.pt", digest="abc") is None


def test_state_of_another_configuration_is_put_aside(tmp_path):
    save_state(tmp_path / "last.pt", STATE)
    assert load_state(tmp_path / "last.pt", digest="xyz") is None
    assert not (tmp_path / "last.pt").exists()
    assert load_state(tmp_path / "last-abc.pt", digest="abc") is not None


@pytest.mark.parametrize("content", [b"", b"not a checkpoint"])
def test_broken_file_is_refused(tmp_path, content):
    (tmp_path / "last.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"last\.pt.*delete the file"):
        load_state(tmp_path / "last.pt", digest="abc")


def test_truncated_file_is_refused(tmp_path):
    save_state(tmp_path / "last.pt", STATE)
    whole = (tmp_path / "last.pt").read_bytes()
    (tmp_path / "last.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match="delete the file"):
        load_state(tmp_path / "last.pt", digest="abc")


def test_foreign_dictionary_is_refused(tmp_path):
    torch.save({"net": {}}, tmp_path / "last.pt")
    with pytest.raises(CheckpointError, match="without it"):
        load_state(tmp_path / "last.pt", digest="abc")


def test_failed_write_keeps_the_former_state(tmp_path, monkeypatch):
    save_state(tmp_path / "last.pt", STATE)

    def fails(state, file):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr("had.training.checkpoint.torch.save", fails)
    with pytest.raises(OSError, match="disk full"):
        save_state(tmp_path / "last.pt", {})
    assert load_state(tmp_path / "last.pt", digest="abc")["history"] == [{"epoch": 1}]
    assert len(list(tmp_path.iterdir())) == 1


def test_damaged_states_are_refused_or_the_same(tmp_path):
    """torch itself reads many of them with other weights."""
    path = tmp_path / "last.pt"
    network = {f"w{i}": torch.randn(40, generator=torch.Generator().manual_seed(i)) for i in range(6)}
    save_state(path, STATE | {"network": network})
    whole, refused = path.read_bytes(), 0
    for place in range(0, len(whole), 11):
        for damage in (bytes([whole[place] ^ 4]), bytes(64)):
            damaged = whole[:place] + damage + whole[place + len(damage) :]
            path.write_bytes(damaged[: len(whole)])
            try:
                back = load_state(path, digest="abc")
            except CheckpointError:
                refused += 1
            else:
                assert all(torch.equal(back["network"][name], tensor) for name, tensor in network.items())
                assert back["history"] == [{"epoch": 1}]
    assert refused > 100


def test_state_that_names_a_file_elsewhere_is_refused(tmp_path):
    save_state(tmp_path / "last.pt", STATE | {"digest": "../../x"})
    with pytest.raises(CheckpointError, match="delete the file"):
        load_state(tmp_path / "last.pt", digest="abc")


def test_full_disk_is_one_sentence_and_keeps_the_former_state(tmp_path):
    save_state(tmp_path / "last.pt", STATE)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(DataError, match="make room"):
            save_state(tmp_path / "last.pt", STATE | {"network": {"w": torch.zeros(10**6)}})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert load_state(tmp_path / "last.pt", digest="abc")["history"] == [{"epoch": 1}]
    assert len(list(tmp_path.iterdir())) == 1
