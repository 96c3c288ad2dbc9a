"""Slicing, event images and voxels of 1280x720 recordings, beside the published loops restated; memory; the whole verb.

    python benchmarks/preparation.py RECORDING.raw [--events 20000000] [--repeats 5] [--folder DIR]

RECORDING is written as CSV, as EventVOT publishes its recordings, and once more as a long recording: repeated in time
until it has ``--events`` events. The loops run over events one by one, as the published scripts do: one comparison an
event finds the slices' boundaries; the images are then drawn by numpy, as published; the published voxels are made by
a library in C++, here by a loop over lists. At the large size the loop over voxels sees every tenth slice, and counts
ten times. All times are seconds of processor time on one core, medians of ``--repeats``.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

from had.data.layouts import LAYOUTS, SENSOR_FILE
from had.data.recordings import open_recording
from had.data.recordings.recording import CHUNK
from had.data.representations import event_image, voxel_cells_of_slices
from had.data.slicing import Slices, equal_slices

LAYOUT = LAYOUTS["eventvot"]
WIDTH, HEIGHT = LAYOUT.sensor
SHARES = 500
PART = 10
"""Every which slice the loop over voxels sees at the large size."""

# --- the published loops, restated ----------------------------------------------------------------


def loop_boundaries(rows: np.ndarray) -> list[int]:
    """First event later than each share of the time; ``rows`` are x, y, polarity, t."""
    length = int((rows[-1, 3] - rows[0, 3]) / SHARES)
    found, share = [], 1
    for number in range(len(rows)):
        if rows[number][3] - rows[0][3] > length * share:
            found.append(number)
            share += 1
    return found


def loop_images(rows: np.ndarray, bounds: list[int]) -> Iterator[np.ndarray]:
    """BGR images, ON drawn first."""
    for first, last in pairwise(bounds):
        image = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
        x, y, on = rows[first:last, 0], rows[first:last, 1], rows[first:last, 2] == 1
        image[y[on], x[on]] = (30, 30, 220)
        image[y[~on], x[~on]] = (200, 30, 30)
        yield image


def loop_voxels(rows: np.ndarray, bounds: list[int], every: int) -> None:
    """Cells of every which slice: at most 10,000, 16 events each, the 4000 fullest."""
    recipe = LAYOUT.voxel
    (cell_t, cell_x, cell_y), (cells_t, cells_x, cells_y) = recipe.cell, recipe.grid
    for first, last in list(pairwise(bounds))[::every]:
        begin = int(rows[first, 3])
        length = max(int(rows[last - 1, 3]) - begin, 1)
        cells: dict[tuple[int, int, int], list[int]] = {}
        for x, y, on, t in rows[first:last].tolist():
            place = (int((t - begin) / length * 1000 / cell_t), x // cell_x, y // cell_y)
            if place[0] < cells_t and place[1] < cells_x and place[2] < cells_y:
                seen = cells.get(place)
                if seen is None:
                    if len(cells) >= recipe.most:
                        continue
                    seen = cells[place] = []
                if len(seen) < recipe.events:
                    seen.append(1 if on else -1)
        fullest = sorted(cells.items(), key=lambda item: -len(item[1]))[: recipe.kept]
        np.array([place for place, _ in fullest])
        np.array([seen + [0] * (recipe.events - len(seen)) for _, seen in fullest])


# --- ours -----------------------------------------------------------------------------------------


def our_voxels(events: np.ndarray, slices: Slices) -> None:
    """Cells of all slices, sixteen at a time."""
    for first in range(0, len(slices.spans), 16):
        spans, times = slices.spans[first : first + 16], slices.times[first : first + 16]
        some = events[spans[0, 0] : spans[-1, 1]]
        voxel_cells_of_slices(some, spans[:, 1] - spans[:, 0], times, recipe=LAYOUT.voxel, size=LAYOUT.sensor)


# --- recordings -----------------------------------------------------------------------------------


def repeated(events: np.ndarray, count: int) -> np.ndarray:
    """The recording again and again until there are ``count`` events."""
    copies = -(-count // len(events))
    many = np.tile(events, copies)
    many["t"] += np.repeat(np.arange(copies) * (events["t"][-1] - events["t"][0] + 1), len(events))
    return many[:count]


def write_split(folder: Path, events: np.ndarray) -> Path:
    """A split of one sequence in EventVOT's layout; the recording's file."""
    import pyarrow
    from pyarrow import csv

    sequence = folder / "test" / "one"
    sequence.mkdir(parents=True)
    (sequence.parent / LAYOUT.list_file).write_text("one\n")
    frames = np.arange(SHARES - 1)
    side = 60 + 40 * np.sin(frames / 30)
    x, y = 500 + 300 * np.cos(frames / 50), 300 + 200 * np.sin(frames / 40)
    boxes = np.stack([x, y, side, 0.8 * side], axis=1)
    (sequence / LAYOUT.boxes).write_text("".join("{:.1f},{:.1f},{:.1f},{:.1f}\n".format(*box) for box in boxes))
    (sequence / LAYOUT.presence).write_text("1\n" * len(boxes))
    (sequence / SENSOR_FILE).write_text(f"{WIDTH},{HEIGHT}\n")
    path = sequence / "one.csv"
    with path.open("wb") as file:
        file.write(b"x,y,polarity,t\n")
        for first in range(0, len(events), CHUNK):
            some = events[first : first + CHUNK]
            columns = {"x": some["x"], "y": some["y"], "p": (some["p"] > 0).astype(np.int8), "t": some["t"]}
            table = pyarrow.table({name: np.ascontiguousarray(column) for name, column in columns.items()})
            csv.write_csv(table, file, csv.WriteOptions(include_header=False))
    return path


def read(path: Path) -> np.ndarray:
    """All events in memory, by our reader."""
    return np.concatenate(list(open_recording(path, size=LAYOUT.sensor).chunks()))


# --- measuring ------------------------------------------------------------------------------------


def seconds(what: Callable[[], object], repeats: int) -> float:
    """Median processor time."""
    times = []
    for _ in range(repeats):
        begin = time.process_time()
        what()
        times.append(time.process_time() - begin)
    return statistics.median(times)


def _draw_all(images: Iterator[np.ndarray]) -> None:
    for _ in images:
        pass


PREPARE = """
import sys, time
from pathlib import Path
from had.data.layouts import LAYOUTS
from had.data.prepare import prepare_split
from had.options.recordings import PreparationOptions
root, output, voxels = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] == "voxels"
if sys.argv[3] != "nothing":
    options = PreparationOptions(voxels=voxels)
    prepare_split(layout=LAYOUTS["eventvot"], options=options, root=root, split="test", output=output)
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(int(peak.split()[1]) // 1024, time.process_time())
"""


def prepare_apart(root: Path, output: Path, what: str) -> tuple[int, float]:
    """Peak memory in MB and processor seconds of the preparation in a process of its own."""
    command = [sys.executable, "-c", PREPARE, str(root), str(output), what]
    memory, spent = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return int(memory), float(spent)


def main() -> None:
    """Write the recordings, time both ways, print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path, help="1280x720, e.g. evk4_hd.evt3.raw")
    parser.add_argument("--events", type=int, default=20_000_000, help="events of the long recording")
    parser.add_argument("--repeats", type=int, default=5, help="of which the median is printed")
    parser.add_argument("--folder", type=Path, help="where recordings are written; none: in the temporary folder")
    arguments = parser.parse_args()
    original = np.concatenate(list(open_recording(arguments.recording).chunks()))
    lines = []
    for large in (False, True):
        events = repeated(original, arguments.events) if large else original
        with tempfile.TemporaryDirectory(dir=arguments.folder) as place:
            lines += measure(events, Path(place), arguments.repeats, PART if large else 1)
    print("| events | what | loop s | ours s | ratio |\n|---:|---|---:|---:|---:|\n" + "\n".join(lines))


def measure(events: np.ndarray, place: Path, repeats: int, part: int) -> list[str]:
    """The table's lines of one recording."""
    path = write_split(place / "raw", events)
    reading = seconds(lambda: read(path), repeats)
    columns = (events["x"], events["y"], events["p"] > 0, events["t"])
    rows = np.stack([column.astype(np.int32) for column in columns], axis=1)
    bounds = loop_boundaries(rows)
    slices = equal_slices(events["t"], SHARES)
    spans = [*pairwise(bounds)]
    assert [tuple(span) for span in slices.spans.tolist()][: len(spans)] == spans
    for one, (first, last) in zip(loop_images(rows, bounds), spans, strict=True):
        assert np.array_equal(one[..., ::-1], event_image(events[first:last], WIDTH, HEIGHT))
    finding = seconds(lambda: loop_boundaries(rows), repeats)
    loops = {
        "images": finding + seconds(lambda: _draw_all(loop_images(rows, bounds)), repeats),
        "voxels": finding + part * seconds(lambda: loop_voxels(rows, bounds, part), repeats),
    }

    def our_images() -> None:
        for first, last in equal_slices(events["t"], SHARES).spans:
            event_image(events[first:last], WIDTH, HEIGHT)

    ours = {
        "images": seconds(our_images, repeats),
        "voxels": seconds(lambda: our_voxels(events, equal_slices(events["t"], SHARES)), repeats),
    }
    count = f"{len(events):,}"
    lines = []
    for name, what in (("images", "slicing and event images"), ("voxels", "slicing and voxels")):
        for text, more in ((what, 0.0), (f"the same and reading the CSV ({reading:.2f} s in both)", reading)):
            slow, fast = loops[name] + more, ours[name] + more
            lines.append(f"| {count} | {text} | {slow:.2f} | {fast:.3f} | {slow / fast:.0f} |")
    for what in ("nothing", "no voxels", "voxels"):
        found = [prepare_apart(place / "raw", place / f"{what}{i}", what) for i in range(1 if what == "nothing" else 3)]
        memory, spent = max(m for m, _ in found), statistics.median(s for _, s in found)
        text = "imports alone" if what == "nothing" else f"`had prepare`, {what}"
        lines.append(f"| {count} | {text}: {memory} MB at most | | {spent:.2f} | |")
    return lines


if __name__ == "__main__":
    main()
