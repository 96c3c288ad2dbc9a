"""CSV, Markdown and LaTeX of each table, read back: the same rows, numbers, intervals and marks."""

import re

import numpy as np
import pandas as pd
import pytest
from synthetic import experiment, write_results

from had.csv_cells import text_of
from had.evaluation.products import KINDS, applicable, write_product
from had.evaluation.table_formats import Column, Table, latex, markdown

IN_CSV = {
    "main": {name: (name, 1, 3) for name in ("SR", "PR", "NPR", "OP50", "OP75")} | {
        "One-shot IoU": ("one_shot_iou", 1, 3)
    },
    "ablation": {name: (name, 1, 3) for name in ("SR", "PR", "NPR")}
    | {"One-shot": ("one_shot_iou", 1, 3), "ΔSR": ("SR_difference", 1, 3), "p": ("SR_p_holm", 1, 3)},
    "cost": {"Par. (M)": ("parameters", 1e-6, 2), "MACs (G)": ("macs", 1e-9, 3), "FPS": ("fps", 1, 0)},
}  # fmt: skip
"""Printed head -> column of the CSV, factor and digits."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    evaluation = {"resamples": 100, "comparisons": [["had", "student"]], "least_sequences": 2}
    one = experiment(tmp_path_factory.mktemp("results"), seeds=[0, 1], evaluation=evaluation, tracking={"starts": {}})
    write_results(one, "coesot", sequences=8, frames=15)
    for kind in KINDS["table"]:
        write_product("table", kind, experiment=one, benchmark="coesot", stem=one.results / kind)
    return one


def read_markdown(text):
    """(heads, rows) of each table; a cell is value, interval, mark."""
    tables, lines = [], []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            lines.append([cell.strip() for cell in line.strip("|").split("|")])
        elif lines:
            rows = [[_markdown_cell(cell) for cell in row] for row in lines[2:]]
            tables.append((lines[0], rows))
            lines = []
    return tables


def _markdown_cell(cell):
    value, _, interval = cell.removesuffix("</sub>").partition(" <sub>")
    mark = "best" if value.startswith("**") else "second" if value.startswith("<u>") else ""
    return re.sub(r"\*\*|</?u>", "", value), _ends(interval), mark


def read_latex(text):
    """The same of LaTeX; parts that stand below one another are one table again."""
    tables = []
    for block in re.split(r"\\label", text)[1:]:
        heads, rows = [], {}
        for part in re.findall(r"\\begin{tabular}.*?\\toprule\n(.*?)\\bottomrule", block, re.DOTALL):
            lines = [line for line in part.splitlines() if not line.startswith(r"\midrule")]
            own = [_plain(cell) for cell in _cells(lines[0])]
            keys = next(k for k, name in enumerate([*own, ""]) if k >= len(heads) or name != heads[k])
            heads += own[keys:]
            body, below = [], None
            for line in lines[1:]:
                below = [] if r"\\[1.5pt]" in line else None
                if below is None:
                    body.append([_latex_cell(cell) for cell in _cells(line)])
                else:
                    ends = [_ends(_plain(cell)) for cell in _cells(line)]
                    body[-1] = [(c[0], end, c[2]) for c, end in zip(body[-1], ends, strict=True)]
            for number, row in enumerate(body):
                rows.setdefault(number, []).extend(row[keys:])
        tables.append((heads, list(rows.values())))
    return tables


def _cells(line):
    return [cell.strip() for cell in re.split(r"(?<!\\)&", re.sub(r" \\\\(\[.*\])?$", "", line))]


def _latex_cell(cell):
    mark = "best" if r"\textbf" in cell else "second" if r"\underline" in cell else ""
    return _plain(cell), (), mark


def _plain(cell):
    for said, meant in {
        r"$\Delta$": "Δ",
        r"$\surd$": "✓",
        r"$-$": "−",
        r"$<$": "<",
        r"$>$": ">",
        "--": "–",
        r"\strut": "",
    }.items():
        cell = cell.replace(said, meant)
    cell = re.sub(r"\\parbox\[t\]{\d+em}|\\(textbf|underline|texttt|tiny|raggedright)\b ?", "", cell)
    return re.sub(r"[{}]", "", re.sub(r"\\([&%_#$])", r"\1", cell)).strip()


def _ends(interval):
    return tuple(float(end.replace("−", "-")) for end in interval.strip("[]").split(",") if end)


@pytest.mark.parametrize("kind", KINDS["table"])
def test_latex_says_what_markdown_says(made, kind):
    text = (made.results / f"{kind}.md").read_text(encoding="utf-8")
    of_markdown = read_markdown(text)
    assert read_latex((made.results / f"{kind}.tex").read_text(encoding="utf-8")) == of_markdown
    assert sum(len(rows) for _, rows in of_markdown) > 0


@pytest.mark.parametrize("kind", IN_CSV)
def test_markdown_is_the_csv_rounded(made, kind):
    heads, rows = read_markdown((made.results / f"{kind}.md").read_text(encoding="utf-8"))[0]
    table = pd.read_csv(made.results / f"{kind}.csv")
    assert [row[0][0] for row in rows] == [text_of(title) for title in table["title"]]
    assert set(IN_CSV[kind]) <= set(heads)
    intervals = 0
    for head, (key, scale, digits) in IN_CSV[kind].items():
        for row, line in zip(rows, table.to_dict("records"), strict=True):
            value, interval, _ = row[heads.index(head)]
            if np.isnan(line[key]):
                assert value == "–"
            elif value != "< 0.001":
                assert float(value.replace("−", "-")) == round(line[key] * scale, digits)
            else:
                assert line[key] < 0.001
            for end, name in zip(interval, ("low", "high"), strict=bool(interval)):
                assert end == round(line[f"{key}_{name}"], 3)
                intervals += 1
    assert intervals > 0 or kind == "cost"


def test_attributes_are_the_csv_turned(made):
    heads, rows = read_markdown((made.results / "attributes.md").read_text(encoding="utf-8"))[0]
    table = pd.read_csv(made.results / "attributes.csv").set_index("attribute")
    runs = [name for name in table.columns if f"{name}_low" in table.columns]
    assert len(rows) == len(runs)
    for run, row in zip(runs, rows, strict=True):
        assert [float(cell[0]) for cell in row[1:]] == [round(table.loc[name, run], 3) for name in heads[1:]]


@pytest.mark.parametrize(("best", "wanted"), [(max, ["", "best", "best", "second"]), (min, ["best", "", "", "second"])])
def test_equal_values_are_marked_alike_and_less_is_best_where_it_is(best, wanted):
    data = pd.DataFrame({"run": list("abcd"), "x": [1.0, 3.0, 3.0, 2.0]})
    table = Table("T.", data, [Column("run", "Run"), Column("x", "X", best=best)], ranked=[True] * 4)
    for tables in (read_markdown(markdown(table)), read_latex(latex(table, "tab:t"))):
        assert [row[1][2] for row in tables[0][1]] == wanted


def test_a_joined_column_stays_beside_the_one_before_it():
    data = pd.DataFrame({"run": ["a"], **{f"c{k}": [0.123 + k] for k in range(20)}})
    cut = None
    for joined in (False, True):
        shown = [Column("run", "Run"), *(Column(f"c{k}", f"C{k}", joined=joined and k == cut) for k in range(20))]
        heads = re.findall(r"\\toprule\n(.*?) \\\\", latex(Table("T.", data, shown, ranked=[False]), "tab:t"))
        if not joined:
            cut = int(heads[1].split(" & ")[1].removeprefix("C"))
    assert heads[1].split(" & ")[1] == f"C{cut - 1}"


def test_the_ablation_is_one_table(made):
    text = (made.results / "ablation.tex").read_text(encoding="utf-8")
    assert text.count(r"\begin{tabular}") == 1
    for kind in applicable("table", made, "coesot"):
        text = (made.results / f"{kind}.tex").read_text(encoding="utf-8")
        assert text.count(r"\caption") == text.count(r"\label") > 0


def test_external_trackers_alone_have_nothing_of_training(tmp_path):
    external = {name: str(tmp_path / name) for name in ("one", "two")}
    only = experiment(tmp_path / "results", runs={}, controls=[], external=external, evaluation={"resamples": 20})
    write_results(only, "coesot", sequences=4, frames=10)
    write_product("table", "main", experiment=only, benchmark="coesot", stem=tmp_path / "main")
    for suffix in ("md", "tex"):
        text = (tmp_path / f"main.{suffix}").read_text(encoding="utf-8")
        assert not re.search("one-shot|training|trained|ground truth", text, re.IGNORECASE)
        assert "20 resamples, seed 0." in text
    assert "Best in bold, second best underlined." in text
