"""The one-shot IoU of a test split: a table of single crops, free of the errors that a track accumulates."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from had.csv_cells import cell_of
from had.data.one_shot import OneShotCrops, one_shot_ious
from had.files import atomic_file
from had.options.training import CropOptions

if TYPE_CHECKING:
    from had.data.sequences import Sequence
    from had.models.network import TrackingNetwork

COLUMNS = ("sequence", "frame", "iou")


def write_one_shot(
    path: Path,
    network: TrackingNetwork | None,
    sequences: list[Sequence],
    crops: CropOptions,
    *,
    count: int,
    batch_size: int,
    device: str,
    label: str,
) -> None:
    """Write ``sequence,frame,iou``, ``count`` rows a sequence; only the header where there is no network.

    Args:
        path: the CSV file.
        network: in evaluation mode on ``device``, or None for a control.
        sequences: prepared sequences.
        crops: the crops that the network was trained with.
        count: jittered crops a sequence.
        batch_size: crops a forward pass.
        device: where the network is.
        label: shown as progress.
    """
    rows = []
    if network is not None and count:
        drawn = OneShotCrops(sequences, network.streams, crops, count)
        rows = one_shot_ious(network, drawn, batch_size=batch_size, device=device, label=label)
    with atomic_file(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows((cell_of(sequences[index].name), frame, f"{value:.6f}") for index, frame, value in rows)
