"""Breakout capability of all rows, where baselines are configured and cover the evaluated sequences.

``BOC = mean over the sequences, none dropped, of SR x (1 - mean SR of the baselines)`` (Tang et al., arXiv
2211.11010); it is linear in SR, hence the mean over seeds is that of the seeds' mean SR. Enters the scores of all
runs, leaves one value with interval each, or the reason why there is none.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from had.data.layouts import layout_of
from had.evaluation import statistics
from had.evaluation.baselines import Baselines, read_baselines
from had.evaluation.metrics import breakout
from had.options.experiment import Experiment


def covering_baselines(experiment: Experiment, benchmark: str, sequences: list[str]) -> tuple[Baselines | None, str]:
    """The configured baselines on the evaluated sequences, or the sentence that says why there are none.

    Returns:
        (baselines, "") or (None, reason); both empty where none are configured.

    Raises:
        DataError: the file is missing or broken.
    """
    path = experiment.source(benchmark).baselines
    if path is None:
        return None, ""
    stored = read_baselines(path)
    missing = [name for name in sequences if name not in set(stored.sequences)]
    if not missing:
        return stored.on(sequences), ""
    title = layout_of(benchmark).title
    reason = f"{path.name} lacks {len(missing)} of the {len(sequences)} evaluated sequences, {missing[0]} for one"
    return None, f"No BOC and no published curves on {title}: {reason}."


def breakout_scores(table: pd.DataFrame, baselines: Baselines, *, resamples: int, seed: int) -> pd.DataFrame:
    """BOC of every run and of the baselines themselves.

    Args:
        table: long table of `had.evaluation.benchmark.gather`.
        baselines: on exactly its sequences.
        resamples, seed: of the bootstrap over sequences.

    Returns:
        Indexed by run (baselines by their names), columns BOC, BOC_low, BOC_high, baseline (bool).
    """
    own = table[table["metric"] == "SR"].pivot_table(index="run", columns="sequence", values="value", sort=False)
    own = own[list(baselines.sequences)]
    stored = baselines.curves.overlap.mean(axis=-1)  # B S
    values = np.concatenate([own.to_numpy(), stored])
    weighted = (values * (1 - stored.mean(axis=0))).T  # S N
    samples = statistics.resampled_means(weighted, np.ones_like(weighted, bool), resamples=resamples, seed=seed)
    low, high = statistics.interval(samples, len(baselines.sequences))
    result = pd.DataFrame({"BOC": [breakout(row, stored) for row in values], "BOC_low": low, "BOC_high": high})
    result["baseline"] = [False] * len(own) + [True] * len(stored)
    return result.set_index(pd.Index([*own.index, *baselines.trackers], name="run"))
