"""Networks to and from disk: safetensors with architecture and provenance in the metadata.

A file is read as data only, never as code. One that is truncated, damaged, holds NaN or infinity, or fits no network
is refused by one sentence.
"""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import save

from had.errors import CheckpointError
from had.files import atomic_file, room_in
from had.models.network import TrackingNetwork
from had.models.network_file import FORMAT, network_checksum, read_network_file
from had.models.published import Published, Report, load_published, read_published

__all__ = [
    "Published",
    "Report",
    "load_network",
    "load_published",
    "read_published",
    "save_network",
    "start_from_teacher",
]


def save_network(path: Path | str, network: TrackingNetwork, provenance: dict) -> None:
    """Write a network whole or not at all.

    Args:
        path: ``.safetensors`` file.
        network: its parameters and buffers are written, and the numbers it was built from.
        provenance: what made it (run, seed, configuration, commit, ...); must be JSON.

    Raises:
        DataError: no room for it.
    """
    header = {"format": FORMAT, "architecture": network.architecture, "provenance": provenance}
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    header["checksum"] = network_checksum(header, state)
    with room_in(Path(path).parent), atomic_file(path) as temporary:
        # One key, because several are written in random order; `save_file` would hide the file from other users.
        temporary.write_bytes(save(state, metadata={"had": json.dumps(header)}))


def load_network(path: Path | str, device: str = "cpu") -> tuple[TrackingNetwork, dict]:
    """Read a network that `save_network` wrote.

    Returns:
        The network in evaluation mode on ``device``, and its provenance.

    Raises:
        CheckpointError: not ours, or as `had.models.network_file.read_network_file`.
    """
    path = Path(path)
    state, header, stated = read_network_file(path)
    if stated is None:
        got = f"{path}, which says nothing of its making"
        raise CheckpointError("a network written by `had train`", got, "give a model.safetensors of a run")
    network = TrackingNetwork(**stated.architecture)
    network.load_state_dict(state)
    return network.to(device).eval(), header["provenance"]


def start_from_teacher(student: TrackingNetwork, teacher: TrackingNetwork) -> list[str]:
    """Copy the teacher's weights for the student's own stream into the student.

    The transformer, the positions and the embedding of the student's stream are copied; the head's first layer
    reads both streams in the teacher, of which the student's channels are taken.

    Returns:
        Names of the student's tensors that were set.

    Raises:
        CheckpointError: the two networks differ in more than their streams.
    """
    (stream,) = student.streams
    differing = [
        key
        for key, value in student.architecture.items()
        if key not in ("streams", "drop_path", "shared_patch_embedding") and teacher.architecture[key] != value
    ]
    if differing or stream not in teacher.streams:
        got = f"a teacher with other {', '.join(differing) or 'streams'}"
        raise CheckpointError("a teacher of the student's architecture", got, "switch teacher_initialization off")
    place = teacher.streams.index(stream)
    channels = slice(place * teacher.dim, (place + 1) * teacher.dim)
    source = teacher.state_dict()
    own, theirs = student.encoder.embedding_names[stream], teacher.encoder.embedding_names[stream]
    state = {}
    for name, tensor in student.state_dict().items():
        match = name.replace("backbone_s.", "backbone.").replace(f"backbone.{own}.", f"backbone.{theirs}.")
        value = source[match]
        state[name] = value if value.shape == tensor.shape else value[:, channels]
    student.load_state_dict(state)
    return list(state)
