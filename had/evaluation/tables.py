"""Scores of all runs -> the paper's tables, each as CSV, Markdown and LaTeX with the same numbers.

``main``: every row of the experiment, published scores in a block below. ``ablation``: the trained rows and the
lower bounds, with the terms that are on and paired differences to ``student``. ``cost``: size, speed, training time
and memory of the networks. Scores are fractions of 1.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from had.data.layouts import layout_of
from had.errors import counted
from had.evaluation.benchmark import gather, read_profile, training_summary
from had.evaluation.breakout import breakout_scores, covering_baselines
from had.evaluation.one_seed import comparable, one_seed_sentence
from had.evaluation.provenance import intervals, provenance
from had.evaluation.published_table import published_block
from had.evaluation.rows import REFERENCE, Row, rows_of, sensor_of
from had.evaluation.scoreboard import Scoreboard, scoreboard
from had.evaluation.statistics import holm
from had.evaluation.table_formats import Column, Table
from had.evaluation.ticks import ticked, ticks
from had.options.experiment import Experiment

HEADLINE = ("SR", "PR", "NPR")
ONE_SHOT = "one_shot_iou"
COMPARED = (*HEADLINE, ONE_SHOT)
MARK, OFF = "✓", ""


def table(experiment: Experiment, benchmark: str, kind: str) -> Table:
    """The table ``kind``: main, ablation or cost.

    Raises:
        DataError: scores, profiles or training summaries are missing.
    """
    made = {"main": _main, "ablation": _ablation, "cost": _cost}[kind](experiment, benchmark)
    made.notes.append(provenance(experiment, benchmark))
    return made


def _main(experiment: Experiment, benchmark: str) -> Table:
    rows, scores = rows_of(experiment), gather(experiment, benchmark)
    board = scoreboard(scores, experiment.evaluation)
    trained = [row for row in rows if row.trained]
    others = [row for row in rows if row not in trained]
    columns = [
        Column("title", "Tracker"),
        *(Column(name, name, interval=True, best=max) for name in HEADLINE),
        *(Column(name, name, best=max) for name in ("OP50", "OP75")),
    ]
    if ONE_SHOT in board.metrics:
        columns.append(Column(ONE_SHOT, "One-shot IoU", interval=True, best=max))
    data = pd.DataFrame([_scores(row, board) for row in trained + others])
    shown = trained + others
    ranked = [fair and row.run != "ground_truth" for row, fair in zip(shown, comparable(shown), strict=True)]
    notes = _conventions(experiment, benchmark, board)
    if sum(ranked) > 1:
        left_out = ", ground truth left out" if any(row.run == "ground_truth" for row in shown) else ""
        notes.append(f"Best in bold, second best underlined{left_out}.")
    baselines, reason = covering_baselines(experiment, benchmark, list(scores["sequence"].unique()))
    if baselines is not None:
        options = experiment.evaluation
        found = breakout_scores(scores, baselines, resamples=options.resamples, seed=options.seed)
        data = data.join(found[~found["baseline"]][["BOC", "BOC_low", "BOC_high"]], on="run")
        columns.append(Column("BOC", "BOC", interval=True, best=max))
        notes.append(
            "BOC: mean over all sequences, none dropped, of SR x (1 - mean SR of the "
            f"{len(baselines.trackers)} baselines)."
        )
    elif reason:
        notes.append(reason)
    return Table(
        caption=f"Trackers on {layout_of(benchmark).title} ({counted(board.sequences, 'test sequence')}).",
        above=one_seed_sentence(trained),
        data=data,
        columns=columns,
        notes=notes,
        groups=[len(trained), len(others)],
        ranked=ranked,
        below=published_block(experiment, benchmark, own=board.sequences),
    )


def _ablation(experiment: Experiment, benchmark: str) -> Table:
    rows = rows_of(experiment)
    board = scoreboard(gather(experiment, benchmark), experiment.evaluation)
    regimes = ["", *experiment.regimes]
    blocks = [[row for row in rows if row.kind == "student" and row.regime == regime] for regime in regimes]
    students = [row for block in blocks for row in block]
    blocks += [[row for row in rows if row.kind == "teacher"]]
    blocks += [[row for row in rows if row.kind == "control" and row.run != "ground_truth"]]
    chosen = [row for block in blocks for row in block]
    data = pd.DataFrame([{**_scores(row, board), **_terms(experiment, row)} for row in chosen])
    known = {row.run: row for row in rows}
    compared = [
        row.run
        for row in students
        if row.run != row.reference and row.reference in known and all(comparable([row, known[row.reference]]))
    ]
    if REFERENCE in board.runs:
        data = data.join(_differences(board, chosen, compared))
    parts = ticked(experiment, chosen)
    columns = [
        Column("title", "Run"),
        *(Column(key, part.head, centred=True) for key, part in parts.items()),
        Column("SR", "SR", interval=True, best=max),
        *(Column(name, name, best=max) for name in ("PR", "NPR")),
        *([Column(ONE_SHOT, "One-shot", interval=True, best=max)] if ONE_SHOT in board.metrics else []),
    ]
    notes = _conventions(experiment, benchmark, board)
    if REFERENCE in board.runs:
        columns.append(Column("SR_difference", "ΔSR", interval=True, signed=True))
        p = ""
        if data["SR_p_holm"].notna().any():
            columns.append(Column("SR_p_holm", "p", least=0.001, joined=True))
            p = f"; p: two-sided paired bootstrap, Holm-corrected over the {len(compared)} distilled rows that have one"
        notes.append(
            f"ΔSR: paired difference to {_reference_named(regimes)} on the same sequences{p}. "
            "Those of the other scores are in the CSV."
        )
    if parts:
        notes.append(f"{'; '.join(f'{part.head}: {part.meaning}' for part in parts.values())}.")
    ranked = [fair and row.kind == "student" for row, fair in zip(chosen, comparable(chosen), strict=True)]
    kinds = {row.kind for row in chosen}
    facts = ["best student in bold, second underlined"] if sum(ranked) > 1 else []
    facts += ["the teacher reads two streams"] if "teacher" in kinds else []
    facts += ["controls learn nothing"] if "control" in kinds else []
    notes += ["; ".join(facts).capitalize() + "."] if facts else []
    return Table(
        caption=f"Ablation on {layout_of(benchmark).title} ({counted(board.sequences, 'test sequence')}).",
        above=one_seed_sentence(chosen),
        data=data,
        columns=columns,
        notes=notes,
        groups=[len(block) for block in blocks],
        ranked=ranked,
    )


def _reference_named(regimes: list[str]) -> str:
    return f"`{REFERENCE}`" + (", of each regime its own," if len(regimes) > 1 else "")


def _scores(row: Row, board: Scoreboard) -> dict:
    """One row of the main table: headline scores first, then everything else that is known."""
    result: dict = {"run": row.run, **{name: board.point(row.run, name) for name in HEADLINE}, "title": row.title}
    for name in COMPARED:
        low, high = board.interval(row.run, name)
        if name not in HEADLINE:
            result[name] = board.point(row.run, name)
        result |= {f"{name}_low": low, f"{name}_high": high}
    index = board.runs.index(row.run)
    result |= {name: board.point(row.run, name) for name in ("OP50", "OP75", "PR_auc", "NPR_auc")}
    for metric, name in enumerate(board.metrics):
        if name != ONE_SHOT:
            result[f"{name}_all_sequences"] = board.everything[metric, index]
    result |= {f"{name}_seed_std": board.spread[board.metrics.index(name), index] for name in HEADLINE}
    result |= {f"{name}_dropped": board.dropped[board.metrics.index(name), index] for name in HEADLINE}
    return {**result, "seeds": board.seeds[index], "sequences": board.sequences}


def _terms(experiment: Experiment, row: Row) -> dict:
    terms = experiment.runs[row.run].terms if row.run in experiment.runs else ()
    marks = {key: MARK if on else OFF for key, on in ticks(experiment, row).items()}
    return {**marks, "terms": " ".join(terms)}


def _differences(board: Scoreboard, rows: list[Row], compared: list[str]) -> pd.DataFrame:
    """Paired differences to the reference; Holm over the compared rows, the other rows without p."""
    columns: dict[str, list[float]] = {}
    for name in COMPARED:
        found = [board.difference(row.run, row.reference, name) for row in rows]
        isnt = [row.run == row.reference for row in rows]
        for part, suffix in enumerate(("difference", "difference_low", "difference_high")):
            columns[f"{name}_{suffix}"] = [math.nan if own else d[part] for own, d in zip(isnt, found, strict=True)]
        raw = [d[3] if row.run in compared else math.nan for row, d in zip(rows, found, strict=True)]
        columns[f"{name}_p"], columns[f"{name}_p_holm"] = raw, list(holm(np.array(raw)))
    return pd.DataFrame(columns)


def _cost(experiment: Experiment, benchmark: str) -> Table:
    rows = [row for row in rows_of(experiment) if row.trained]
    profile, lines = read_profile(experiment, benchmark), []
    for row in rows:
        found = []
        for seed in row.seeds:
            training = training_summary(experiment, benchmark, row.run, seed)
            measured = {name: profile.loc[(row.run, seed), name] for name in _MEASURED}
            found.append(measured | {name: training[key] for name, key in _TRAINING_KEYS.items()})
        means = pd.DataFrame(found).astype(float).mean()
        lines.append({"run": row.run, "title": row.title, **means, "seeds": len(found)})
    data = pd.DataFrame(lines)
    return Table(
        caption=f"Cost of the networks on {layout_of(benchmark).title}.",
        data=data,
        columns=[
            Column("title", "Run"),
            Column("parameters", "Par. (M)", scale=1e-6, digits=2),
            Column("macs", "MACs (G)", scale=1e-9, digits=3),
            Column("fps", "FPS", digits=0),
            Column("train_seconds", "Train (s)", digits=0),
            Column("train_memory_mb", "Train RAM (MB)", digits=0),
        ],
        notes=[
            "Parameters and MACs: of one forward pass for one frame. FPS: of one sequence, 1000 over the median "
            f"milliseconds a frame on {_where(profile)}, all networks timed in turn on the machine that made this "
            "table. Training: wall-clock seconds and peak memory of the job"
            f"{_WITHOUT_LESSONS if experiment.keep_lessons else ''}. Means over seeds. The raw numbers (units of 1, "
            "ms, MB, s) are in the CSV.",
            *_noise(data),
        ],
        groups=[len(lines)],
        ranked=[False] * len(lines),
    )


def _noise(data: pd.DataFrame) -> list[str]:
    """How far the speeds of networks that do the same work are apart, where there are such."""
    equal = [fps for _, fps in data.groupby(["parameters", "macs"])["fps"] if len(fps) > 1]
    if not equal:
        return []
    apart = max(fps.max() / fps.min() - 1 for fps in equal)
    return [
        "Networks of equal parameters and MACs do the same work: what their FPS differ by is noise of the measurement, "
        f"here up to {100 * apart:.0f} %."
    ]


_WITHOUT_LESSONS = (
    ", of distilled runs without the teacher's share, because its lessons are kept for all runs (`keep_lessons`)"
)
_MEASURED = ("parameters", "macs", "milliseconds", "fps")
_TRAINING_KEYS = {"train_seconds": "seconds", "train_memory_mb": "peak_memory_mb"}


def _where(profile: pd.DataFrame) -> str:
    """The device that a profile was measured on, in words."""
    device, threads = profile["device"].iloc[0], int(profile["threads"].iloc[0])
    return f"{device} with {threads} thread{'s' if threads > 1 else ''}"


def _conventions(experiment: Experiment, benchmark: str, board: Scoreboard) -> list[str]:
    """What the numbers are; of training only where something was trained."""
    one_shot, trained = ONE_SHOT in board.metrics, ""
    if experiment.runs:
        held = "Intervals and p" if any(comparable(rows_of(experiment))) else "Intervals"
        trained = (
            f"Training seeds {_seeds(experiment)}, scores are means over them. "
            f"{held if board.sequences > 1 else 'They'} hold for these trained networks: another training seed adds a "
            "spread of its own."
        )
    return [
        "SR: area under the success curve, the mean of 21 thresholds (a perfect track reaches 20/21 = 0.952, more "
        "where rounding lifts an overlap above 1, less where frames lack the target); PR: "
        "precision at 20 px; NPR: normalised precision at 0.2. Sequences whose curve is all zero for a tracker are "
        "dropped, as the official toolkits do; means over all sequences and the other readings are in the CSV."
        f"{_on_sensor(experiment, benchmark)}",
        *(["One-shot IoU: mean IoU of single search crops around the known position."] if one_shot else []),
        f"{intervals(board.sequences, experiment.evaluation)} {trained}".strip(),
    ]


def _seeds(experiment: Experiment) -> str:
    fewer = [f"{', '.join(map(str, seeds))} of `{run}`" for run, seeds in experiment.run_seeds.items()]
    return "; ".join([", ".join(map(str, experiment.seeds)), *fewer])


def _on_sensor(experiment: Experiment, benchmark: str) -> str:
    """What 20 px are on a simulated sensor that is not the published one."""
    own, published = sensor_of(experiment, benchmark), layout_of(benchmark).sensor
    if own == published:
        return ""
    return (
        f" The sensor has {own[0]} x {own[1]} px, the published one {published[0]} x {published[1]}: 20 px are "
        f"{published[0] / own[0]:.1f} times as much of the picture's width, so PR is easier; NPR does not depend on it."
    )
