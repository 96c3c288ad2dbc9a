"""The state of a training run is one dictionary; here it goes to disk whole and comes back checked.

`last.pt` holds tensors, numbers, strings, lists and dictionaries only, and is read as data, never as code.
"""

from __future__ import annotations

import logging
import pickle
from pathlib import Path

import torch

from had.errors import CheckpointError
from had.files import atomic_file

log = logging.getLogger(__name__)
KEYS = ("digest", "network", "objective", "optimizer", "schedule", "epoch", "batch", "step", "sums", "history")
"""What every state has, beside the clock and the random state."""


def save_state(path: Path | str, state: dict) -> None:
    """Write a training state whole or not at all."""
    with atomic_file(path) as temporary:
        torch.save(state, temporary)


def load_state(path: Path | str, *, digest: str) -> dict | None:
    """The state that a stopped run left, or None where there is none of this configuration.

    A state of another configuration is put aside, so that neither it nor the new run is lost.

    Args:
        path: ``last.pt``.
        digest: of the configuration that goes on with it.

    Raises:
        CheckpointError: unreadable.
    """
    path = Path(path)
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, pickle.UnpicklingError) as error:
        got = f"{path}: {(str(error) or 'an empty file').splitlines()[0]}"
        raise CheckpointError("a resumable training state", got, "delete the file to start this run again") from None
    if not isinstance(state, dict) or not set(KEYS) <= state.keys():
        remedy = "delete the file to start this run again"
        raise CheckpointError("a resumable training state", f"{path} without it", remedy)
    if state["digest"] != digest:
        aside = path.with_name(f"{path.stem}-{state['digest']}{path.suffix}")
        path.rename(aside)
        log.warning("%s was of another configuration or other data: kept as %s, the run starts anew", path, aside.name)
        return None
    return state
