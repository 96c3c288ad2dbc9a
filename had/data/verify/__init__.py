"""A downloaded folder in a benchmark's published layout, held against that layout before anything is run on it.

Enters: the root. Leaves: a `Report` with what is there, and every problem: an error where preparation, training or
tracking would fail later, a note where they pass over something. Sequences are checked side by side, and again only
when one of their files has changed.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from had.data.annotation_doubts import doubt_presence
from had.data.layouts import Layout
from had.data.verify import cache
from had.data.verify.lists import Split, check_lists
from had.data.verify.problems import Findings, Problem
from had.data.verify.resemblance import check_benchmark
from had.data.verify.sequence import SequenceCheck, SequenceFacts, as_plain, from_plain
from had.errors import DataError, nearest
from had.identity import digest
from had.options.recordings import PreparationOptions
from had.progress import progress

CHECKS_VERSION = 4
"""Raised when a check finds something else than before: kept results are forgotten."""


@dataclass(frozen=True)
class Report:
    """What was found.

    Attributes:
        layout, root, deep: what was checked, and how far.
        splits: split -> what its list says.
        sequences: split -> name -> its facts.
        problems: of all splits, those of a split as a whole first.
        checked, unchanged: sequences that were looked at, and that have not changed since they were.
        seconds: how long it took.
    """

    layout: Layout
    root: Path
    deep: bool
    splits: dict[str, Split]
    sequences: dict[str, dict[str, SequenceFacts]]
    problems: list[Problem]
    checked: int
    unchanged: int
    seconds: float

    def count(self, severity: str) -> int:
        """Number of errors or notes."""
        return sum(problem.severity == severity for problem in self.problems)


def verify_folder(
    layout: Layout,
    root: Path,
    *,
    splits: list[str] | None = None,
    options: PreparationOptions | None = None,
    clip_frames: int = 1,
    deep: bool = False,
    workers: int = 1,
    cache_file: Path | None = None,
) -> Report:
    """Check a folder.

    Args:
        root: the folder with the splits' folders.
        splits: which; None: all of the layout.
        options: how the recordings will be prepared, which decides what is read.
        clip_frames: length of the clips that training cuts.
        deep: decode all recordings and images to their end.
        workers: processes.
        cache_file: where results of unchanged sequences are kept; None: the user's folder of caches.

    Raises:
        DataError: no such folder, or no such split.
    """
    begin = time.monotonic()
    root = Path(root)
    if not root.is_dir():
        got = f"a file {root}" if root.exists() else f"no folder {root}"
        raise DataError(f"the folder of {layout.title}", got, "correct --root")
    splits = list(splits or layout.splits)
    for split in splits:
        if split not in layout.splits:
            raise DataError(f"a split of {layout.title}", repr(split), nearest(split, layout.splits))
    options = options or PreparationOptions()
    listed = check_lists(layout, root, splits)
    jobs = [
        SequenceCheck(layout, options, root, split, name, clip_frames if split == "train" else 1, deep)
        for split, found in listed.items()
        for name in found.names
    ]
    path = cache_file or cache.default_path(layout.name, root)
    key = digest(repr(layout), options, clip_frames, str(root.resolve()), CHECKS_VERSION)
    kept = cache.load(path, key)
    answers = zip(jobs, _unchanged(jobs, kept, workers), strict=True)
    known = {_name(job): answer for job, answer in answers if answer}
    todo = [job for job in jobs if _name(job) not in known]
    label = f"verify {layout.name}"
    try:
        for job, answer in zip(todo, progress(_run(todo, workers), label=label, total=len(todo)), strict=True):
            known[_name(job)] = answer
    finally:  # what was found before an interruption is not looked for again
        if todo:
            cache.save(path, key, kept | {name: as_plain(*answer) for name, answer in known.items()})
    problems = check_benchmark(layout, root).problems
    problems += [problem for found in listed.values() for problem in found.findings.problems]
    facts: dict[str, dict[str, SequenceFacts]] = {split: {} for split in listed}
    for job in jobs:
        facts[job.split][job.name] = known[_name(job)][0]
    problems += [problem for split in listed for problem in _doubts(layout, root, split, list(facts[split].values()))]
    problems += [problem for job in jobs for problem in known[_name(job)][1]]
    return Report(
        layout=layout,
        root=root,
        deep=deep,
        splits=listed,
        sequences=facts,
        problems=problems,
        checked=len(todo),
        unchanged=len(jobs) - len(todo),
        seconds=time.monotonic() - begin,
    )


def _doubts(layout: Layout, root: Path, split: str, sequences: list[SequenceFacts]) -> list[Problem]:
    """A note where the flags of a split seem to mean the contrary; single sequences may hide their target for long."""
    findings = Findings(root, split)
    known = [(one.present, one.frames) for one in sequences if one.present is not None and one.frames is not None]
    if doubt := doubt_presence(layout, sum(present for present, _ in known), sum(frames for _, frames in known)):
        remedy = f"some benchmarks write {layout.presence} the other way round: check that it is {layout.title}'s own"
        findings.add("flags-meaning", doubt, remedy, file=root / layout.splits[split], severity="note")
    return findings.problems


Answer = tuple[SequenceFacts, list[Problem]]


def _name(job: SequenceCheck) -> str:
    return f"{job.split}/{job.name}"


def _unchanged(jobs: list[SequenceCheck], kept: dict, workers: int) -> Iterator[Answer | None]:
    """For each job what was found before, if nothing has changed since."""

    def answer(job: SequenceCheck) -> Answer | None:
        try:
            facts, problems = from_plain(kept[_name(job)])
            same = facts.fingerprint == job.fingerprint(job.listing()) and facts.deep >= job.deep
        except (KeyError, TypeError, OSError):
            return None
        return (facts, problems) if same else None

    with ThreadPoolExecutor(workers) as pool:  # waits for the disk
        yield from pool.map(answer, jobs)


def _run(jobs: list[SequenceCheck], workers: int) -> Iterator[Answer]:
    """The answers in the order of the jobs."""
    if workers <= 1 or len(jobs) <= 1:
        yield from (job.run() for job in jobs)
        return
    context = multiprocessing.get_context("spawn")  # threads of the libraries do not survive a fork
    workers = min(workers, len(jobs))
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        try:
            yield from pool.map(SequenceCheck.run, jobs, chunksize=max(1, min(16, len(jobs) // (4 * workers))))
        except BrokenProcessPool:
            remedy = "make memory free, or find the file at which it ends with --workers 1"
            raise DataError("all processes to come to their end", "one that was killed", remedy) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
