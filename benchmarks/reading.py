"""`had inspect` of long recordings in the formats that are columns: most memory held, and time.

    python benchmarks/reading.py RECORDING.raw [--events 10000000 30000000] [--folder DIR]

RECORDING, repeated in time until it has that many events, is written as CSV, as compressed ``.npz`` (x, y, p, t) and as
HDF5 (N x 4 numbers); each is inspected once in a process of its own. Memory is the most that Linux counted for it
(``VmHWM``), seconds are of its processor time.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
from preparation import read, repeated, write_split

INSPECT = """
import sys, time
from had.data.recordings import inspect
events = inspect(sys.argv[1])["events"]
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(events, int(peak.split()[1]) // 1024, time.process_time())
"""


def write_all(folder: Path, events: np.ndarray) -> dict[str, Path]:
    """The same events in each format."""
    columns = {"x": events["x"], "y": events["y"], "p": events["p"] > 0, "t": events["t"]}
    packed, rows = folder / "events.npz", folder / "events.h5"
    np.savez_compressed(packed, **columns)
    with h5py.File(rows, "w") as file:
        file["events"] = np.stack([column.astype(np.int64) for column in columns.values()], axis=1)
    return {"CSV": write_split(folder, events), "compressed `.npz`": packed, "N x 4 HDF5": rows}


def main() -> None:
    """Write, inspect, print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path, help="1280x720, e.g. evk4_hd.evt3.raw")
    parser.add_argument("--events", type=int, nargs="+", default=[10_000_000, 30_000_000])
    parser.add_argument("--folder", type=Path, help="where recordings are written; none: in the temporary folder")
    arguments = parser.parse_args()
    original = read(arguments.recording)
    print("| events | format | MB at most | s |\n|---:|---|---:|---:|")
    for count in arguments.events:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as place:
            for name, path in write_all(Path(place), repeated(original, count)).items():
                command = [sys.executable, "-c", INSPECT, str(path)]
                found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
                assert int(found[0]) == count
                print(f"| {count:,} | {name} | {found[1]} | {float(found[2]):.1f} |", flush=True)


if __name__ == "__main__":
    main()
