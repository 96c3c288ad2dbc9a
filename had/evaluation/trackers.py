"""Folders of result files -> the trackers in them, each with its name and the sequences that it has tracked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from had.errors import ConfigError, DataError
from had.files import shown

_TIMES = "_time"


class Tracker(NamedTuple):
    """One tracker's result files, ``<folder>/<sequence>.txt``.

    Attributes:
        name: in the tables.
        folder: where they are.
        sequences: those for which there is a file, sorted.
    """

    name: str
    folder: Path
    sequences: tuple[str, ...]


def find_trackers(
    folders: Sequence[Path], names: Sequence[str], *, known: Collection[str], apart: Collection[Path] = ()
) -> list[Tracker]:
    """The trackers of some folders, in that order.

    A folder with tracks of known sequences is one tracker; else it is a folder of trackers, by name.
    ``<sequence>_time.txt`` is no track, unless a sequence is called so.

    Args:
        folders: as given with ``--tracks``.
        names: as given with ``--tracker``, one a folder; none: the folders' own names.
        known: the annotated sequences.
        apart: folders of annotations, which are not taken for trackers where they lie among them.

    Raises:
        ConfigError: not one name a folder, a name for a folder of trackers, or a name twice.
        DataError: no such folder, or no tracks in it.
    """
    if names and len(names) != len(folders):
        remedy = "give --tracker once for each --tracks, in the same order, or never"
        raise ConfigError(f"{len(folders)} names of trackers", f"{len(names)}", remedy)
    found: list[Tracker] = []
    for index, folder in enumerate(map(Path, folders)):
        if not folder.is_dir():
            raise DataError("a folder of result files", f"no folder {folder}", "correct --tracks")
        own = _tracks(folder, known)
        places = {place.resolve() for place in apart}
        inside = [entry for entry in shown(folder) if entry.is_dir() and entry.resolve() not in places]
        trackers = [Tracker(entry.name, entry, tracks) for entry in inside if (tracks := _tracks(entry, known))]
        if any(name in known for name in own) or (own and not trackers):
            found.append(Tracker(names[index] if names else folder.resolve().name, folder, own))
            continue
        if not trackers:
            expected = f"result files {folder}/<sequence>.txt, or folders of them"
            raise DataError(expected, "none of either", "give the folder of one tracker, or of several")
        if names:
            got = f"{names[index]!r} for {len(trackers)} folders in {folder}"
            raise ConfigError("--tracker with the folder of one tracker", got, "leave it out: the folders have names")
        found += trackers
    refuse_doubled([tracker.name for tracker in found])
    return found


def refuse_doubled(names: Sequence[str]) -> None:
    """See that each tracker has a name of its own (`ConfigError`)."""
    doubled = [name for name in names if names.count(name) > 1]
    if doubled:
        raise ConfigError("trackers of different names", f"{doubled[0]!r} more than once", "name them with --tracker")


def _tracks(folder: Path, known: Collection[str]) -> tuple[str, ...]:
    stems = (path.stem for path in shown(folder, "*.txt"))
    return tuple(sorted(stem for stem in stems if stem in known or not stem.endswith(_TIMES)))
