"""Damaged result files, stored curves, tables of results and published scores: read, or one of our own sentences."""

import io
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from had.data.annotations import read_ground_truth
from had.data.names import read_list
from had.errors import HadError
from had.evaluation.baselines import read_baselines
from had.evaluation.metrics import sequence_curves
from had.evaluation.overall import summary
from had.evaluation.published import read_published
from had.evaluation.result_tables import read_table, write_table
from had.evaluation.stored_arrays import read_arrays
from had.evaluation.track_files import read_boxes
from tests.fuzz.budget import fuzzed
from tests.fuzz.damage import damaged


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("results")


def stored(writer):
    rng = np.random.default_rng(0)
    content = io.BytesIO()
    shapes = {"overlap": 21, "error": 51, "error_norm": 51}
    curves = {name: rng.random((2, 3, count)) for name, count in shapes.items()}
    names = {"trackers": np.array(["a", "b"]), "sequences": np.array(["x", "y", "z"])}
    writer(content, **names, **curves, thr_overlap=np.arange(21) * 0.05)
    return content.getvalue()


@fuzzed
@given(content=damaged([stored(np.savez), stored(np.savez_compressed)]))
def test_damaged_curves_are_read_or_refused(place, content):
    path = place / "curves.npz"
    path.write_bytes(content)
    with suppress(HadError):
        baselines = read_baselines(path)
        summary(baselines.of(baselines.trackers[0]))
    with suppress(HadError):
        read_arrays(path, expected="arrays", remedy="mend it")


@fuzzed
@given(content=damaged([b"1,2,30,40\n" * 5, b"1.5\t2\t3e1\tNaN\r\n" * 3, b"\xef\xbb\xbf1;2;3;4\n"]))
def test_damaged_boxes_are_read_or_refused(place, content):
    path = place / "boxes.txt"
    path.write_bytes(content)
    with suppress(HadError):
        boxes = read_boxes(path, frames=3)
        assert not np.isinf(boxes).any()
        sequence_curves(boxes, np.abs(np.nan_to_num(boxes)) + 1, np.ones(3, bool))
    with suppress(HadError):
        assert np.isfinite(read_ground_truth(path)).all()
    with suppress(HadError):
        read_list(path)


TABLE = b'tracker,sequence,frames,SR\na,x,10,0.5\na,y,12,\n"a""b",\'=z,3,1e-3\n'


@fuzzed
@given(content=damaged([TABLE, TABLE.replace(b"\n", b"\r\n")]))
def test_damaged_tables_are_read_or_refused(place, content):
    path = place / "per_sequence.csv"
    path.write_bytes(content)
    with suppress(HadError):
        text, numbers = ("tracker", "sequence"), ("frames", "SR")
        table = read_table(path, expected="scores", remedy="mend it", text=text, numbers=numbers)
        assert not np.isinf(table[list(numbers)].to_numpy(float)).any()
        assert all(isinstance(name, str) for name in table["sequence"])
        write_table(table, place / "again.csv")


PUBLISHED = (
    b"benchmark,tracker,SR,PR,NPR,source,note,sequences\n"
    b"coesot,A,0.6,0.7,,https://example.org/a,read in table 2,527\neventvot,B,,,0.5,https://example.org/b,,\n"
)


@fuzzed
@given(content=damaged([PUBLISHED]) | st.just(PUBLISHED + b'coesot,"' + b"x" * 200_000 + b'",,,,s,,\n'))
def test_damaged_published_scores_are_read_or_refused(place, content):
    path = place / "published.csv"
    path.write_bytes(content)
    with suppress(HadError):
        for line in read_published(path):
            assert line.sequences is None or line.sequences > 0
