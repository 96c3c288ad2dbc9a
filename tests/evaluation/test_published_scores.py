"""Published scores: what the shipped file says, where it is found, and what is refused."""

import csv
import math
from pathlib import Path

import pytest
from synthetic import experiment, write_results

from had.data.layouts import LAYOUTS
from had.errors import DataError
from had.evaluation.products import write_product
from had.evaluation.published import published_file, published_scores, read_published

SHIPPED = Path(__file__).resolve().parents[2] / "config" / "published.csv"
HEADER = "benchmark,tracker,SR,PR,NPR,source,note\n"
COUNTED = HEADER.replace("note", "note,sequences")


def test_the_shipped_file_names_an_address_for_every_tracker():
    lines = read_published(SHIPPED)
    assert {line.benchmark for line in lines} <= set(LAYOUTS)
    assert all(line.source.startswith("https://") for line in lines)
    assert all(math.isnan(value) for line in lines if line.tracker == "HAD" for value in line.scores.values())


def test_the_shipped_scores_of_the_baselines_are_those_of_their_stored_curves(shared):
    with (shared / "data" / "coesot_baseline_curves" / "expected_overall.csv").open() as file:
        expected = {row["tracker"]: row for row in csv.DictReader(file)}
    lines = [line for line in read_published(SHIPPED) if line.benchmark == "coesot"]
    assert all(line.note.startswith("figure") for line in lines if line.tracker != "HAD")  # "as published" it is
    found = {line.tracker: line.scores for line in lines}
    counts = {line.tracker: line.sequences for line in lines}
    assert set(expected) <= set(found)
    for tracker, row in expected.items():
        assert counts[tracker] == 527
        for name, column in (("SR", "SR_auc"), ("PR", "PR20"), ("NPR", "NPR020")):
            assert found[tracker][name] == pytest.approx(float(row[column]), abs=5.001e-4)


def test_the_projects_own_file_is_found_from_any_folder(tmp_path, monkeypatch):
    one = experiment(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert published_file(one) == SHIPPED
    (tmp_path / "config").mkdir()
    own = tmp_path / "config" / "published.csv"
    own.write_text(HEADER + "coco-object-meeting,Mine,0.5,,,https://example.org,\n")
    (line,) = published_scores(one, "coesot")
    assert (line.tracker, line.scores["SR"]) == ("Mine", 0.5)
    assert published_scores(one, "eventvot") == []
    named = experiment(tmp_path, published=str(SHIPPED))
    assert len(published_scores(named, "coesot")) > 10


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "an empty file"),
        ("tracker,SR\n", "the header benchmark,tracker,SR"),
        (HEADER + "coesott,A,0.5,,,https://x.org,\n", r"a benchmark among .*'coesott' in row 2.*coesot"),
        (HEADER + "coesot,A,0.5,,,https://x.org,\ncoesot,B,62.7,,,https://x.org,\n", "'62.7' as SR in row 3"),
        (HEADER + "coesot,A,good,,,https://x.org,\n", "'good' as SR in row 2"),
        (HEADER + "coesot,A,0.5,nan,,https://x.org,\n", "'nan' as PR in row 2"),
        (HEADER + "coesot,A,0.5,,,,\n", "expected a source, got none in row 2"),
        (HEADER + "coesot,,0.5,,,https://x.org,\n", "expected a tracker, got none in row 2"),
        (HEADER + "coesot,A,0.5,,,https://x.org,one, two\n", "8 in row 2"),
        (HEADER + "coesot,A,,,,https://x.org,\n" * 2, "A on coesot again in row 3"),
        (COUNTED + "coesot,A,0.5,,,https://x.org,,many\n", "a number of sequences, or nothing, got 'many' in row 2"),
        (COUNTED + "coesot,A,0.5,,,https://x.org,,0\n", "got '0' in row 2"),
        (COUNTED + "coesot,A,0.5,,,https://x.org,\n", "8 values, got 7 in row 2"),
    ],
)
def test_a_broken_file_is_one_sentence(content, said, tmp_path):
    path = tmp_path / "published.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=said):
        read_published(path)


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match=r"no file .*gone.csv"):
        published_scores(experiment(tmp_path, published=str(tmp_path / "gone.csv")), "coesot")


def test_published_scores_have_a_block_of_their_own_and_are_not_ranked(tmp_path):
    file = tmp_path / "published.csv"
    file.write_text(HEADER + "coesot,Best of all,0.999,0.998,,https://example.org/a_b,\n")
    one = experiment(tmp_path / "results", runs=["student"], seeds=[0, 1], controls=["static"], published=str(file))
    write_results(one, "coesot", sequences=6, frames=12)
    write_product("table", "main", experiment=one, benchmark="coesot", stem=tmp_path / "main")
    content = (tmp_path / "main.md").read_text()
    own, block = content.split("**Published scores on COESOT.**")
    assert "| Best of all | 0.999 | 0.998 | – | (1) |" in block
    assert "(1) https://example.org/a_b" in block
    assert "not the published test set of COESOT" in block
    assert "Best of all" not in own
    assert "**" in own.split("|", 1)[1]  # ours stay ranked among themselves
    assert "**" not in block
    assert "Best of all" not in (tmp_path / "main.csv").read_text()
    latex = (tmp_path / "main.tex").read_text()
    assert latex.count(r"\begin{table}") == 2
    assert r"Best of all & 0.999 & 0.998 & -- & (1)" in latex


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (
            ["A,0.5,,,https://x.org,,527", "B,0.4,,,https://x.org,,527"],
            ["our own over 6", "the published ones over 527"],
        ),
        (["A,0.5,,,https://x.org,,6", "B,,,,https://x.org,,"], []),
        (["A,0.5,,,https://x.org,,6", "B,0.4,,,https://x.org,,9"], ["own over 6", "of A over 6", "those of B over 9"]),
        (["A,0.5,,,https://x.org,,"], ["our own over 6", "the published ones over an unknown number of"]),
    ],
)
def test_other_numbers_of_test_sequences_are_stated(lines, wanted, tmp_path):
    file = tmp_path / "published.csv"
    file.write_text(COUNTED + "".join(f"coesot,{line}\n" for line in lines))
    source = {"coesot": {"root": str(tmp_path), "simulation": None}}
    one = experiment(tmp_path / "results", runs={}, controls=["static"], published=str(file), benchmarks=source)
    write_results(one, "coesot", sequences=6, frames=12)
    write_product("table", "main", experiment=one, benchmark="coesot", stem=tmp_path / "main")
    for suffix in ("md", "tex"):
        block = (tmp_path / f"main.{suffix}").read_text().split("Published scores on COESOT.")[1]
        assert ("different test sets" in block) == bool(wanted)
        assert all(f"{words} sequences" in block for words in wanted)
    write_product("table", "published", experiment=one, benchmark="coesot", stem=tmp_path / "alone")
    assert "our own" not in (tmp_path / "alone.md").read_text()
