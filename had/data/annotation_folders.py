"""A folder of annotations as its publisher lays it out -> the ground truth of each sequence, for scoring.

Three forms are known: ``<seq>/groundtruth.txt`` with ``<seq>/absent.txt`` (recordings, and COESOT's toolkit),
``gt_rect/<seq>.txt`` with ``absent/<seq>.txt`` (VisEvent's toolkit), ``<seq>.txt`` with ``absent/<seq>.txt`` here or
one level up (LaSOT's toolkit) or without flags (OTB). Attributes: see `had.data.annotations.read_attributes`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from had.data.annotation_layouts import AnnotationLayout
from had.data.annotations import Annotation, read_attributes, read_flags, read_ground_truth
from had.errors import DataError
from had.files import shown

log = logging.getLogger(__name__)

_GROUND_TRUTH = ("groundtruth.txt", "groundtruth_rect.txt")
_LISTS = ("list.txt",)


class Files(NamedTuple):
    """One sequence's files: boxes and flags; no flags where all frames count as present."""

    boxes: Path
    presence: Path | None


@dataclass(frozen=True)
class AnnotationFolder:
    """The sequences of a folder; a file is read when its sequence is asked for.

    Attributes:
        layout: whose annotations they are; says what a flag means.
        files: name -> files, sorted by name.
        attributes: name -> abbreviation -> whether it applies; empty where none are published.
    """

    layout: AnnotationLayout
    files: dict[str, Files]
    attributes: dict[str, dict[str, bool]]

    def read(self, name: str) -> Annotation:
        """The ground truth of one sequence. Without flags the target is present in all frames, as for the toolkits.

        Raises:
            DataError: a missing or broken file, or as many flags as there are not boxes.
        """
        files = self.files[name]
        boxes = read_ground_truth(files.boxes)
        present = np.ones(len(boxes), bool)
        if files.presence is not None:
            if not files.presence.is_file():
                expected = f"{self.layout.title}'s flags of presence of {name} ({self.layout.flags_mean})"
                remedy = "complete the download, or score with --layout plain: all frames then count as present"
                raise DataError(expected, f"no file {files.presence}", remedy)
            present = read_flags(files.presence, len(boxes), self.layout.present_value)
        return Annotation(name, boxes, present, self.attributes.get(name, {}))


def find_annotations(layout: AnnotationLayout, folder: Path) -> AnnotationFolder:
    """What a folder holds, in any of the three forms; maybe nothing. The only one with annotations below stands for it.

    Raises:
        DataError: no such folder, or two annotations of one sequence.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError("a folder of annotations", f"no folder {folder}", "correct --annotations")
    files = _nested(layout, folder)
    for name, own in _listed(layout, folder / "gt_rect", folder / "absent").items():
        if name in files:
            raise _doubled(name, files[name].boxes, own.boxes)
        files[name] = own
    flat = _flat(layout, folder)
    for name in files.keys() & flat.keys():
        raise _doubled(name, files[name].boxes, flat[name].boxes)
    below = [] if files else _below(layout, folder)
    for place in below if flat else ():
        inner = find_annotations(layout, place).files
        for name in flat.keys() & inner.keys():
            raise _doubled(name, flat[name].boxes, inner[name].boxes)
    if len(below) == 1:  # text files beside it are lists and explanations
        return find_annotations(layout, below[0])
    files = files or flat
    attributes = read_attributes(layout, folder) if layout.attributes else {}
    return AnnotationFolder(layout, dict(sorted(files.items())), attributes)


def check_scorable(annotations: AnnotationFolder, folder: Path) -> None:
    """See that there are annotations; a missing folder of flags is said in the log.

    Raises:
        DataError: there are none; folders below that have some are named.
    """
    layout = annotations.layout
    if annotations.files:
        if layout.presence and all(files.presence is None for files in annotations.files.values()):
            sentence = (
                "%s: no folder `absent` in %s or beside it: all frames count as present, which changes the scores"
            )
            log.warning(sentence, layout.title, folder)
        return
    below = [entry.name for entry in _below(layout, folder)]
    remedy = (
        f"give one of the folders in it: {', '.join(below)}" if below else "give the folder that holds the sequences"
    )
    expected = f"<sequence>/{layout.boxes}, gt_rect/<sequence>.txt or <sequence>.txt"
    raise DataError(expected, f"none of them in {folder}", remedy)


def _nested(layout: AnnotationLayout, folder: Path) -> dict[str, Files]:
    found = {}
    for entry in shown(folder):
        there = [entry / name for name in dict.fromkeys((layout.boxes, *_GROUND_TRUTH)) if (entry / name).is_file()]
        if len(there) > 1:
            raise _doubled(entry.name, *there[:2])
        if there:
            found[entry.name] = Files(there[0], entry / layout.presence if layout.presence else None)
    return found


def _below(layout: AnnotationLayout, folder: Path) -> list[Path]:
    """Folders one level down that hold annotations, in a form that cannot be mistaken for other text files."""
    folders = (entry for entry in shown(folder) if entry.is_dir())
    return [entry for entry in folders if _nested(layout, entry) or (entry / "gt_rect").is_dir()]


def _flat(layout: AnnotationLayout, folder: Path) -> dict[str, Files]:
    absent = next((place / "absent" for place in (folder, folder.parent) if (place / "absent").is_dir()), None)
    return _listed(layout, folder, absent)


def _listed(layout: AnnotationLayout, folder: Path, absent: Path | None) -> dict[str, Files]:
    return {
        path.stem: Files(path, absent / path.name if layout.presence and absent else None)
        for path in shown(folder, "*.txt")
        if path.name not in _LISTS
    }


def _doubled(name: str, one: Path, other: Path) -> DataError:
    return DataError(f"one annotation of {name}", f"both {one} and {other}", "remove one, or give a folder with one")
