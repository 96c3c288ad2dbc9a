"""The published voxel files of one sequence: which are there, and whether they hold what preparation packs."""

from __future__ import annotations

from pathlib import Path

from had.data.layouts import Layout
from had.data.mat_files import mat_names
from had.data.published import first_voxel_file, numbered, read_voxel_file
from had.data.verify.problems import Findings, Severity, some_of
from had.errors import DataError

_AGAIN = "download or make them again"


def check_voxels(
    findings: Findings,
    layout: Layout,
    source: Path,
    *,
    names: list[str] | None,
    frames: int | None,
    read: bool,
    deep: bool,
) -> int | None:
    """Look at the voxel files; their number, None where the layout or the folder has none.

    Args:
        source: the sequence's folder.
        names: what the voxels' folder holds, None where there is none.
        frames: number of boxes, where it is known.
        read: whether preparation will read them: then they are read here, too, because nothing else tells NaN;
            else only their heads are.
        deep: read them in any case.
    """
    if layout.voxels is None:
        return None
    severity: Severity = "error" if read else "note"
    pattern = layout.voxels
    folder = (source / pattern.format(sequence=source.name, index=0)).parent
    if names is None:
        if read:
            remedy = "complete the download (the voxels or the raw recording), or set preparation.voxels to false"
            findings.add("voxel-missing", "no voxel files and no raw recording to make them of", remedy, file=folder)
        return None
    found = numbered(names, pattern.removesuffix(".mat"), source.name, (".mat",))
    there, first = found.files, found.first if found.first is not None else 1
    if there and frames is not None and found.many > frames:
        try:
            first = first_voxel_file(layout, source, frames)
        except DataError as error:
            findings.refused("voxel-missing", error, file=folder, severity=severity)
            return len(there)
    wanted = range(first, first + frames) if frames is not None else sorted(there)
    missing = [Path(pattern.format(sequence=source.name, index=i)).name for i in wanted if i not in there]
    if missing and (there or read):
        what = f"{len(missing)} of {len(wanted)} voxel files missing: {some_of(missing)}"
        remedy = "complete the download, or set preparation.voxels to false" if read else "no run reads them"
        findings.add("voxel-missing", what, remedy, file=folder / missing[0], severity=severity)
    elif len(there) > len(wanted):
        what = f"{len(there)} voxel files for {len(wanted)} boxes"
        findings.add("voxel-extra", what, "those without a box are left out", file=folder, severity="note")
    silent = []
    for name in (there[i] for i in wanted if i in there):
        try:
            if read or deep:
                silent += [] if len(read_voxel_file(folder / name, layout)) else [name]
            else:
                _check_head(folder / name)
        except DataError as error:
            findings.refused("voxel-broken", error, file=folder / name, severity=severity)
    if silent:
        what = f"{len(silent)} of {len(wanted)} voxel files have no cell: {some_of(silent)}"
        findings.add("voxel-silent", what, "nothing to do", file=folder / silent[0], severity="note")
    return len(there)


def _check_head(path: Path) -> None:
    """See that a file names ``coor`` and ``features``, without reading them."""
    if missing := {"coor", "features"} - mat_names(path):
        got = f"none in {path}"
        raise DataError(f"`{'` and `'.join(sorted(missing))}`", got, _AGAIN)
