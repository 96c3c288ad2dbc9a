"""Scoring box files: `had evaluate` beside a plain loop over frames, which reads the same text.

    python benchmarks/scoring.py --annotations COESOT/annotations [--layout coesot] [--sequences 527] [--trackers 15]

Boxes of made-up trackers are written around real annotations, which are repeated where there are fewer sequences. Both
sides go from text to the three curves of every sequence; the loop does so on every n-th sequence of one tracker, and
the two are held against each other there. Times are the best of the repeats.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from had.data.annotation_folders import find_annotations
from had.data.annotation_layouts import AnnotationLayout
from had.data.layouts import annotation_layout_of
from had.evaluation.metrics import sequence_curves
from had.evaluation.scoring import evaluate
from had.evaluation.track_files import read_boxes


def write_benchmark(source: Path, layout: AnnotationLayout, folder: Path, sequences: int, trackers: int) -> int:
    """Annotations and tracks as text; returns the number of frames of one tracker."""
    published = find_annotations(layout, source)
    names, frames = list(published.files), 0
    for index in range(sequences):
        truth = published.read(names[index % len(names)])
        name = f"{truth.name}_{index // len(names)}"
        place = folder / "truth" / name
        place.mkdir(parents=True)
        np.savetxt(place / layout.boxes, truth.boxes, fmt="%.4f", delimiter=",")
        if layout.presence:
            flags = truth.present if layout.present_value else ~truth.present
            np.savetxt(place / layout.presence, flags, fmt="%d")
        frames += len(truth.boxes)
        rng = np.random.default_rng(index)
        for tracker in range(trackers):
            drift = rng.normal(0, 0.3 + 0.2 * tracker, truth.boxes.shape).cumsum(axis=0)
            path = folder / "tracks" / f"tracker{tracker:02d}" / f"{name}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savetxt(path, np.abs(truth.boxes + drift) + 0.1, fmt="%.4f", delimiter="\t")
    return frames


def plain_loop(path: Path, boxes: list[list[float]], present: list[bool]) -> tuple[list[float], ...]:
    """From the text of one track to its curves with nothing but Python, frame by frame."""
    with path.open() as file:
        track = [[float(value) for value in line.replace(",", " ").split()] for line in file][: len(boxes)]
    for i in range(1, len(track)):
        if any(map(math.isnan, track[i])) or track[i][2] <= 0 or track[i][3] <= 0:
            track[i] = track[i - 1]
    track[0] = boxes[0]
    success, precision, normalized = [0] * 21, [0] * 51, [0] * 51
    for (x, y, w, h), (gx, gy, gw, gh), here in zip(track, boxes, present, strict=True):
        if not here:
            continue
        overlap = distance = relative = -1.0
        if min(gx, gy, gw, gh) > 0:
            width = max(0.0, min(x + w - 1, gx + gw - 1) - max(x, gx) + 1)
            height = max(0.0, min(y + h - 1, gy + gh - 1) - max(y, gy) + 1)
            overlap = width * height / (w * h + gw * gh - width * height)
            (cx, cy), (tx, ty) = (x + (w - 1) / 2, y + (h - 1) / 2), (gx + (gw - 1) / 2, gy + (gh - 1) / 2)
            distance = math.sqrt((cx - tx) ** 2 + (cy - ty) ** 2)
            relative = math.sqrt((cx / gw - tx / gw) ** 2 + (cy / gh - ty / gh) ** 2)
        for k in range(21):
            success[k] += overlap > k * 0.05
        for k in range(51):
            precision[k] += distance <= k
            normalized[k] += relative <= k / 100
    return tuple([count / len(boxes) for count in curve] for curve in (success, precision, normalized))


def best(call: Callable[[], object], repeats: int) -> float:
    """Seconds."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--annotations", type=Path, required=True)
    parser.add_argument("--layout", type=annotation_layout_of, default="coesot")
    parser.add_argument("--sequences", type=int, default=527)
    parser.add_argument("--trackers", type=int, default=15)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--every", type=int, default=25, help="The loop takes one sequence in so many.")
    arguments = parser.parse_args()
    layout = arguments.layout
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        frames = write_benchmark(arguments.annotations, layout, folder, arguments.sequences, arguments.trackers)
        tracks = sorted((folder / "tracks").glob("*/*.txt"))
        size = sum(path.stat().st_size for path in tracks) / 1e6
        total = frames * arguments.trackers
        print(f"{len(tracks)} files, {size:.0f} MB, {total} frames\n")

        def whole() -> None:
            evaluate(layout=layout, annotations=folder / "truth", tracks=[folder / "tracks"], output=folder / "out")

        truth = find_annotations(layout, folder / "truth")

        def reading() -> None:
            for name in truth.files:
                truth.read(name)
            for path in tracks:
                read_boxes(path)

        seconds, read = best(whole, arguments.repeats), best(reading, arguments.repeats)
        chosen = [truth.read(name) for name in list(truth.files)[:: arguments.every]]
        first = folder / "tracks" / "tracker00"
        lists = [(first / f"{one.name}.txt", one.boxes.tolist(), one.present.tolist()) for one in chosen]
        looped = best(lambda: [plain_loop(*one) for one in lists], arguments.repeats)
        worst = 0.0
        for one, given in zip(chosen, lists, strict=True):
            ours = sequence_curves(read_boxes(given[0]), one.boxes, one.present)
            worst = max(
                worst, *(float(np.abs(a - np.array(b)).max()) for a, b in zip(ours, plain_loop(*given), strict=True))
            )
        subset = sum(len(one.boxes) for one in chosen)
        each, theirs = seconds / total, looped / subset
        print("| | frames | s | microseconds a frame |\n|---|---:|---:|---:|")
        print(f"| `had evaluate`, all | {total} | {seconds:.2f} | {1e6 * each:.2f} |")
        print(f"| of that reading text | {total} | {read:.2f} | {1e6 * read / total:.2f} |")
        print(f"| plain loop, {len(chosen)} sequences | {subset} | {looped:.2f} | {1e6 * theirs:.2f} |")
        print(f"\nratio {theirs / each:.0f}; reading is {read / seconds:.0%}; curves differ by {worst:.0e}")


if __name__ == "__main__":
    main()
