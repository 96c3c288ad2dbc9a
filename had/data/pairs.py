"""Sequences become training samples: one template and a clip of T consecutive search crops.

Sample i of epoch e is a pure function of (seed, e, i): its generator is seeded with these three numbers
and nothing else, so a resumed training sees the samples that an uninterrupted one sees.

How a sample is drawn: a sequence (uniformly), a clip whose frames all show the target where the
sequence has one, then a template frame at most ``max_gap`` frames from the clip's first, before or
after it (a target looks alike in both directions, and short sequences give twice the pairs). Every frame of
the clip has a search window around its own jittered box: windows that follow one another would show the
network almost the same crop T times. Where the windows lie is part of the sample. With unlabelled sequences
every sample has a companion drawn from them; the labelled samples stay what they are.
"""

from __future__ import annotations

from collections.abc import Sequence as Sized
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from had.boxes import jitter_xywh, xywh_to_cxcywh
from had.data.augmentation import Look
from had.data.crops import AnyWindow, crop, to_window, window_around
from had.data.released import ReleasedWindow, is_blind
from had.errors import DataError
from had.options.training import CropOptions
from had.structures import Sample

if TYPE_CHECKING:
    from had.data.sequences import Sequence

REDRAWS = 100
"""Samples that are drawn in the place of one, in the released geometry, before its data are refused."""


class Clip(NamedTuple):
    """Which frames and windows make a sample.

    Attributes:
        sequence: index of the sequence.
        template: its template frame.
        frames: (T,) its search frames, consecutive.
        windows: the T search windows.
    """

    sequence: int
    template: int
    frames: np.ndarray
    windows: list[AnyWindow]


class ClipDataset(Dataset):
    """Samples of an epoch, drawn from sequences.

    Args:
        sequences: prepared sequences (`had.data.sequences.Sequence` or anything with its name, size,
            boxes, present and frame).
        streams: the streams to cut.
        crops: sizes, factors and augmentation.
        seed: seed of all epochs.
        samples: labelled samples an epoch.
        unlabelled: sequences with pseudo-labels; as many samples again are drawn from them, numbered behind the others.

    Raises:
        DataError: no sequence, or one that shows its target in no frame or is shorter than a clip.
    """

    def __init__(
        self,
        sequences: Sized[Sequence],
        streams: tuple[str, ...],
        crops: CropOptions,
        seed: int,
        samples: int,
        unlabelled: Sized[Sequence] = (),
    ):
        if not sequences:
            raise DataError("at least one sequence", "an empty split", "prepare the split or check its list file")
        self.sequences, self.first_unlabelled = [*sequences, *unlabelled], len(sequences)
        self.streams, self.crops = streams, crops
        self.seed, self.samples, self.epoch = seed, samples, 0
        self.visible = [np.flatnonzero(visible_frames(sequence)) for sequence in self.sequences]
        self.starts = [_clip_starts(sequence, crops.clip_frames) for sequence in self.sequences]

    def set_epoch(self, epoch: int) -> None:
        """Draw the samples of this epoch from now on."""
        self.epoch = epoch

    def __len__(self) -> int:
        return 2 * self.samples if len(self.sequences) > self.first_unlabelled else self.samples

    def batches(self, batch_size: int) -> list[list[int]]:
        """The samples of an epoch in batches of ``batch_size`` labelled ones, in order, and as many unlabelled behind.

        The last one may be smaller.
        """
        firsts = range(0, self.samples, batch_size)
        labelled = [list(range(first, min(first + batch_size, self.samples))) for first in firsts]
        if len(self) == self.samples:
            return labelled
        return [[*batch, *(self.samples + index for index in batch)] for batch in labelled]

    def __getitem__(self, index: int) -> Sample:
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, self.epoch, index]))
        bounds = (0, self.first_unlabelled) if index < self.samples else (self.first_unlabelled, len(self.sequences))
        for _ in range(REDRAWS):
            chosen = int(rng.integers(*bounds))
            clip = self.draw(chosen, rng)
            if not self._is_blind(clip):
                return self.cut(clip, rng)
        got = f"{REDRAWS} blind ones, the last of sequence {self.sequences[chosen].name!r}"
        raise DataError("a sample whose crops see the sensor", got, "check that the boxes lie on the frames")

    def draw(self, chosen: int, rng: np.random.Generator) -> Clip:
        """Frames and windows of one sample of sequence number ``chosen``."""
        sequence, options = self.sequences[chosen], self.crops
        start = int(rng.choice(self.starts[chosen]))
        visible = self.visible[chosen]
        template = int(rng.choice(visible[np.abs(visible - start) <= options.max_gap]))
        frames = np.arange(start, start + options.clip_frames)
        boxes = held_boxes(sequence, frames)
        around = [jitter_xywh(box, options.centre_jitter, options.scale_jitter, rng) for box in boxes]
        windows = [window_around(box, options.search_factor, options.search_size, options.geometry) for box in around]
        return Clip(chosen, template, frames, windows)

    def cut(self, clip: Clip, rng: np.random.Generator) -> Sample:
        """The crops of a clip, augmented."""
        sequence, options = self.sequences[clip.sequence], self.crops
        template_window = self._template_window(clip)
        look = Look.draw(options, rng)
        template_frame = sequence.frame(clip.template)
        search_frames = [sequence.frame(int(index)) for index in clip.frames]
        template, search = {}, {}
        for stream in self.streams:
            cut = crop(template_frame, stream, template_window, most_voxels=options.template_voxels)
            template[stream] = look.apply(stream, cut)
            cuts = [
                look.apply(stream, crop(frame, stream, window, most_voxels=options.search_voxels))
                for frame, window in zip(search_frames, clip.windows, strict=True)
            ]
            search[stream] = torch.stack(cuts)
        boxes, present, motion = _targets(sequence, clip)
        windows = placed(clip.windows)
        windows[:, :2] = look.direction(windows[:, :2])
        boxes, motion = look.place(boxes), look.direction(motion)
        return Sample(
            template=template,
            search=search,
            boxes=torch.from_numpy(boxes.astype(np.float32)),
            present=torch.from_numpy(present),
            motion=torch.from_numpy(motion.astype(np.float32)),
            windows=torch.from_numpy(windows.astype(np.float32)),
            labelled=torch.tensor(clip.sequence < self.first_unlabelled),
        )

    def _template_window(self, clip: Clip) -> AnyWindow:
        box, options = self.sequences[clip.sequence].boxes[clip.template], self.crops
        return window_around(box, options.template_factor, options.template_size, options.geometry)

    def _is_blind(self, clip: Clip) -> bool:
        """Whether the released code would draw another sample, because a crop shows nothing but padding."""
        sequence, windows = self.sequences[clip.sequence], (self._template_window(clip), *clip.windows)
        return any(isinstance(window, ReleasedWindow) and is_blind(window, sequence.size) for window in windows)


def collate(samples: list[Sample]) -> Sample:
    """Samples with a leading batch axis."""
    return Sample(
        template={name: torch.stack([s.template[name] for s in samples]) for name in samples[0].template},
        search={name: torch.stack([s.search[name] for s in samples]) for name in samples[0].search},
        boxes=torch.stack([s.boxes for s in samples]),
        present=torch.stack([s.present for s in samples]),
        motion=torch.stack([s.motion for s in samples]),
        windows=torch.stack([s.windows for s in samples]),
        labelled=torch.stack([s.labelled for s in samples]),
    )


def placed(windows: list[AnyWindow]) -> np.ndarray:
    """(T, 3): x and y of each window's centre from the first one's, and its side, in sides of the first."""
    first = windows[0]
    centres = np.array([(w.x + w.side / 2, w.y + w.side / 2, w.side) for w in windows])
    centres[:, :2] -= centres[0, :2].copy()
    return centres / first.side


def visible_frames(sequence: Sequence) -> np.ndarray:
    """(F,) bool: the target is present and has a box of at least a pixel's area."""
    boxes = np.asarray(sequence.boxes)
    return np.asarray(sequence.present, dtype=bool) & (boxes[:, 2] > 0) & (boxes[:, 3] > 0)


def held_boxes(sequence: Sequence, frames: np.ndarray) -> np.ndarray:
    """(T, 4) ``xywh`` boxes of frames, an invisible one replaced by the last visible one of ``frames``."""
    visible = visible_frames(sequence)[frames]
    last = np.maximum.accumulate(np.where(visible, np.arange(len(frames)), 0))
    return np.asarray(sequence.boxes, dtype=np.float64)[frames][last]


def _clip_starts(sequence: Sequence, length: int) -> np.ndarray:
    """First frames of the clips that show the target throughout, else of those that begin with it."""
    visible = visible_frames(sequence)
    if len(visible) < length:
        got = f"{len(visible)} frames in sequence {sequence.name!r}"
        raise DataError(f"sequences of at least {length} frames (crops.clip_frames)", got, "leave the sequence out")
    windows = np.lib.stride_tricks.sliding_window_view(visible, length)
    for candidates in (windows.all(axis=1), windows[:, 0]):
        if candidates.any():
            return np.flatnonzero(candidates)
    raise DataError(
        f"a clip of {length} frames that begins with a visible target",
        f"none in sequence {sequence.name!r}",
        "leave the sequence out or check its presence flags",
    )


def _targets(sequence: Sequence, clip: Clip) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes, presence and motion as `Sample` describes them.

    A target whose centre left the crop counts as not present: no cell of the response map can say so.
    """
    pixels = held_boxes(sequence, clip.frames)
    boxes = np.stack([to_window(box, window) for box, window in zip(pixels, clip.windows, strict=True)])
    inside = ((boxes[:, :2] > 0) & (boxes[:, :2] < 1)).all(axis=1)
    centres = xywh_to_cxcywh(pixels)[:, :2]
    return boxes, visible_frames(sequence)[clip.frames] & inside, (centres - centres[0]) / clip.windows[0].side
