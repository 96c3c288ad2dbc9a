"""CSV files of results: what spreadsheets would run is text, numbers stay numbers, and all is read back as it was."""

import csv

import numpy as np
import pandas as pd
import pytest
from box_files import BOXES, write
from hypothesis import given
from hypothesis import strategies as st
from synthetic import experiment, write_results

from had.csv_cells import cell_of, text_of
from had.errors import DataError
from had.evaluation.products import write_product
from had.evaluation.result_tables import read_table, write_table
from had.evaluation.rows import folder_of, profile_file

HOSTILE = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\tx",
    "\rx",
    "'=1",
    "''",
    'a"b,c',
    "NA",
    "null",
    "",
    " x ",
    "é大\U0001f680",
    "a\nb",
]


@given(st.text())
def test_a_cell_is_read_back_and_begins_like_no_formula(text):
    cell = cell_of(text)
    assert text_of(cell) == text
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


def test_tables_are_read_back_as_they_were(tmp_path):
    table = pd.DataFrame({"name": HOSTILE, "value": np.linspace(-0.1, 0.3, len(HOSTILE))})
    write_table(table, tmp_path / "x.csv")
    found = read_table(tmp_path / "x.csv", expected="x", remedy="y", text=("name",), numbers=("value",))
    pd.testing.assert_frame_equal(found, table, check_dtype=False)
    with (tmp_path / "x.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[0]["value"]) == -0.1
    assert not any(row["name"].startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no table in"),
        (b"\xff\xfe\x00", "no table in"),
        (b"name\na\n", "without the column value"),
        (b"name,value\na,word\n", "'word' as value in row 2"),
        (b"name,value\na,inf\n", "'inf' as value in row 2"),
        (b"name,value\na," + b"9" * 5000 + b"\n", "as value in row 2"),
        (b"name,value\na,1\nb,1,2,3\n", "no table in"),
        (b'name,value\n"a,1\n', "no table in"),
        (b"name,value,more\na,1,x\n", "'x' as more"),
    ],
)
def test_a_broken_table_is_one_sentence_with_the_file(tmp_path, content, message):
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(DataError, match=rf"expected numbers, got .*{message}") as said:
        read_table(tmp_path / "x.csv", expected="numbers", remedy="mend it", text=("name",), numbers=("value",))
    assert str(tmp_path / "x.csv") in str(said.value)


def test_names_of_others_are_scored_and_read_back(tmp_path, evaluate):
    names = ["=1+1", "NA", "nan", "+x", "'=q", "1"]
    for name in names:
        for place in ("truth", "=theirs"):
            write(tmp_path / place / f"{name}.txt", BOXES)
    call = ("--layout", "plain", "--annotations", tmp_path / "truth", "--tracks", tmp_path / "=theirs")
    assert evaluate(*call, "--output", tmp_path / "out") == (0, "")
    raw = pd.read_csv(tmp_path / "out/per_sequence.csv", dtype=str, keep_default_na=False)
    assert set(raw["tracker"]) == {"'=theirs"}
    text = ("tracker", "sequence")
    found = read_table(tmp_path / "out/per_sequence.csv", expected="", remedy="", text=text, numbers=("SR",))
    assert sorted(found["sequence"]) == sorted(names)
    assert set(found["tracker"]) == {"=theirs"}


DAMAGE = {
    "per_sequence.csv": [b"", b"x\n", b"tracker,sequence,SR\nhad,a,1\n", b"\x00\xff"],
    "curves.npz": [b"", b"PK\x03\x04", b"x" * 100],
    "summary.json": [b"", b"[]", b"{}", b'{"seconds": "x", "peak_memory_mb": 1, "val_iou": 1}', b"[" * 5000],
    "profile.csv": [
        b"",
        b"run,seed\n",
        b"run,seed,parameters,macs,milliseconds,fps,device,threads\nhad,x,1,1,1,1,cpu,1\n",
    ],
    "history.csv": [b"", b"epoch\n1\n", b"epoch,total\n1,x\n"],
}
USER = {
    "per_sequence.csv": ("table", "main"),
    "curves.npz": ("table", "attributes"),
    "summary.json": ("table", "runs"),
    "profile.csv": ("table", "cost"),
    "history.csv": ("figure", "losses"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    one = experiment(tmp_path_factory.mktemp("results"), runs=["teacher", "had"], evaluation={"resamples": 20})
    write_results(one, "coesot", sequences=3, frames=10)
    return one


@pytest.mark.parametrize(("name", "content"), [(name, content) for name, some in DAMAGE.items() for content in some])
def test_damaged_results_are_one_sentence_with_the_file(made, tmp_path, name, content):
    kind = "checkpoints" if name in ("summary.json", "history.csv") else "metrics"
    path = (
        profile_file(made, "coesot") if name == "profile.csv" else folder_of(made, kind, "coesot", "teacher", 0) / name
    )
    before = path.read_bytes()
    path.write_bytes(content)
    try:
        with pytest.raises(DataError, match=rf"expected .*{name}.*; "):
            write_product(*USER[name], experiment=made, benchmark="coesot", stem=tmp_path / "x")
    finally:
        path.write_bytes(before)


@pytest.mark.parametrize("value", [np.nan, 1.5, -0.1])
def test_a_stored_curve_of_other_values_than_shares_is_named(made, tmp_path, value):
    path = folder_of(made, "metrics", "coesot", "had", 0) / "curves.npz"
    before = path.read_bytes()
    arrays = dict(np.load(path))
    arrays["error"][1, 3] = value
    np.savez(path, **arrays)
    try:
        with pytest.raises(DataError, match=r"shares as 'error', got values outside of 0 to 1 in .*curves\.npz"):
            write_product("figure", "precision", experiment=made, benchmark="coesot", stem=tmp_path / "x")
    finally:
        path.write_bytes(before)


@pytest.mark.parametrize(
    ("name", "column"), [("per_sequence.csv", "SR"), ("per_sequence.csv", "PR_auc"), ("profile.csv", "threads")]
)
def test_a_number_that_every_row_has_and_is_missing_is_named_with_its_row(made, tmp_path, name, column):
    folder = folder_of(made, "metrics", "coesot", "had", 0)
    path = profile_file(made, "coesot") if name == "profile.csv" else folder / name
    before = path.read_bytes()
    table = pd.read_csv(path)
    table.loc[0, column] = np.nan
    table.to_csv(path, index=False)
    try:
        with pytest.raises(DataError, match=rf"got 'nan' as {column} in row 2 of .*{name}"):
            write_product(*USER[name], experiment=made, benchmark="coesot", stem=tmp_path / "x")
    finally:
        path.write_bytes(before)
