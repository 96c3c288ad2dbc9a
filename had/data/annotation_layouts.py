"""What scoring needs to know of a benchmark: names of its annotation files, meaning of its flags, its attributes.

`had.data.layouts` adds to this what recordings need. The layouts here have annotations only: they can be scored, but
not prepared, trained or tracked. Nothing here touches a disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from had.errors import ConfigError, nearest


@dataclass(frozen=True, kw_only=True)
class AnnotationLayout:
    """One benchmark's annotation files.

    Attributes:
        name: canonical name.
        title: name in tables.
        citation: where it was published; empty for folders of no one benchmark.
        boxes: ground truth inside a sequence's folder, one ``x,y,w,h`` a frame.
        presence: flags inside a sequence's folder, or None: the target counts as present in all frames.
        present_value: the flag that means "target visible".
        attributes: abbreviations in the order of the published flags.
        aliases: further accepted names.
        ambiguous: sequences that the published table of attributes has twice, with different flags: they get none.
    """

    name: str
    title: str
    citation: str
    boxes: str
    presence: str | None
    present_value: int = 1
    attributes: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    ambiguous: tuple[str, ...] = ()

    @property
    def flags_mean(self) -> str:
        """What the values of the presence flags mean, for sentences; empty where there are none."""
        return flags_mean(self.present_value) if self.presence else ""


def flags_mean(present_value: int) -> str:
    """What the values of presence flags mean, for sentences: benchmarks differ, and the file is called absent.txt."""
    return f"{present_value} says that the target is present, {1 - present_value} that it is absent"


ANNOTATED = (
    AnnotationLayout(
        name="otb",
        title="OTB",
        citation="TPAMI 2015, Object Tracking Benchmark",
        boxes="groundtruth_rect.txt",
        presence=None,
        aliases=("otb100", "otb2015"),
    ),
    AnnotationLayout(
        name="lasot",
        title="LaSOT",
        citation="arXiv 1809.07845",
        boxes="groundtruth.txt",
        presence="absent.txt",
        present_value=0,
    ),
    AnnotationLayout(name="plain", title="Box files", citation="", boxes="groundtruth.txt", presence=None),
)
"""Layouts without recordings; ``plain`` is for any folder of box files that has no flags."""

Kind = TypeVar("Kind", bound=AnnotationLayout)


def find(name: str, layouts: Iterable[Kind]) -> Kind:
    """The layout with this name, in any accepted spelling.

    Raises:
        ConfigError: none of them has it.
    """
    known: Mapping[str, Kind] = {n: layout for layout in layouts for n in (layout.name, *layout.aliases)}
    wanted = name.lower().replace("_", "-")
    if wanted not in known:
        raise ConfigError(f"a benchmark among {', '.join(known)}", repr(name), nearest(wanted, known))
    return known[wanted]
