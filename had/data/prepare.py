"""Raw recordings of a split -> event store, voxels and camera frames that training reads, once.

Written under ``<prepared>/<split>/``::

    index.json                the split, last of all: complete once it is there
    <sequence>/...            one folder a sequence (`had.data.prepare_sequence`), complete once it is there

Sequences are prepared in parallel, each whole or not at all: a call that was killed goes on with the next one.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from had.data.annotations import read_split, split_folder
from had.data.layouts import Layout
from had.data.prepare_sequence import FORMAT_VERSION, SequencePreparation
from had.data.prepared_files import write_description
from had.errors import ConfigError
from had.files import atomic_file, room_in
from had.identity import digest
from had.options.recordings import PreparationOptions
from had.progress import progress

__all__ = ["FORMAT_VERSION", "prepare_split"]

log = logging.getLogger(__name__)


def prepare_split(
    *,
    layout: Layout,
    options: PreparationOptions,
    root: Path,
    split: str,
    output: Path,
    workers: int = 1,
    images: bool = False,
) -> None:
    """Prepare all sequences of a split; those that are up to date are left alone.

    Args:
        root: the folder in the published layout.
        output: ``.../data/<benchmark>/prepared``.
        workers: processes.
        images: also write the event images as PNG files, named as published.

    Raises:
        ConfigError: what is written would lie among the recordings.
        DataError: missing or broken input, fewer frames than boxes, or no room; what was done before stays done.
    """
    folder = output / split
    _refuse_recordings(layout, root, folder)
    annotations = read_split(layout, root, split)
    source = split_folder(layout, root, split)
    jobs = [SequencePreparation(layout, options, source, root, a, folder / a.name, images) for a in annotations]
    label = f"prepare {layout.name} {split}"
    with room_in(folder):
        done = {
            meta["name"]: meta for meta in progress(_run(jobs, workers), label=label, total=len(jobs), unit="sequences")
        }
        index = {
            "benchmark": layout.name,
            "split": split,
            "digest": digest(options, layout.name, FORMAT_VERSION, images),
            "root": str(root) if any(not f["prepared"] for m in done.values() for f in m["files"].values()) else "",
            "frames": sum(meta["frames"] for meta in done.values()),
            "events": sum(meta["events"] or 0 for meta in done.values()),
            "sequences": [done[a.name] for a in annotations],
        }
        with atomic_file(folder / "index.json") as path:
            write_description(path, index)
    _summarise(label, list(done.values()))


COUNTS = {
    "frames_dropped": "frames without a box left out",
    "frames_empty": "frames without an event",
    "voxels_empty": "frames without a voxel",
}
"""What a sequence's metadata count, and how the summary says it."""


def _summarise(label: str, metas: list[dict[str, Any]]) -> None:
    """One line a count that is not zero; sequences prepared by an earlier version may not have counted."""
    for key, what in COUNTS.items():
        counts = {meta["name"]: meta.get(key) or 0 for meta in metas}
        total = sum(counts.values())
        if total:
            worst = max(counts, key=lambda name: counts[name])
            sequences = sum(count > 0 for count in counts.values())
            log.info("%s: %d %s, in %d sequences; most in %s: %d", label, total, what, sequences, worst, counts[worst])
    silent = [meta["name"] for meta in metas if meta.get("frames_empty") == meta["frames"]]
    if silent:
        log.warning("%s: no frame with an event in %d sequences: %s", label, len(silent), ", ".join(silent))


def _refuse_recordings(layout: Layout, root: Path, folder: Path) -> None:
    """See that ``folder`` is neither one of the recordings' folders, nor inside or around one."""
    target = folder.resolve()
    for split in layout.splits:
        source = split_folder(layout, root, split).resolve()
        if target == source or target in source.parents or source in target.parents:
            got = f"{folder}, where recordings are ({source})"
            raise ConfigError("an output apart from the recordings", got, "give another --output")


def _run(jobs: list[SequencePreparation], workers: int) -> Iterator[dict[str, Any]]:
    """The sequences' metadata in the order of their completion."""
    if workers <= 1 or len(jobs) <= 1:
        yield from (job.run() for job in jobs)
        return
    context = multiprocessing.get_context("spawn")  # threads of the libraries do not survive a fork
    with ProcessPoolExecutor(min(workers, len(jobs)), context, _end_with_parent) as pool:
        futures = [pool.submit(job.run) for job in jobs]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _end_with_parent() -> None:
    """End this process when the one that started it is killed: it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
