"""Recordings and published layouts in miniature, written by hand."""

import datetime
from pathlib import Path

import numpy as np

from had.data.frames import EVENT_DTYPE
from had.data.layouts import SENSOR_FILE, SLICES_FILE, Layout


def random_events(count: int, *, size=(64, 48), seed=0, begin=1000, step=50) -> np.ndarray:
    rng = np.random.default_rng(seed)
    events = np.zeros(count, EVENT_DTYPE)
    events["t"] = begin + np.cumsum(rng.integers(0, step, count))
    events["x"], events["y"] = rng.integers(0, size[0], count), rng.integers(0, size[1], count)
    events["p"] = rng.choice([-1, 1], count)
    return events


def write_csv(path: Path, events: np.ndarray, *, header: str | None = "x,y,polarity,t", order="xypt") -> Path:
    columns = {"x": events["x"], "y": events["y"], "p": (events["p"] > 0).astype(int), "t": events["t"]}
    rows = zip(*(columns[name] for name in order), strict=True)
    lines = ([header] if header else []) + [",".join(map(str, row)) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_aedat4(path: Path, events: np.ndarray, frames=(), *, size=(64, 48)) -> Path:
    """By dv-processing; ``frames`` are (begin of exposure, exposure in us, RGB image or grey image)."""
    import dv_processing as dv

    config = dv.io.MonoCameraWriter.Config("miniature")
    config.addEventStream(size)
    if frames:
        config.addFrameStream(size)
    writer = dv.io.MonoCameraWriter(str(path), config)
    store = dv.EventStore()
    for event in events:
        store.push_back(int(event["t"]), int(event["x"]), int(event["y"]), bool(event["p"] > 0))
    writer.writeEvents(store)
    for begin, exposure, image in frames:
        pixels = np.ascontiguousarray(image[..., ::-1]) if image.ndim == 3 else image
        frame = dv.Frame(int(begin), pixels)
        frame.exposure = datetime.timedelta(microseconds=int(exposure))
        writer.writeFrame(frame)
    del writer
    return path


def annotate(layout: Layout, folder: Path, boxes: np.ndarray, present=None, *, separator=",") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    lines = [separator.join(f"{value:g}" for value in box) for box in boxes]
    (folder / layout.boxes).write_text("\n".join(lines) + "\n", encoding="utf-8")
    if layout.presence is not None:
        present = np.ones(len(boxes), bool) if present is None else present
        flags = [layout.present_value if flag else 1 - layout.present_value for flag in present]
        (folder / layout.presence).write_text("\n".join(map(str, flags)) + "\n", encoding="utf-8")


def write_list(layout: Layout, root: Path, split: str, names) -> None:
    folder = root / layout.splits[split]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / layout.list_file).write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


def some_boxes(frames: int) -> np.ndarray:
    return np.stack([np.arange(frames) + 3.5, np.full(frames, 7.0), np.full(frames, 12.0), np.full(frames, 9.0)], 1)


def write_eventvot(layout: Layout, root: Path, *, frames=6, count=4000, names=("one", "two"), split="test") -> None:
    """A split of EventVOT's layout: CSV recordings of a 64 x 48 sensor."""
    write_list(layout, root, split, names)
    for seed, name in enumerate(names):
        folder = root / layout.splits[split] / name
        annotate(layout, folder, some_boxes(frames))
        (folder / SENSOR_FILE).write_text("64,48\n", encoding="utf-8")
        (folder / SLICES_FILE).write_text(f"{frames + 1}\n", encoding="utf-8")
        write_csv(folder / f"{name}.csv", random_events(count, seed=seed))


def write_coesot(layout: Layout, root: Path, *, frames=5, extra=1, names=("one",), split="test") -> None:
    """A split of COESOT's layout: AEDAT4 recordings with ``frames + extra`` camera frames 10 ms apart."""
    write_list(layout, root, split, names)
    for seed, name in enumerate(names):
        folder = root / layout.splits[split] / name
        annotate(layout, folder, some_boxes(frames))
        rng = np.random.default_rng(seed)
        images = rng.integers(0, 256, (frames + extra, 48, 64, 3), dtype=np.uint8)
        camera = [(10_000 * (i + 1), 2000, image) for i, image in enumerate(images)]
        events = random_events(3000, seed=seed, begin=5000, step=50)
        write_aedat4(folder / f"{name}.aedat4", events, camera)
