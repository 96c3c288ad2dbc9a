"""Networks to and from disk: safetensors with architecture and provenance in the metadata.

A file is read as data only, never as code. One that is truncated, holds NaN or infinity, or fits no network is
refused by one sentence.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from had.errors import CheckpointError, ConfigError
from had.files import atomic_file
from had.models.network import TrackingNetwork
from had.models.published import Published, Report, load_published, read_published
from had.models.tensors_only import read_safetensors

__all__ = [
    "Published",
    "Report",
    "load_network",
    "load_published",
    "read_published",
    "save_network",
    "start_from_teacher",
]
FORMAT = "had-network-1"
"""Says in a file's header that `save_network` wrote it."""


def save_network(path: Path | str, network: TrackingNetwork, provenance: dict) -> None:
    """Write a network whole or not at all.

    Args:
        path: ``.safetensors`` file.
        network: its parameters and buffers are written, and the numbers it was built from.
        provenance: what made it (run, seed, configuration, commit, ...); must be JSON.
    """
    header = {"format": FORMAT, "architecture": network.architecture, "provenance": provenance}
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    with atomic_file(path) as temporary:
        # One key, because several are written in random order.
        save_file(state, str(temporary), metadata={"had": json.dumps(header)})


def load_network(path: Path | str, device: str = "cpu") -> tuple[TrackingNetwork, dict]:
    """Read a network that `save_network` wrote.

    Returns:
        The network in evaluation mode on ``device``, and its provenance.

    Raises:
        CheckpointError: no such file, truncated, not ours, values that are not finite, or tensors that do not fit
            the architecture that the file states.
    """
    path = Path(path)
    state, header = read_safetensors(path)
    if header.get("format") != FORMAT:
        got = f"{path} with format {header.get('format')!r}"
        raise CheckpointError("a network written by `had train`", got, "give a model.safetensors of a run")
    try:
        architecture, provenance = header["architecture"], header["provenance"]
        with torch.device("meta"):  # holds no values, however wide a file says that it is
            stated = TrackingNetwork(**architecture)
    except (KeyError, TypeError, ValueError, RuntimeError, ConfigError) as error:
        got = f"{path}: {error}"
        raise CheckpointError("an architecture that this version knows", got, "train the network again") from None
    _check(path, state, stated)
    network = TrackingNetwork(**architecture)
    network.load_state_dict(state)
    return network.to(device).eval(), provenance


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


def _check(path: Path, state: dict[str, torch.Tensor], network: TrackingNetwork) -> None:
    expected = network.state_dict()
    missing = sorted(expected.keys() - state.keys())
    foreign = sorted(state.keys() - expected.keys())
    reshaped = sorted(n for n in expected.keys() & state.keys() if expected[n].shape != state[n].shape)
    for problem, names in (("without", missing), ("with unknown", foreign), ("with another shape of", reshaped)):
        if names:
            got = f"{path} {problem} {names[0]} (and {len(names) - 1} more)"
            raise CheckpointError("the tensors of the stated architecture", got, "train the network again")
    broken = [n for n, tensor in state.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    if broken:
        remedy = "the training diverged; lower the learning rate and train again"
        raise CheckpointError("finite weights", f"NaN or infinity in {broken[0]} of {path}", remedy)
