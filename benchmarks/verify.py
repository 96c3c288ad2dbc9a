"""How long `had verify` takes on a folder with as many sequences as EventVOT: the first call, and the second.

    python benchmarks/verify.py [--frames 50] [--workers 2] [--folder DIR]

The folder is made first, of tiny files: what is measured is the work per file and sequence, not a disk. ``complete``
has raw recordings, images and voxels; ``images only`` has images and voxels, which are then read whole. The third
call comes after one image has changed.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from scipy.io import savemat

from had.data.layouts import LAYOUTS, SENSOR_FILE, SLICES_FILE, Layout
from had.data.verify import verify_folder

SIZE = (64, 36)
CELLS = 100
"""Voxels a file; the published files have up to 4000."""


def write_tree(layout: Layout, root: Path, *, frames: int, raw: bool) -> int:
    """A folder with the published numbers of sequences; the number of files."""
    rng = np.random.default_rng(0)
    picture = cv2.imencode(".png", rng.integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8))[1].tobytes()
    with tempfile.NamedTemporaryFile(suffix=".mat") as file:
        places = rng.integers(0, layout.voxel.grid, (CELLS, 3)).astype(float)
        savemat(file.name, {"coor": places, "features": np.ones((CELLS, layout.voxel.events))})
        voxels = Path(file.name).read_bytes()
    texts = {
        layout.boxes: "3,4,10,12\n" * frames,
        layout.presence: f"{layout.present_value}\n" * frames,
        SENSOR_FILE: "{},{}\n".format(*SIZE),
        SLICES_FILE: f"{frames + 1}\n",
    }
    events = "x,y,polarity,t\n" + "".join(f"{i % 64},{i % 36},{i % 2},{1000 + 10 * i}\n" for i in range(500))
    for split, count in layout.published.items():
        folder = root / layout.splits[split]
        names = [f"{split}_{number:04d}" for number in range(count)]
        folder.mkdir(parents=True)
        (folder / layout.list_file).write_text("".join(f"{name}\n" for name in names))
        for name in names:
            own = {name: text for name, text in texts.items()} | (
                {layout.raw.format(sequence=name): events} if raw else {}
            )
            for place in (layout.images["event_image"], layout.voxels):
                (folder / name / place.format(sequence=name, index=0)).parent.mkdir(parents=True, exist_ok=True)
            for file_name, text in own.items():
                (folder / name / file_name).write_text(text)
            for index in range(frames):
                (folder / name / f"{layout.images['event_image'].format(index=index)}.png").write_bytes(picture)
                (folder / name / layout.voxels.format(sequence=name, index=index)).write_bytes(voxels)
    return sum(layout.published.values()) * (len(texts) + raw + 2 * frames)


def main() -> None:
    """Make, verify, verify again, damage, verify."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=50, help="frames a sequence (published: 499)")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--folder", type=Path, help="where the tree is made; none: in the folder of temporary files")
    arguments = parser.parse_args()
    layout = LAYOUTS["eventvot"]
    print("| edition | files | first call s | ms a sequence | second call s | one image changed s |")
    print("|---|---:|---:|---:|---:|---:|")
    for edition, raw in (("complete", True), ("images only", False)):
        with tempfile.TemporaryDirectory(dir=arguments.folder) as place:
            root = Path(place) / "EventVOT"
            files = write_tree(layout, root, frames=arguments.frames, raw=raw)
            seconds = [_timed(layout, root, Path(place), arguments.workers, checked=1141)]
            seconds.append(_timed(layout, root, Path(place), arguments.workers, checked=0))
            picture = root / "test" / "test_0003" / "img" / "0002.png"
            picture.write_bytes(picture.read_bytes() + b"x")
            seconds.append(_timed(layout, root, Path(place), arguments.workers, checked=1))
        each = 1000 * seconds[0] / 1141
        print(f"| {edition} | {files:,} | {seconds[0]:.1f} | {each:.1f} | {seconds[1]:.1f} | {seconds[2]:.1f} |")


def _timed(layout: Layout, root: Path, place: Path, workers: int, *, checked: int) -> float:
    begin = time.perf_counter()
    report = verify_folder(layout, root, workers=workers, cache_file=place / "cache.json")
    seconds = time.perf_counter() - begin
    assert (report.checked, report.count("error")) == (checked, 0), report.problems[:3]
    return seconds


if __name__ == "__main__":
    main()
