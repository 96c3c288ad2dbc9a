"""A configuration at toy size, over the sequences of `toy`; nothing of it touches a recording or MLflow."""

from __future__ import annotations

from contextlib import contextmanager

import toy

from had.config import load
from had.options.experiment import Experiment

SPLITS = {"train": (3, 0), "val": (2, 10), "test": (2, 20)}
"""Split -> number of sequences, first seed."""


def experiment(results, **changes) -> Experiment:
    source = {
        "results": str(results),
        "runs": {
            "teacher": {"title": "Teacher", "role": "teacher"},
            "student": {"title": "Student"},
            "had": {
                "title": "HAD",
                "terms": ["feature", "similarity", "response", "temporal", "spatial", "box_transport"],
            },
        },
        "benchmarks": {"coesot": {"simulation": {"width": 96, "height": 72}}},
        "crops": {"template_size": 16, "search_size": 32, "clip_frames": 2},
        "network": {"patch": 8, "dim": 16, "depth": 2, "heads": 2, "head_channels": 8, "drop_path": 0.2},
        "training": {
            role: {"epochs": 2, "samples": 10, "batch_size": 4, "validation_samples": 6}
            for role in ("teacher", "student")
        },
        "distillation": {"gru_dim": 8, "epsilon": 0.1},
        "tracking": {"batch_sequences": 2, "one_shot_crops": 2, "profile_frames": 2},
        "device": "cpu",
    }
    return load(source, changes)


def load_toy_split(prepared, split, *, benchmark=None):
    count, first = SPLITS[split]
    return toy.toy_split(count, frames=8, first=first)


class Recorded:
    """Stands for an MLflow run."""

    rows: list

    def __init__(self):
        self.rows = []

    def log(self, metrics, step):
        if step not in [known for known, _ in self.rows]:
            self.rows.append((step, metrics))
        return True

    @contextmanager
    def open_run(self, experiment, **identity):
        self.identity = identity
        yield self
