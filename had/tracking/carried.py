"""How a network is followed: the crops and tracking options in its checkpoint, and what replaces them.

Enters: the provenance that `had.models.weights.load_network` returns. Training, convert and export write it, so that a
network gives the same boxes in every folder, whatever configuration lies there.
"""

from __future__ import annotations

import logging
from pathlib import Path

from had.data.layouts import layout_of
from had.errors import CheckpointError, ConfigError, excerpt
from had.options.tracking import TrackingOptions
from had.options.training import CropOptions

log = logging.getLogger(__name__)
CUT = ("template_factor", "search_factor", "geometry", "template_voxels", "search_voxels")
"""Options of crops that tracking reads, beside their sizes, which the architecture holds."""


def crops_in(provenance: dict, checkpoint: Path) -> CropOptions:
    """The crops with which a network was trained.

    Raises:
        CheckpointError: the checkpoint does not hold them.
    """
    try:
        return CropOptions.model_validate(provenance["options"]["crops"])
    except (KeyError, TypeError, ValueError):
        got = f"none in {checkpoint}"
        raise CheckpointError("the crops of its training in the checkpoint", got, "train the network again") from None


def benchmark_in(provenance: dict, checkpoint: Path) -> str:
    """The benchmark on which a network was trained: it decides how events become voxels.

    Raises:
        CheckpointError: the checkpoint does not name one that is known.
    """
    name = provenance.get("benchmark")
    try:
        return layout_of(str(name)).name
    except ConfigError:
        got = f"{excerpt(str(name))} in {checkpoint}"
        raise CheckpointError("a known benchmark in the checkpoint", got, "train the network again") from None


def tracking_in(provenance: dict, checkpoint: Path) -> dict:
    """The tracking options that a checkpoint states; none where it is older than that.

    Raises:
        CheckpointError: options that cannot be.
    """
    stated = provenance.get("tracking", {})
    try:
        carried = TrackingOptions.model_validate(stated).carried
    except (TypeError, ValueError):
        got = f"{str(stated)[:80]!r} in {checkpoint}"
        raise CheckpointError("tracking options in the checkpoint", got, "train or convert the network again") from None
    return {name: value for name, value in carried.items() if name in stated}


def tracking_with(provenance: dict, checkpoint: Path, options: TrackingOptions | None) -> TrackingOptions:
    """The options with which a network follows a recording; a line says where they come from.

    Args:
        provenance: of the network in ``checkpoint``.
        options: of a configuration that the user names: they come before the checkpoint's; None: there is none.
    """
    if options is not None:
        warn_of_others(provenance, checkpoint, options)
        return options
    stated = tracking_in(provenance, checkpoint)
    found = TrackingOptions(**stated)
    assumed = {name: value for name, value in found.carried.items() if name not in stated}
    if stated:
        log.info("tracked with %s, as %s says", _listed(stated), checkpoint)
    if assumed:
        remedy = "give --config with the configuration of its training"
        log.warning("%s does not state %s: the defaults are assumed; %s", checkpoint, _listed(assumed), remedy)
    return found


def warn_of_others(
    provenance: dict, checkpoint: Path, options: TrackingOptions, crops: CropOptions | None = None
) -> None:
    """Say which options of a configuration differ from those in a checkpoint, and that the configuration's are used."""
    stated = tracking_in(provenance, checkpoint)
    pairs = [(f"tracking.{name}", options.carried[name], value) for name, value in stated.items()]
    if crops is not None and "options" in provenance:
        trained = crops_in(provenance, checkpoint)
        pairs += [(f"crops.{name}", getattr(crops, name), getattr(trained, name)) for name in CUT]
    for name, used, replaced in pairs:
        if used != replaced:
            log.warning("%s %s of the configuration replaces %s in %s", name, used, replaced, checkpoint)


def _listed(values: dict) -> str:
    return ", ".join(f"tracking.{name} {value:g}" for name, value in values.items())
