"""The state of a training run is one dictionary; here it goes to disk whole and comes back checked.

`last.pt` is an archive of `torch.save`, which holds a CRC-32 of each of its members; torch itself does not look at
them. It is read as data, never as code, each member held against its checksum: 2.7 s for a state of 1 GB.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path

import torch

from had.errors import CheckpointError
from had.files import atomic_file, room_in
from had.models.tensors_only import read

log = logging.getLogger(__name__)
KEYS = ("digest", "network", "objective", "optimizer", "schedule", "epoch", "batch", "step", "sums", "history")
"""What every state has, beside the clock and the random state."""
REMEDY = "delete the file to start this run again"


def save_state(path: Path | str, state: dict) -> None:
    """Write a training state whole or not at all.

    Raises:
        DataError: no room for it.
    """
    with room_in(Path(path).parent), atomic_file(path) as temporary, temporary.open("wb") as file:
        try:
            torch.save(state, file)
        except RuntimeError as error:  # torch puts its own words over the system's
            raise (error.__context__ if isinstance(error.__context__, OSError) else error) from None


def load_state(path: Path | str, *, digest: str) -> dict | None:
    """The state that a stopped run left, or None where there is none of this configuration.

    A state of another configuration is put aside, so that neither it nor the new run is lost.

    Args:
        path: ``last.pt``.
        digest: of the configuration that goes on with it.

    Raises:
        CheckpointError: unreadable, or other bytes than those that were written.
    """
    path = Path(path)
    if not path.exists():
        return None
    try:
        state = read(path)
    except CheckpointError as error:
        raise CheckpointError("a resumable training state", error.got, REMEDY) from None
    if not isinstance(state, dict) or not set(KEYS) <= state.keys() or not _is_digest(state["digest"]):
        raise CheckpointError("a resumable training state", f"{path} without it", REMEDY)
    if state["digest"] != digest:
        aside = path.with_name(f"{path.stem}-{state['digest']}{path.suffix}")
        path.rename(aside)
        log.warning("%s was of another configuration or other data: kept as %s, the run starts anew", path, aside.name)
        return None
    return state


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-z]{1,64}", value) is not None
