"""An exported student with and without distillation: parameters, operations and speed, side by side.

    python benchmarks/inference.py [--frames 300] [--threads 1]

Both networks have the embedded default's size. One was trained beside GRUs and a projector (their weights count here,
its own do not matter), exported, and read again; the frames are timed in turn, one of each.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch

from had.config import load
from had.losses.objective import Objective
from had.models.network import build_network
from had.models.weights import load_network, save_network


def exported(run: str, folder: Path) -> tuple[torch.nn.Module, int]:
    """The network of a run as a user gets it, and how many values its objective trains beside it."""
    options = load("config/config.yaml").resolve(run)
    network = build_network(options, ("event_image",), seed=0)
    objective = Objective(options, student_dim=network.dim, teacher_dim=network.dim if options.terms else None)
    save_network(folder / f"{run}.safetensors", network, {})
    beside = sum(weight.numel() for weight in objective.parameters())
    return load_network(folder / f"{run}.safetensors")[0], beside


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        runs = {run: exported(run, Path(folder)) for run in ("student", "had")}
    template = {"event_image": torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)}
    search = {"event_image": torch.randint(0, 256, (1, 3, 128, 128), dtype=torch.uint8)}
    times: dict[str, list[float]] = {run: [] for run in runs}
    with torch.inference_mode():
        for frame in range(arguments.frames + 20):
            for run, (network, _) in runs.items():
                begin = time.perf_counter()
                network(template, search)
                if frame >= 20:  # the first ones warm up
                    times[run].append(time.perf_counter() - begin)
    print(f"torch {torch.__version__}, {arguments.threads} thread(s), {arguments.frames} frames each, in turn\n")
    print("| network | parameters | trained beside it | ms a frame | FPS |\n|---|---:|---:|---:|---:|")
    for run, (network, beside) in runs.items():
        count, median = sum(weight.numel() for weight in network.parameters()), statistics.median(times[run])
        print(f"| {run} | {count:,} | {beside:,} | {1000 * median:.2f} | {1 / median:.0f} |")


if __name__ == "__main__":
    main()
