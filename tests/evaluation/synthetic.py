"""A results folder like the workflow's, with made-up trackers of known quality, for tests of what reads it."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from had.config import load
from had.data.frames import Frame
from had.data.layouts import layout_of
from had.evaluation.robustness import score_starts
from had.evaluation.rows import folder_of, profile_file, rows_of, started_rows, starts_file, tracks_folder
from had.evaluation.score_files import write_scores
from had.evaluation.scoring import score_tracks

NOISE = {"teacher": 0.10, "student": 0.22, "hdetrack": 0.19, "had_ta": 0.17, "had_sa": 0.16, "had": 0.13}
NOISE |= {f"{run}_few": noise + 0.05 for run, noise in NOISE.items()}


@dataclass
class Annotation:
    """The fields of `had.data.sequences.Annotation`."""

    name: str
    boxes: np.ndarray
    present: np.ndarray
    attributes: dict


def annotations(layout, sequences=12, frames=40, seed=0, size=(320, 180)):
    """Smooth random motion of one box a sequence, with random attributes; the last attribute never occurs."""
    result = []
    for index in range(sequences):
        rng = np.random.default_rng([seed, index])
        phase = rng.uniform(0, 6.28, 3)
        time = np.linspace(0, rng.uniform(2, 6), frames)
        w = rng.uniform(25, 50) * (1 + 0.2 * np.sin(time + phase[2]))
        h = rng.uniform(25, 50) * (1 + 0.2 * np.cos(time + phase[2]))
        x = size[0] * (0.4 + 0.3 * np.sin(time + phase[0]))
        y = size[1] * (0.4 + 0.3 * np.sin(1.3 * time + phase[1]))
        present = np.ones(frames, bool)
        if index % 4 == 3:
            present[frames // 2 : frames // 2 + 4] = False
        flags = {name: bool(rng.random() < 0.4) for name in layout.attributes}
        if flags:
            flags[layout.attributes[0]] = index % 2 == 0
            flags[layout.attributes[-1]] = False
        result.append(Annotation(f"sim_{index:03d}", np.stack([x, y, w, h], axis=1), present, flags))
    return result


def predicted(run, annotation, seed):
    """Boxes of a made-up tracker: noise grows with the run's entry in `NOISE`; it loses a target now and then."""
    boxes = annotation.boxes
    if run == "ground_truth":
        return boxes
    if run == "static":
        return np.repeat(boxes[:1], len(boxes), axis=0)
    noise = NOISE.get(run, 0.3)
    name = int.from_bytes(annotation.name.encode(), "big") % 2**32
    rng = np.random.default_rng([name, seed, sum(map(ord, run))])
    hard = np.random.default_rng(name).uniform(0.5, 1.6)
    walk = (
        rng.normal(0, noise * hard * 0.5, boxes.shape).cumsum(axis=0) / np.sqrt(np.arange(1, len(boxes) + 1))[:, None]
    )
    track = boxes.copy()
    track[:, :2] += walk[:, :2] * boxes[:, 2:]
    track[:, 2:] *= np.exp(walk[:, 2:] * 0.5)
    if rng.random() < noise * hard:
        lost = int(rng.uniform(0.2, 0.8) * len(boxes))
        track[lost:] = track[lost]
    return track


def experiment(results: Path, **overrides):
    """The smoke configuration with its results in ``results``."""
    config = Path(__file__).resolve().parents[2] / "config" / "smoke.yaml"
    return load(config, {"results": str(results), **overrides})


class PreparedSequence:
    """What figures use of `had.data.sequences.Sequence`, with drawn frames."""

    def __init__(self, annotation, size=(320, 180), rgb=True, events=True):
        self.name, self.size, self.rgb, self.events = annotation.name, size, rgb, events
        self.boxes, self.present = annotation.boxes, annotation.present

    @property
    def event_counts(self):
        return 1000 + 10 * np.arange(len(self)) if self.events else None

    def __len__(self):
        return len(self.boxes)

    def frame(self, index):
        rng = np.random.default_rng(3)
        width, height = self.size
        ground = rng.integers(60, 180, (height // 20 + 1, width // 20 + 1, 3), np.uint8)
        image = np.kron(ground, np.ones((20, 20, 1), np.uint8))[:height, :width]
        x, y, w, h = np.maximum(self.boxes[index], 0).astype(int)
        events = np.full((height, width, 3), 255, np.uint8)
        if self.present[index]:
            image[y : y + h, x : x + w] = (230, 180, 40)
            events[y : y + h, x : x + 3] = (220, 30, 30)
            events[y : y + h, x + w - 3 : x + w] = (30, 30, 200)
        images = {"event_image": events, **({"rgb": image} if self.rgb else {})}
        return Frame(size=self.size, images=images)


def write_results(experiment, benchmark, sequences=12, frames=40, attributes=True):
    """Tracks, scores, profiles, histories and response maps of every row of ``experiment``."""
    layout = layout_of(benchmark)
    truth = annotations(layout, sequences, frames)
    if not attributes:
        truth = [replace(annotation, attributes={}) for annotation in truth]
    for row in rows_of(experiment):
        for seed in row.seeds:
            tracks = tracks_folder(experiment, benchmark, row.run, seed)
            tracks.mkdir(parents=True)
            for annotation in truth:
                np.savetxt(tracks / f"{annotation.name}.txt", predicted(row.run, annotation, seed), "%.3f", "\t")
            if row.trained:
                write_one_shot(tracks / "one_shot.csv", truth, NOISE[row.run], seed)
                write_training(experiment, benchmark, row, seed)
                write_responses(tracks / "responses.npz", truth)
            output = folder_of(experiment, "metrics", benchmark, row.run, seed)
            write_scores([score_tracks(row.run, tracks, truth)], layout=layout, output=output)
    write_profile(experiment, benchmark)
    if experiment.tracking.starts is not None:
        write_starts(experiment, benchmark, truth)
    return truth


def write_starts(experiment, benchmark, truth):
    """Tracks from jittered starts, worse than the usual ones by two pixels for a shift, by a tenth for a scale."""
    options = experiment.tracking.starts
    for row in started_rows(experiment):
        for seed in row.seeds:
            folder = experiment.results / "starts" / benchmark / row.run / f"seed{seed}"
            for start in options.starts:
                (folder / start.name).mkdir(parents=True)
                for annotation in truth:
                    boxes = predicted(row.run, annotation, seed) + 2.0 * np.array([start.scale == 1, 0, 0, 0])
                    boxes[:, 2:] *= 1 if start.scale == 1 else 0.9
                    np.savetxt(folder / start.name / f"{annotation.name}.txt", boxes, "%.3f", "\t")
            output = starts_file(experiment, benchmark, row.run, seed)
            score_starts(options, annotations=truth, tracks=folder, tracker=row.run, output=output)


def write_profile(experiment, benchmark):
    """The cost of every network; a second stream halves the speed."""
    lines = []
    for row in rows_of(experiment):
        two = row.kind == "teacher"
        cost = {"parameters": 1_120_000 + 90_000 * two, "macs": 9.1e7 * (1 + two), "fps": 410.0 / (1 + two)}
        cost |= {"milliseconds": 1000 / cost["fps"], "device": "cpu", "threads": 1}
        lines += [{"run": row.run, "seed": seed, **cost} for seed in row.seeds if row.trained]
    pd.DataFrame(lines).to_csv(profile_file(experiment, benchmark), index=False)


def write_baselines(path, names, trackers=("Alpha", "Beta", "Gamma")):
    """Stored curves of made-up published trackers on some sequences."""
    rng = np.random.default_rng(4)
    curves = {}
    for name, points, falling in (("overlap", 21, True), ("error", 51, False), ("error_norm", 51, False)):
        values = np.sort(rng.uniform(0, 1, (len(trackers), len(names), points)), axis=-1)
        curves[name] = values[..., ::-1] if falling else values
    np.savez(path, trackers=np.array(trackers), sequences=np.array(names), **curves)


def write_one_shot(path, truth, noise, seed):
    rng = np.random.default_rng(seed)
    rows = [(a.name, f, float(np.clip(0.9 - noise + rng.normal(0, 0.05), 0, 1))) for a in truth for f in range(4)]
    pd.DataFrame(rows, columns=["sequence", "frame", "iou"]).to_csv(path, index=False)


def write_training(experiment, benchmark, row, seed):
    import json

    checkpoints = folder_of(experiment, "checkpoints", benchmark, row.run, seed)
    checkpoints.mkdir(parents=True)
    two = row.kind == "teacher"
    summary = {"seconds": 61.5 + 40 * two, "peak_memory_mb": 812.25, "val_iou": 0.7}
    (checkpoints / "summary.json").write_text(json.dumps(summary))
    epochs = np.arange(1, 11)
    rng = np.random.default_rng(seed)
    noise = NOISE[row.run]
    history = pd.DataFrame({"epoch": epochs, "total": 3 * np.exp(-epochs / 4) + noise + rng.normal(0, 0.03, 10)})
    history["focal"] = history["total"] * 0.4
    history["giou"] = history["total"] * 0.3
    history["l1"] = history["total"] * 0.02
    if row.run.startswith("had"):
        history["spatial"] = 0.1 * np.exp(-epochs / 3)
    history["val_iou"] = (0.75 - noise) * (1 - np.exp(-epochs / 3))
    history.to_csv(checkpoints / "history.csv", index=False)


def write_responses(path, truth):
    arrays = {}
    cells = np.arange(8) + 0.5
    for annotation in truth:
        x, y, w, h = annotation.boxes.T
        side = 4 * np.sqrt(w * h)
        window = np.stack([x + w / 2 - side * 0.45, y + h / 2 - side * 0.55, side], axis=1)
        centre = np.array([0.45, 0.55]) * 8
        peak = np.exp(-((cells[:, None] - centre[1]) ** 2 + (cells[None] - centre[0]) ** 2) / 1.5)
        arrays[annotation.name] = np.repeat(peak[None], len(x), axis=0).astype(np.float16)
        arrays[f"{annotation.name}/windows"] = window
    np.savez(path, **arrays)
