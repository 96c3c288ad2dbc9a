"""The published images of one stream of one sequence: which are there, whole, and of one size.

Files are judged by their first and last bytes where that is possible (`had.data.image_size`).
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from had.data.frames import DeepImageError
from had.data.image_size import image_size, refusal_of
from had.data.layouts import Layout
from had.data.published import numbered, published_files
from had.data.verify.problems import Findings, Severity, some_of
from had.errors import DataError


class ImageFacts(NamedTuple):
    """What a stream's folder holds.

    Attributes:
        number: how many images, None where there is no such folder.
        size: (width, height) that they should have, None where it is not known.
        begins: whether there is a first image (0 or 1), without which the folder counts as empty.
    """

    number: int | None = None
    size: tuple[int, int] | None = None
    begins: bool = False


def check_images(
    findings: Findings,
    layout: Layout,
    source: Path,
    stream: str,
    *,
    names: list[str] | None,
    frames: int | None,
    size: tuple[int, int] | None,
    severity: Severity,
    deep: bool,
) -> ImageFacts:
    """Look at the images of a stream.

    Args:
        source: the sequence's folder.
        names: what the stream's folder holds, None where there is none.
        frames: number of boxes, where it is known.
        size: (width, height) that they must have; None: that of the first.
        severity: ``"error"`` where a run would read them.
        deep: decode them.
    """
    if names is None:
        return ImageFacts()
    stem = layout.images[stream]
    folder = (source / stem.format(sequence=source.name, index=0)).parent
    found = numbered(names, stem, source.name, layout.extensions)
    there, first = found.files, min(found.files, default=0)
    try:
        files = published_files(layout, source, findings.root, stream, frames or 0)
        first = files["first"] if files else first
    except DataError as error:
        kind = "first-frame" if layout.starts and found.many > (frames or 0) else "image-missing"
        findings.refused(kind, error, file=folder, severity=severity)
    wanted = {i: name for i, name in there.items() if frames is None or first <= i < first + frames}
    if len(wanted) < len(there):
        remedy = "images without a box are left out"
        what = f"{len(there)} images for {frames} boxes"
        findings.add("image-extra", what, remedy, file=folder, severity="note")
    sizes = {name: image_size(folder / name, decode=deep) for _, name in sorted(wanted.items())}
    refused = {name: refusal_of(folder / name) for name, found in sizes.items() if found is None}
    deep_ones = [name for name, error in refused.items() if isinstance(error, DeepImageError)]
    if deep_ones:
        what = f"{len(deep_ones)} of {len(sizes)} images have more than 8 bits a channel: {some_of(deep_ones)}"
        findings.add("image-depth", what, refused[deep_ones[0]].remedy, file=folder / deep_ones[0], severity=severity)
    broken = [name for name in refused if name not in deep_ones]
    if broken:
        what = f"{len(broken)} of {len(sizes)} images cannot be read: {some_of(broken)}"
        remedy = "download or make them again"
        findings.add("image-broken", what, remedy, file=folder / broken[0], severity=severity)
    readable = [found for found in sizes.values() if found]
    size = size or next(iter(readable), (0, 0))
    for other in sorted(set(readable) - {size}):
        of_it = [name for name, found in sizes.items() if found == other]
        what = f"{len(of_it)} of {len(sizes)} images have {other[0]}x{other[1]} pixels, not {size[0]}x{size[1]}: "
        remedy = "check that they belong to this sequence"
        findings.add("image-size", what + some_of(of_it), remedy, file=folder / of_it[0], severity=severity)
    return ImageFacts(len(there), size if any(size) else None, found.first is not None)
