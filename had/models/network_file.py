"""A file that `save_network` wrote -> its checked tensors, its header, and the network that they fill, without values.

The one door through which a network of ours comes in. The header holds architecture, provenance and a checksum of
itself and all tensors. Options are checked before anything is built, tensors before anything is allocated. Files that
were written before there was a checksum are read, too; of them damage cannot be told.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from had.checksums import checksum
from had.errors import CheckpointError, ConfigError, excerpt
from had.models.network import TrackingNetwork
from had.models.tensors_only import read_safetensors

FORMAT = "had-network-1"
"""Says in a file's header that `save_network` wrote it."""
PARTS = {"format", "architecture", "provenance"}
"""What a header consists of, beside its checksum."""


def network_checksum(header: dict, state: Mapping[str, Tensor]) -> str:
    """Checksum of a header (without its own checksum) and of the tensors' names, types, shapes and values."""
    parts: list = [json.dumps(header).encode()]
    for name in sorted(state):
        tensor = state[name]
        parts += [f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode()]
        parts += [tensor.reshape(-1).view(torch.uint8).numpy()]
    return checksum(parts)


def read_network_file(path: Path) -> tuple[dict[str, Tensor], dict, TrackingNetwork | None]:
    """Tensors, header, and the network of its architecture on the meta device.

    Of a safetensors file of others: its tensors, an empty header and None.

    Raises:
        CheckpointError: no such file, truncated, damaged, of another version, values that are not finite, or tensors
            that do not fit the architecture that the file states.
    """
    state, header = read_safetensors(path)
    check_values(path, state)
    if not header:
        return state, header, None
    if header.get("format") != FORMAT or header.keys() - {"checksum"} != PARTS:
        got = f"{path} with format {excerpt(str(header.get('format')))} and {', '.join(map(excerpt, sorted(header)))}"
        raise CheckpointError("a network written by `had train`", got, "give a model.safetensors of a run")
    covered = {name: value for name, value in header.items() if name != "checksum"}
    if "checksum" in header and header["checksum"] != network_checksum(covered, state):
        remedy = "the file is damaged; copy or train it again"
        raise CheckpointError("the bytes that the file's checksum promises", f"others in {path}", remedy)
    try:
        with torch.device("meta"):  # holds no values, however wide a file says that it is
            network = TrackingNetwork(**header["architecture"])
    except (TypeError, ConfigError) as error:
        got = f"{path}: {error.got if isinstance(error, ConfigError) else error}"
        raise CheckpointError("an architecture that this version knows", got, "train the network again") from None
    _check_fit(path, state, network)
    return state, header, network


def check_values(path: Path, state: Mapping[str, Tensor]) -> None:
    """See that tensors have readable names, and values that a network can have.

    Raises:
        CheckpointError: complex numbers, NaN, infinity, what float32 cannot hold, or a variance below zero.
    """
    for name, tensor in state.items():
        if len(name) > 200 or not name.isprintable():
            raise CheckpointError("tensors with names", f"{excerpt(name)} in {path}", "give another file")
        if tensor.is_complex():
            raise CheckpointError("real weights", f"complex ones in {name} of {path}", "give another file")
        if not tensor.is_floating_point():
            continue
        remedy = "the file is damaged or its training diverged; get another one, or train again with a lower rate"
        if not tensor.float().isfinite().all():
            got = f"NaN, infinity or what float32 cannot hold in {name} of {path}"
            raise CheckpointError("finite weights", got, remedy)
        if name.endswith("running_var") and (tensor.double() < 0).any():
            raise CheckpointError("variances from 0 on", f"one below it in {name} of {path}", remedy)


def _check_fit(path: Path, state: dict[str, Tensor], network: TrackingNetwork) -> None:
    """See that a file has exactly the tensors of its architecture."""
    expected = network.state_dict()
    both = expected.keys() & state.keys()
    problems = {
        "without": expected.keys() - state.keys(),
        "with unknown": state.keys() - expected.keys(),
        "with another shape of": {name for name in both if expected[name].shape != state[name].shape},
        "with another type of": {name for name in both if expected[name].dtype != state[name].dtype},
    }
    for problem, names in problems.items():
        if names:
            got = f"{path} {problem} {min(names)} (and {len(names) - 1} more)"
            raise CheckpointError("the tensors of the stated architecture", got, "train the network again")
