"""One-shot crops: single search crops in which the target's place is known.

The mean IoU over them (one-shot IoU) tells two networks apart ten times more finely than a whole track
does, because errors do not add up. It lives here because training (validation after each epoch) and
tracking (`one_shot.csv`) both use it and must not import each other; the network enters as a callable.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.utils.data import Dataset

from had.boxes import cxcywh_to_xyxy, iou
from had.data.pairs import Clip, ClipDataset, collate
from had.options.training import CropOptions
from had.progress import progress
from had.structures import Sample

if TYPE_CHECKING:
    from had.data.sequences import Sequence

SEED = 20251022
"""All networks of all seeds see the same crops."""


class OneShotCrops(Dataset):
    """Fixed jittered crops, ``count`` of every sequence, without augmentation.

    Crop k of a sequence is a pure function of (sequence's place in the list, k).

    Args:
        sequences: prepared sequences.
        streams: the streams to cut.
        crops: sizes, factors and jitter.
        count: crops a sequence.
    """

    def __init__(self, sequences: list[Sequence], streams: tuple[str, ...], crops: CropOptions, count: int):
        plain = dict.fromkeys(("flip", "quarter_turn", "inversion", "colour_jitter", "grey"), 0.0)
        still = crops.model_copy(update={"clip_frames": 1, **plain})
        self.clips = ClipDataset(sequences, streams, still, SEED, len(sequences) * count)
        self.count = count

    def __len__(self) -> int:
        return self.clips.samples

    def __getitem__(self, index: int) -> tuple[Clip, Sample]:
        rng = np.random.default_rng(np.random.SeedSequence([SEED, index]))
        clip = self.clips.draw(index // self.count, rng)
        return clip, self.clips.cut(clip, rng)


def one_shot_ious(
    locate: Callable, crops: OneShotCrops, *, batch_size: int, device: str, label: str
) -> list[tuple[int, int, float]]:
    """IoU of the predicted and the true box in each crop.

    Args:
        locate: a network in evaluation mode: ``(template, search) -> (Prediction, ...)``.
        crops: what to look at.
        batch_size: crops a forward pass.
        device: where the network is.
        label: shown as progress.

    Returns:
        (sequence index, frame, IoU) a crop.
    """
    rows = []
    with torch.inference_mode():
        for first in progress(range(0, len(crops), batch_size), label=label, unit="batches"):
            drawn = [crops[index] for index in range(first, min(first + batch_size, len(crops)))]
            batch = collate([sample for _, sample in drawn])
            template = {name: value.to(device) for name, value in batch.template.items()}
            search = {name: value[:, 0].to(device) for name, value in batch.search.items()}
            found = locate(template, search)[0].boxes.cpu()
            values = iou(cxcywh_to_xyxy(found), cxcywh_to_xyxy(batch.boxes[:, 0]))
            rows += [
                (clip.sequence, int(clip.frames[0]), float(value))
                for (clip, _), value in zip(drawn, values, strict=True)
            ]
    return rows
