"""Events written in every format by plain loops, straight from the formats' descriptions."""

import struct
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
from miniature import write_aedat4, write_csv


def evt2_bytes(events, *, header=b"% evt 2.0\n% geometry 64x48\n") -> bytes:
    """32-bit words: type 4 bits, lower time 6, x 11, y 11; upper time (28 bits) in words of type 8."""
    words, high = [], None
    for t, x, y, p in events.tolist():
        if t >> 6 != high:
            high = t >> 6
            words.append(0x8 << 28 | high & 0xFFFFFFF)
        words.append((p > 0) << 28 | (t & 63) << 22 | x << 11 | y)
    return header + b"".join(struct.pack("<I", word) for word in words)


def evt3_bytes(events, *, vectors=True, header=b"% evt 3.0\n% format EVT3;height=48;width=64\n% end\n") -> bytes:
    """16-bit words: upper and lower time, row, and single events or vectors of neighbours in one row."""
    words, rows, high, low, row = [], events.tolist(), None, None, None
    while rows:
        t, x, y, p = rows[0]
        if t >> 12 != high:
            if high is not None:  # no step of the upper time may be longer than its overflow can tell
                words += [0x8 << 12 | part & 0xFFF for part in range(high + 4000, t >> 12, 4000)]
            high, low = t >> 12, None
            words.append(0x8 << 12 | high & 0xFFF)
        if t & 0xFFF != low:
            low = t & 0xFFF
            words.append(0x6 << 12 | low)
        if y != row:
            row = y
            words.append(row)
        run = 1
        while vectors and run < 12 and run < len(rows) and rows[run] == (t, x + run, y, p):
            run += 1
        if run > 1:
            words.append(0x3 << 12 | (p > 0) << 11 | x)
            words.append((0x4 if run > 8 else 0x5) << 12 | (1 << run) - 1)
        else:
            words.append(0x2 << 12 | (p > 0) << 11 | x)
        rows = rows[run:]
    return header + b"".join(struct.pack("<H", word) for word in words)


def dat_bytes(events, *, header=b"% Data file containing CD events\n% Version 2\n% Width 64\n% Height 48\n") -> bytes:
    """Type and size, then 32 bits of time, x 14 bits, y 14 bits, polarity 4 bits."""
    body = (struct.pack("<II", t % 2**32, (p > 0) << 28 | y << 14 | x) for t, x, y, p in events.tolist())
    return header + b"\x0c\x08" + b"".join(body)


def write_hdf5(path: Path, events, *, names="xypt", group="events", t=None, codec=None, **attributes) -> Path:
    """A group with four datasets; ``t`` in place of microseconds, ``attributes`` on the file."""
    columns = (events["x"], events["y"], (events["p"] > 0).astype(np.uint8), events["t"] if t is None else t)
    with h5py.File(path, "w") as file:
        for name, values in zip(names, columns, strict=True):
            packed = {"chunks": (min(len(values), 700),), **codec} if codec and len(values) else {}
            file.create_dataset(f"{group}/{name}", data=values, **packed)
        file.attrs.update(attributes)
    return path


def write_dsec(path: Path, events, offset: int) -> Path:
    write_hdf5(path, events, t=(events["t"] - offset).astype(np.uint32), codec=hdf5plugin.Blosc(cname="zstd"))
    with h5py.File(path, "a") as file:
        file["t_offset"] = np.int64(offset)
        file["ms_to_idx"] = np.zeros(3, np.uint64)
    return path


def write_npz(path: Path, events, *, save=np.savez, **others) -> Path:
    save(path, x=events["x"], y=events["y"], p=events["p"] > 0, t=events["t"], **others)
    return path


def _bytes(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


WRITERS = {
    "csv": lambda folder, events: write_csv(folder / "e.csv", events),
    "aedat4": lambda folder, events: write_aedat4(folder / "e.aedat4", events),
    "evt2": lambda folder, events: _bytes(folder / "e2.raw", evt2_bytes(events)),
    "evt3": lambda folder, events: _bytes(folder / "e3.raw", evt3_bytes(events)),
    "dat": lambda folder, events: _bytes(folder / "e.dat", dat_bytes(events)),
    "hdf5": lambda folder, events: write_hdf5(folder / "e.h5", events),
    "dsec": lambda folder, events: write_dsec(folder / "dsec.h5", events, 900),
    "npz": lambda folder, events: write_npz(folder / "e.npz", events),
    "npz compressed": lambda folder, events: write_npz(folder / "c.npz", events, save=np.savez_compressed),
    "npy": lambda folder, events: _npy(folder / "e.npy", events),
}


def _npy(path: Path, events) -> Path:
    np.save(path, events)
    return path
