"""Batches of training clips, drawn in this process or by worker processes that outlive the signals to end a job.

A scheduler or a terminal sends its signal to the whole process group. The training process hears it, saves its state
and ends its workers (`had.training.loop`); a worker that ended by itself would take the training with it.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator

import torch
from torch.utils.data import DataLoader

from had.data.pairs import ClipDataset, collate
from had.structures import Sample

SIGNALS = (signal.SIGTERM, signal.SIGINT)
"""From schedulers, and from Ctrl-C."""


def load_batches(clips: ClipDataset, batches: list[list[int]], *, workers: int) -> Iterator[Sample]:
    """One collated sample a batch, in order.

    Args:
        clips: at the epoch that is wanted.
        batches: indices of each batch.
        workers: processes; 0: none but this one. They end with the iterator, and some seconds after a training process
            that was killed.
    """
    loader = DataLoader(
        clips,
        batch_sampler=batches,
        collate_fn=collate,
        num_workers=workers,
        worker_init_fn=_ignore_signals,
        generator=torch.Generator(),  # else every new loader would advance the global generator
    )
    # Held back from before a worker exists until it ignores them; this process gets then what has come meanwhile.
    former = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        samples = iter(loader)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
    return samples


def _ignore_signals(worker: int) -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
