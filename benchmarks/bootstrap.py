"""How long the statistics take: bootstrap intervals, paired tests and ranks of a large benchmark.

python benchmarks/bootstrap.py [--sequences 528] [--trackers 30] [--resamples 10000]

Beside a plain loop that draws the sequences of one resample at a time. Prints seconds and their ratio, and how far the
two intervals are from one another (they draw the same sequences).
"""

import argparse
import time

import numpy as np
import pandas as pd

from had.evaluation import statistics
from had.evaluation.metrics import SCORES
from had.evaluation.scoreboard import scoreboard
from had.options.evaluation import EvaluationOptions


def main() -> None:
    """Time both and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("sequences", 528), ("trackers", 30), ("resamples", 10000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    size = parser.parse_args()
    values = np.random.default_rng(0).uniform(0, 1, (size.sequences, size.trackers))
    values[np.random.default_rng(1).random(values.shape) < 0.02] = 0  # sequences that a tracker loses at once

    begin = time.perf_counter()
    board = scoreboard(long_table(values), EvaluationOptions(resamples=size.resamples, seed=0))
    gathered = time.perf_counter() - begin
    runs = board.runs
    for run in runs:
        for metric in SCORES:
            board.interval(run, metric)
        board.difference(run, runs[0], "SR")
    board.places(runs, "SR")
    ours = time.perf_counter() - begin

    begin = time.perf_counter()
    loop = plain_loop(values, size.resamples)
    plain = time.perf_counter() - begin
    low, high = statistics.interval(loop)
    found = np.array([board.interval(run, "SR") for run in runs])
    apart = max(np.abs(found[:, 0] - low).max(), np.abs(found[:, 1] - high).max())

    print(f"{size.sequences} sequences x {size.trackers} trackers, {size.resamples} resamples, seed 0\n")
    print("| what | seconds |\n|---|---:|")
    print(f"| resampled means of {len(SCORES)} scores | {gathered:.2f} |")
    print(f"| and intervals of all, paired differences, ranks | {ours:.2f} |")
    print(f"| a loop over the resamples, SR alone | {plain:.2f} |")
    print(f"\nloop for {len(SCORES)} scores / ours: {plain * len(SCORES) / ours:.1f}; intervals differ by {apart:.1e}")


def long_table(values: np.ndarray) -> pd.DataFrame:
    """(S, N) scores -> the long table of an experiment in which every metric has these values."""
    sequences, trackers = values.shape
    one = pd.DataFrame(
        {
            "benchmark": "made-up",
            "run": np.tile([f"tracker_{index:02d}" for index in range(trackers)], sequences),
            "seed": 0,
            "sequence": np.repeat([f"sequence_{index:04d}" for index in range(sequences)], trackers),
            "value": values.ravel(),
        }
    )
    return pd.concat([one.assign(metric=metric) for metric in SCORES])


def plain_loop(values: np.ndarray, resamples: int) -> np.ndarray:
    """(resamples, N) means over the kept sequences, one resample and one tracker at a time."""
    rng = np.random.default_rng(0)
    result = np.empty((resamples, values.shape[1]))
    for row in result:
        drawn = values[rng.integers(len(values), size=len(values))]
        for tracker in range(values.shape[1]):
            column = drawn[:, tracker]
            row[tracker] = column[column > 0].mean()
    return result


if __name__ == "__main__":
    main()
