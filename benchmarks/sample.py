"""One training sample of 1280x720 recordings: crops drawn from the event store, beside decoding and cutting PNG images.

    python benchmarks/sample.py RECORDING.raw [--events 20000000] [--samples 200] [--folder DIR]

Sizes, jitter and augmentation are those of config/paper.yaml: template crop 128, search crops 256 pixels, 1024 and 4096
voxels. A sample has one template and one or three search frames, in both streams of the teacher (event image and
voxels), as tensors. Milliseconds of processor time on one core: median and ninth decile over the samples.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from preparation import LAYOUT, repeated, write_split

from had.config import load
from had.data.frames import Frame
from had.data.pairs import ClipDataset
from had.data.prepare import prepare_split
from had.data.recordings import open_recording
from had.data.sequences import Sequence, load_split
from had.options.recordings import PreparationOptions


class FromPng(Sequence):
    """The same sequence, its event images read from files."""

    def frame(self, index: int) -> Frame:
        """The frame without events, with the file of its image."""
        frame = super().frame(index)
        return replace(frame, events=None, files={"event_image": self.folder / "img" / f"{index:04d}.png"})


def main() -> None:
    """Prepare both recordings with and without images, time samples, print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path, help="1280x720, e.g. evk4_hd.evt3.raw")
    parser.add_argument("--events", type=int, default=20_000_000, help="events of the long recording")
    parser.add_argument("--samples", type=int, default=200, help="samples that are timed")
    parser.add_argument("--folder", type=Path, help="where recordings are written; none: in the temporary folder")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    original = np.concatenate(list(open_recording(arguments.recording).chunks()))
    print("| events | search frames | from | ms | ninth decile ms |\n|---:|---:|---|---:|---:|")
    sizes = []
    for events in (original, repeated(original, arguments.events)):
        with tempfile.TemporaryDirectory(dir=arguments.folder) as place:
            root, output = Path(place) / "raw", Path(place) / "prepared"
            recording = write_split(root, events).stat().st_size
            chosen = PreparationOptions()
            prepare_split(layout=LAYOUT, options=chosen, root=root, split="test", output=output, images=True)
            stored = load_split(output, "test")
            decoded = load_split(output, "test")
            decoded[0].__class__ = FromPng
            for frames in (1, 3):
                samples = [_samples(kind, frames, arguments.samples) for kind in (stored, decoded)]
                for kind, name in zip(samples, ("the event store", "PNG images"), strict=True):
                    times = 1000 * np.array([spent for spent, _ in kind])
                    row = f"{np.median(times):.2f} | {np.quantile(times, 0.9):.2f}"
                    print(f"| {len(events):,} | {frames} | {name} | {row} |")
                for (_, one), (_, other) in zip(*samples, strict=True):
                    assert torch.equal(one, other), "crops differ"
            sizes.append((len(events), recording, *(_bytes(output, what) for what in ("events", "voxels", "img/*"))))
            shutil.rmtree(output)
    print("\n| events | CSV MB | event store MB | voxels MB | PNG images MB |\n|---:|---:|---:|---:|---:|")
    for count, *each in sizes:
        print(f"| {count:,} | {' | '.join(f'{size / 1e6:.1f}' for size in each)} |")


def _samples(sequences: list[Sequence], frames: int, count: int) -> list[tuple[float, torch.Tensor]]:
    """Seconds and search crops of each sample, after one that is not timed."""
    paper = load("config/paper.yaml").crops
    crops = paper.model_copy(update={"clip_frames": frames})
    dataset = ClipDataset(sequences, LAYOUT.teacher_streams, crops, seed=0, samples=count + 1)
    result = []
    for index in range(count, -1, -1):
        begin = time.process_time()
        sample = dataset[index]
        result.append((time.process_time() - begin, sample.search["event_image"]))
    return result[1:]


def _bytes(output: Path, what: str) -> int:
    pattern = what if "*" in what else f"{what}.npy"
    return sum(path.stat().st_size for path in (output / "test" / "one").glob(pattern))


if __name__ == "__main__":
    main()
