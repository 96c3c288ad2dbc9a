"""Laws of the bootstrap, the paired test and Holm's correction."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from had.evaluation import statistics
from had.evaluation.scoreboard import scoreboard
from had.options.evaluation import EvaluationOptions


def long_table(values):
    """{(run, seed): SR per sequence} -> long table in which every curve's area is that SR."""
    rows = [
        ("b", run, seed, f"s{index}", metric, value)
        for (run, seed), column in values.items()
        for index, value in enumerate(column)
        for metric in ("SR", "PR", "NPR", "OP50", "OP75", "PR_auc", "NPR_auc")
    ]
    return pd.DataFrame(rows, columns=["benchmark", "run", "seed", "sequence", "metric", "value"])


def test_resampled_means_match_a_plain_loop():
    rng = np.random.default_rng(1)
    values, kept = rng.random((6, 3)), rng.random((6, 3)) < 0.7
    kept[:, 2] = False
    ours = statistics.resampled_means(values, kept, resamples=50, seed=9)
    draws = np.random.default_rng(9).integers(6, size=(50, 6))
    for row, drawn in zip(ours, draws, strict=True):
        for column in range(2):
            chosen = [values[i, column] for i in drawn if kept[i, column]]
            assert row[column] == pytest.approx(np.mean(chosen) if chosen else 0)
    assert np.isnan(ours[:, 2]).all()


def test_the_interval_has_the_width_of_the_normal_approximation():
    values = np.random.default_rng(0).normal(0.5, 0.2, (400, 1))
    samples = statistics.resampled_means(values, np.ones_like(values, bool), resamples=10000, seed=0)
    low, high = statistics.interval(samples, 80)
    error = values.std() / np.sqrt(400)
    assert low[0] == pytest.approx(values.mean() - 1.96 * error, abs=0.1 * error)
    assert high[0] == pytest.approx(values.mean() + 1.96 * error, abs=0.1 * error)


def test_chunks_do_not_change_the_draws(monkeypatch):
    values = np.random.default_rng(0).random((5, 2))
    kept = np.ones((5, 2), bool)
    one = statistics.resampled_means(values, kept, resamples=64, seed=3)
    monkeypatch.setattr(statistics, "_CHUNK", 7)
    np.testing.assert_allclose(statistics.resampled_means(values, kept, resamples=64, seed=3), one)


@given(st.lists(st.floats(0.0001, 1), min_size=1, max_size=12))
def test_holm_is_monotone_and_between_raw_and_bonferroni(p):
    p = np.array(p)
    corrected = statistics.holm(p)
    assert (corrected >= p - 1e-15).all()
    assert (corrected <= np.minimum(1, p * len(p)) + 1e-12).all()
    assert (np.diff(corrected[np.argsort(p, kind="stable")]) >= 0).all()


def test_holm_on_a_worked_example():
    np.testing.assert_allclose(statistics.holm([0.01, np.nan, 0.04, 0.03]), [0.03, np.nan, 0.06, 0.06])


def test_places_of_a_worked_example():
    samples = np.array([[0.5, 0.9, 0.1], [0.2, 0.2, 0.1], [0.1 + 0.2, 0.3, 0.3]])
    first, last = statistics.places(samples)
    np.testing.assert_array_equal(first, [[2, 1, 3], [1, 1, 3], [1, 1, 1]])
    np.testing.assert_array_equal(last, [[2, 1, 3], [2, 2, 3], [3, 3, 3]])
    clear, pair, all_three = np.eye(3)[[1, 0, 2]], [[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0, 1]], np.full((3, 3), 1 / 3)
    wanted = np.mean([clear, pair, all_three], axis=0)
    np.testing.assert_allclose(statistics.place_shares(first, last), wanted)


@given(st.lists(st.lists(st.sampled_from([0.1, 0.2, 0.3]), min_size=4, max_size=4), min_size=1, max_size=5))
def test_shares_of_places_add_up_in_both_directions(samples):
    shares = statistics.place_shares(*statistics.places(np.array(samples)))
    np.testing.assert_allclose([shares.sum(axis=0), shares.sum(axis=1)], 1)


def test_crossed_means_match_a_plain_loop(monkeypatch):
    values = np.random.default_rng(2).random((9, 3))
    values[4, 1] = np.nan
    whole = np.delete(values, 4, axis=0)
    rng = np.random.default_rng(7)
    over = [whole[rng.integers(8, size=8)].mean(axis=0) for _ in range(40)]
    wanted = [row[drawn].mean() for row, drawn in zip(over, rng.integers(3, size=(40, 3)), strict=True)]
    monkeypatch.setattr(statistics, "_CHUNK", 16)
    np.testing.assert_allclose(statistics.crossed_means(values, resamples=40, seed=7), wanted)


def test_p_is_small_for_a_sure_difference_and_one_for_none():
    sure, none = np.full((999, 1), 0.1), np.zeros((999, 1))
    assert statistics.paired_p(sure)[0] == pytest.approx(2 / 1000)
    assert statistics.paired_p(none)[0] == 1
    assert np.isnan(statistics.paired_p(np.full((9, 1), np.nan))[0])


def test_p_is_uniform_enough_when_there_is_no_difference():
    rng = np.random.default_rng(5)
    values = rng.normal(0, 1, (60, 400))  # 400 experiments of 60 paired differences around zero
    samples = statistics.resampled_means(values, np.ones_like(values, bool), resamples=500, seed=1)
    rejected = (statistics.paired_p(samples) < 0.05).mean()
    assert 0.02 < rejected < 0.10


def test_the_scoreboard_drops_zero_sequences_averages_seeds_and_pairs_runs():
    rng = np.random.default_rng(0)
    base = rng.uniform(0.2, 0.8, 30)
    base[0] = 0
    table = long_table({("student", 0): base, ("had", 0): base + 0.1 * (base > 0), ("had", 1): base})
    board = scoreboard(table, EvaluationOptions(resamples=500, seed=0))
    assert board.point("student", "SR") == pytest.approx(base[1:].mean())
    assert board.everything[0, 0] == pytest.approx(base.mean())
    assert board.dropped[0].tolist() == [1, 1]
    assert board.point("had", "SR") == pytest.approx(base[1:].mean() + 0.05)
    assert board.spread[0, 1] == pytest.approx(np.std([0.1, 0], ddof=1))
    assert board.seeds == [1, 2]
    value, low, high, p = board.difference("had", "student", "SR")
    assert (value, low, high) == pytest.approx((0.05, 0.05, 0.05))  # paired: the sequences' spread cancels
    assert p < 0.01
    low, high = board.interval("student", "SR")
    assert low < board.point("student", "SR") < high
