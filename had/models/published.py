"""Published checkpoints (MAE, CEUTrack, HDETrack, HAD) and own exports -> the tensors of a `TrackingNetwork`.

Enters: a file, and a network whose architecture and switches say which tensors are expected. Leaves: the network with
the file's weights, and a `Report` that accounts for every tensor on either side: none is dropped in silence.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor
from torch.nn import functional as F

from had.errors import CheckpointError, excerpt
from had.models.network import TrackingNetwork
from had.models.network_file import check_values, read_network_file
from had.models.pickles import Placeholder
from had.models.tensors_only import is_zipped, read

ENCODERS = ("backbone.", "backbone_s.")
WRAPPERS = ("module.", "net.")
"""Prefixes that parallel training and wrappers put in front of all names."""
COUNTERS = "num_batches_tracked"
"""Batch norm's counters, which older files lack and no evaluation reads."""
MOST_FACTS = 100
"""Values beside the tensors that are kept of a file."""
UNKNOWN = "none, damage cannot be told"
"""What is said of the checksum of a file that has none."""
ROLES = {"pos_embed_z": "z", "pos_embed_x": "x"}


class Published(NamedTuple):
    """What a checkpoint holds.

    Attributes:
        path: the file.
        kind: ``mae``, ``teacher`` (two streams: CEUTrack, HDETrack), ``student`` or ``own`` (written by `had`).
        tensors: by their published names: ``backbone.*`` for every encoder, ``box_head.*``.
        wrapper: what the file puts in front of all names: ``module.``, ``net.``, both or nothing.
        prefix: what it puts in front of the encoder's names behind that.
        facts: the rest of the file: plain values as they are, others by the name of their class.
        network: of an own export, the network of its architecture on the meta device.
    """

    path: Path
    kind: str
    tensors: dict[str, Tensor]
    wrapper: str
    prefix: str
    facts: dict[str, Any]
    network: TrackingNetwork | None = None


class Report(NamedTuple):
    """What became of every tensor of a network and of a file, by the network's names, or the file's in ``unexpected``.

    Attributes:
        matched: taken as they are.
        reshaped: positions that were resized to the network's grid.
        missing: expected in a file of this kind, and not there.
        absent: not there, as is usual for a file of this kind: a head in MAE's, counters of old batch norms.
        misfits: there, with another shape.
        unexpected: in the file, and not in the network.
    """

    matched: list[str]
    reshaped: list[str]
    missing: list[str]
    absent: list[str]
    misfits: list[str]
    unexpected: list[str]

    def __str__(self) -> str:
        """One line a group: how many, and the first few names."""
        lines = []
        for group, names in self._asdict().items():
            shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
            lines.append(f"{group:10} {len(names):4}" + (f"  {shown}" if group != "matched" and names else ""))
        return "\n".join(lines)


def read_published(path: Path | str) -> Published:
    """Recognise a checkpoint by its names and hand over its tensors.

    Raises:
        CheckpointError: unreadable, with code, without a network's tensors, or with values that are not finite.
    """
    path = Path(path)
    content, facts, network = _content(path)
    content = {name: tensor for name, tensor in content.items() if isinstance(name, str) and isinstance(tensor, Tensor)}
    wrapper = ""
    for part in WRAPPERS:
        if content and all(name.startswith(part) for name in content):
            wrapper += part
            content = {name.removeprefix(part): tensor for name, tensor in content.items()}
    prefix = next((prefix for prefix in ENCODERS if any(name.startswith(prefix) for name in content)), "")
    if not any(f"{prefix}blocks.0.attn.qkv.weight" == name for name in content):
        got = f"{path} with {len(content)} tensors" + (f", the first {excerpt(next(iter(content)))}" if content else "")
        raise CheckpointError(
            "a vision transformer's tensors (blocks.0.attn.qkv.weight, ...)", got, "give another file"
        )
    check_values(path, content)
    tensors = {}
    for name, tensor in content.items():
        of_encoder = name.startswith(prefix) and not name.startswith("box_head.")
        tensors[f"backbone.{name.removeprefix(prefix)}" if of_encoder else name] = tensor.detach()
    kind = "own" if network is not None else {"": "mae", "backbone.": "teacher", "backbone_s.": "student"}[prefix]
    return Published(path, kind, tensors, wrapper, prefix, facts, network)


def load_published(network: TrackingNetwork, file: Path | str | Published, *, partial: bool = False) -> Report:
    """Give a network a published checkpoint's weights.

    From an MAE file a head is not expected, nor what only trackers have; from all others every tensor is.

    Args:
        network: its weights are replaced where the file has some.
        file: its path, or what `read_published` said of it.
        partial: accept missing tensors and tensors of another shape, and leave those as they are.

    Raises:
        CheckpointError: as `read_published`; another architecture, missing tensors, or none that fits.
    """
    found = file if isinstance(file, Published) else read_published(file)
    report, state = match(network, found)
    if not partial:
        refuse_partial(network, found, report)
    if not report.matched:
        raise CheckpointError("tensors that fit the network", f"none in {found.path}", "correct `network` and `crops`")
    network.load_state_dict(network.state_dict() | state)
    return report


def refuse_partial(network: TrackingNetwork, found: Published, report: Report) -> None:
    """A sentence about the first tensor that a network expects and a file does not have, or has in another shape.

    Raises:
        CheckpointError: there is one.
    """
    if report.misfits:
        name = report.misfits[0]
        own, other = network.state_dict()[name], found.tensors[_published(network, name)]
        raise CheckpointError(
            f"{name} of shape {tuple(own.shape)}",
            f"{tuple(other.shape)} in {found.path} (and {len(report.misfits) - 1} more)",
            "the file is of another architecture: correct `network` and `crops`, or load it in part",
        )
    if report.missing:
        got = f"{found.path} without {report.missing[0]} (and {len(report.missing) - 1} more)"
        remedy = "switch the published `network` options on, give the right file, or load it in part"
        raise CheckpointError(f"all {len(report.matched) + len(report.missing)} tensors of the network", got, remedy)


def _content(path: Path) -> tuple[dict, dict, TrackingNetwork | None]:
    """The dictionary of tensors in a file, what else the file says, and the network of its size if it is ours."""
    if path.suffix == ".safetensors":
        state, header, network = read_network_file(path)
        if network is None:
            return state, {"checksum": UNKNOWN}, None
        made = header["provenance"]
        facts = {key: made[key] for key in ("benchmark", "run", "seed", "digest", "git_commit") if key in made}
        facts["checksum"] = header.get("checksum", UNKNOWN)
        return state, {key: _plain(value) for key, value in facts.items()}, network
    content = read(path)
    facts = {"checksum": "one for each part, all of them hold" if is_zipped(path) else UNKNOWN}
    if not isinstance(content, dict):
        raise CheckpointError("a dictionary of tensors", f"{type(content).__name__} in {path}", "give another file")
    nested = next((key for key in ("net", "model", "state_dict") if isinstance(content.get(key), dict)), None)
    if nested is None:
        return content, facts, None
    rest = {str(_plain(key)): _plain(value) for key, value in content.items() if key != nested}
    if len(rest) > MOST_FACTS:
        rest = dict(list(rest.items())[:MOST_FACTS]) | {"more": len(rest) - MOST_FACTS}
    return content[nested], rest | facts, None


def _plain(value: Any) -> Any:
    """Something to print: short plain values as they are, others by their class and size."""
    if isinstance(value, str):
        return value if len(value) <= 100 and value.isprintable() else excerpt(value)
    if isinstance(value, float | bool) or value is None or (isinstance(value, int) and abs(value) < 2**64):
        return value
    if isinstance(value, Placeholder):
        return repr(value)
    size = f" of {len(value)}" if isinstance(value, dict | list | tuple) else ""
    return f"<{type(value).__name__}{size}>"


def _published(network: TrackingNetwork, name: str) -> str:
    """The published name, with the two-stream prefix, of a network's tensor."""
    return name.replace(f"{network.encoder_name}.", "backbone.", 1)


def _in_file(found: Published, name: str) -> str:
    """What a tensor is called in its file."""
    own = found.prefix + name.removeprefix("backbone.") if name.startswith("backbone.") else name
    return found.wrapper + own


def match(network: TrackingNetwork, found: Published) -> tuple[Report, dict[str, Tensor]]:
    """What would become of every tensor if a network were given a file's; and the values to load."""
    report, state, used = Report([], [], [], [], [], []), {}, set()
    for name, own in network.state_dict().items():
        source = _published(network, name)
        tensor = found.tensors.get(source)
        role = ROLES.get(name.rpartition(".")[2])
        if tensor is None and role:
            tensor, source = _positions(found, own), "backbone.pos_embed"
        if tensor is None:
            usual = name.endswith(COUNTERS) or (found.kind == "mae" and not _of_mae(source))
            (report.absent if usual else report.missing).append(name)
            continue
        used.add(source)
        if tensor.shape == own.shape:
            state[name] = tensor.to(own.dtype)
            made = source == "backbone.pos_embed" and role
            (report.reshaped if made else report.matched).append(name)
        elif role and _is_grid(tensor, own):
            state[name] = resized(tensor, math.isqrt(own.shape[1])).to(own.dtype)
            report.reshaped.append(name)
        else:
            report.misfits.append(name)
    report.unexpected.extend(_in_file(found, name) for name in found.tensors if name not in used)
    return report, state


def _of_mae(name: str) -> bool:
    """Whether an MAE file is expected to hold the tensor, or the positions that become it."""
    parts = ("backbone.patch_embed.", "backbone.blocks.", "backbone.norm.")
    return name == "backbone.pos_embed" or name.startswith(parts)


def _positions(found: Published, own: Tensor) -> Tensor | None:
    """Positions for a role's grid from those of the 14 x 14 patches of ImageNet, as published."""
    general = found.tensors.get("backbone.pos_embed")
    if general is None or general.dim() != 3 or not _is_grid(general[:, 1:], own):
        return None
    return resized(general[:, 1:], math.isqrt(own.shape[1]))


def _is_grid(positions: Tensor, own: Tensor) -> bool:
    """Whether positions lie on a square grid and are as wide as the network's."""
    return (
        positions.dim() == 3
        and len(positions) == 1
        and positions.shape[2] == own.shape[2]
        and math.isqrt(positions.shape[1]) ** 2 == positions.shape[1] > 0
    )


def resized(positions: Tensor, side: int) -> Tensor:
    """Positional embedding (1, n n, D) for another square grid, (1, side side, D), by bicubic interpolation."""
    n = math.isqrt(positions.shape[1])
    if n == side:
        return positions
    grid = positions.mT.unflatten(2, (n, n))  # 1 D n n
    return F.interpolate(grid.float(), size=(side, side), mode="bicubic", align_corners=False).flatten(2).mT
