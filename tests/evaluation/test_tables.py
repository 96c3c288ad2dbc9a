"""Tables: the promised columns, the same numbers in all formats, marks, notes, and LaTeX that compiles."""

import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from synthetic import experiment, write_results

from had.csv_cells import text_of
from had.errors import ConfigError, DataError
from had.evaluation import metrics, style, tables
from had.evaluation.benchmark import read_attributes, read_curves, read_profile
from had.evaluation.figures.ablation import draw as draw_ablation
from had.evaluation.products import KINDS, write_product
from had.evaluation.rows import folder_of, rows_of
from had.evaluation.statistics import holm
from had.evaluation.table_formats import Column, Table, latex, markdown

BENCHMARKS = ("coesot", "eventvot")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    evaluation = {"resamples": 400, "comparisons": [["had", "student"]]}
    one = experiment(tmp_path_factory.mktemp("results"), seeds=[0, 1], evaluation=evaluation, tracking={"starts": {}})
    for benchmark in BENCHMARKS:
        write_results(one, benchmark)
        for kind in KINDS["table"]:
            write_product(
                "table", kind, experiment=one, benchmark=benchmark, stem=one.results / f"tables/{kind}_{benchmark}"
            )
    return one


def read(one, kind, benchmark="coesot"):
    return pd.read_csv(one.results / f"tables/{kind}_{benchmark}.csv")


def text(one, name):
    return (one.results / "tables" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("benchmark", BENCHMARKS)
@pytest.mark.parametrize("kind", ["main", "ablation"])
def test_score_tables_begin_with_the_promised_columns(made, kind, benchmark):
    table = read(made, kind, benchmark)
    assert list(table.columns[:4]) == ["run", "SR", "PR", "NPR"]
    runs = [row.run for row in rows_of(made)]
    assert set(table["run"]) == set(runs) - ({"ground_truth"} if kind == "ablation" else set())
    assert table["run"].is_unique
    for name in ("SR", "PR", "NPR"):
        assert table[name].between(0, 1).all()
        assert (table[f"{name}_low"] <= table[name] + 1e-12).all()
        assert (table[name] <= table[f"{name}_high"] + 1e-12).all()
    seeds = table.set_index("run")["seeds"]
    assert (seeds["had"], seeds["static"]) == (2, 1)


def test_scores_are_the_mean_over_seeds_of_the_official_score(made):
    table = read(made, "main").set_index("run")
    for run in ("had", "teacher"):
        overall = [metrics.overall(read_curves(made, "coesot", run, seed)) for seed in (0, 1)]
        for name in ("SR", "PR", "NPR", "OP50", "OP75"):
            assert table.loc[run, name] == pytest.approx(np.mean([one[name] for one in overall]), abs=1e-12)
    present = read_curves(made, "coesot", "ground_truth", 0).overlap[:, 0]
    # The last bit of a fractional box may lift its IoU above 1, in the official functions too.
    assert present.mean() * 20 / 21 - 1e-12 <= table.loc["ground_truth", "SR"] <= present.mean()
    assert np.isnan(table.loc["static", "one_shot_iou"])


def with_terms(one, **terms):
    """The same experiment with other terms in some rows."""
    runs = {name: run.model_copy(update={"terms": terms.get(name, run.terms)}) for name, run in one.runs.items()}
    return one.model_copy(update={"runs": runs})


def test_terms_of_boxes_tick_box_and_never_spatial_alignment(made):
    paper = ("feature", "similarity", "response")
    terms = {"hdetrack": (*paper, "localization"), "had_ta": (*paper, "temporal"), "had_sa": (*paper, "spatial")}
    one = with_terms(made, **terms, had=(*paper, "temporal", "released_spatial", "box_transport"))
    ablation = tables.table(one, "coesot", "ablation")
    marks = ablation.data.set_index("run")[["hierarchical", "TA", "SA", "box"]] == tables.MARK
    assert marks.loc["student"].tolist() == [False, False, False, False]
    assert marks.loc["hdetrack"].tolist() == [True, False, False, True]
    assert marks.loc["had_ta"].tolist() == [True, True, False, False]
    assert marks.loc["had_sa"].tolist() == [True, False, True, False]
    assert marks.loc["had"].tolist() == [True, True, True, True]
    assert "| Run | Hier. | TA | SA | Box | SR |" in markdown(ablation)
    assert "Run & Hier. & TA & SA & Box & SR" in latex(ablation, "tab:x")
    assert "SA: spatial alignment; Box: this project's distillation of boxes." in markdown(ablation)
    with style.applied():
        labels = [text.get_text() for text in draw_ablation(one, "coesot", "ablation").axes[2].get_xticklabels()]
    assert labels == ["Hier.", "TA", "SA", "Box"]


def test_parts_that_no_row_has_get_no_column(made):
    one = with_terms(made, **dict.fromkeys(made.runs, ("feature",)))
    assert "| Run | Hier. | SR |" in markdown(tables.table(one, "coesot", "ablation"))
    one = with_terms(made, **dict.fromkeys(made.runs, ()))
    assert "| Run | SR |" in markdown(tables.table(one, "coesot", "ablation"))
    with style.applied():
        assert len(draw_ablation(one, "coesot", "ablation").axes) == 2


def test_ablation_has_corrected_differences(made):
    table = read(made, "ablation").set_index("run")
    distilled = ["hdetrack", "had_ta", "had_sa", "had"]
    difference = table["SR"] - table.loc["student", "SR"]
    np.testing.assert_allclose(table["SR_difference"].drop("student"), difference.drop("student"), atol=1e-12)
    np.testing.assert_allclose(table.loc[distilled, "SR_p_holm"], holm(table.loc[distilled, "SR_p"]))
    assert table.drop(distilled)["SR_p_holm"].isna().all()
    assert np.isnan(table.loc["student", "SR_difference"])


def test_formats_print_the_numbers_of_the_csv(made):
    main, ablation = read(made, "main"), read(made, "ablation")
    for name, table in (("main", main), ("ablation", ablation)):
        for suffix in ("md", "tex"):
            content = text(made, f"{name}_coesot.{suffix}")
            for row in table.itertuples():
                line = next(line for line in content.splitlines() if text_of(row.title) in line)
                plain = re.sub(r"\\textbf|\\underline|[*{}]|</?u>|<sub>.*?</sub>", "", line)
                for score in (row.SR, row.PR, row.NPR):
                    assert f" {score:.3f} " in plain + " "


def test_notes_state_the_conventions(made):
    for kind in ("main", "ablation"):
        for content in (text(made, f"{kind}_coesot.md"), text(made, f"{kind}_coesot.tex")):
            for words in ("21 thresholds", "at 20 px", "at 0.2", "400 resamples", "seed 0", "dropped", "COCO-Object"):
                assert words in content
        assert "COCO-Object" not in text(made, f"{kind}_eventvot.md")
    digests = {re.search(r"Configuration (\w{12})", text(made, f"{kind}_coesot.md"))[1] for kind in KINDS["table"]}
    assert len(digests) == 1


def test_attributes_without_sequences_are_left_out_with_a_note(made):
    table = read(made, "attributes").set_index("attribute")
    assert "BOM" not in table.index
    assert "No test sequence carries BOM" in text(made, "attributes_coesot.md")
    flags = np.load(folder_of(made, "metrics", "coesot", "had", 0) / "curves.npz")
    cm = flags["attribute_flags"][:, 0]
    assert table.loc["CM", "sequences"] == cm.sum()
    wanted = np.mean([read_curves(made, "coesot", "had", seed).overlap[cm].mean() for seed in (0, 1)])
    assert table.loc["CM", "had"] == pytest.approx(wanted, abs=1e-12)
    assert (table["had_low"] <= table["had"]).all()


def test_attributes_of_few_sequences_are_printed_but_not_ranked(made, tmp_path):
    flags = read_attributes(made, "coesot").sum(axis=0)
    few = [name for name, count in flags.items() if 0 < count < made.evaluation.least_sequences]
    assert few
    content = text(made, "attributes_coesot.md")
    assert f"fewer than 5 sequences carry them: {', '.join(few)}." in content
    assert "CM: camera motion (6)" in content
    lines = [[cell.strip() for cell in line.split("|")] for line in content.splitlines() if line.startswith("|")]
    for name, column in zip(lines[0], zip(*lines[2:], strict=True), strict=True):
        if name in flags.index:
            assert any("**" in cell for cell in column) == (name not in few), name


def test_a_label_is_the_files_name(made, tmp_path):
    for benchmark in ("coesot", "coco-object-meeting"):
        stem = tmp_path / f"cost_{benchmark}"
        write_product("table", "cost", experiment=made, benchmark=benchmark, stem=stem)
        assert rf"\label{{tab:cost_{benchmark}}}" in stem.with_suffix(".tex").read_text()
    write_product("table", "cost", experiment=made, benchmark="coesot", stem=tmp_path / "50% of {it}")
    assert r"\label{tab:50--of--it-}" in (tmp_path / "50% of {it}.tex").read_text()


def test_what_is_too_wide_or_too_high_goes_on_with_its_keys_and_nothing_is_lost():
    rows, columns = 90, 30
    data = pd.DataFrame({"run": [f"run {row}" for row in range(rows)]})
    for column in range(columns):
        data[f"c{column}"] = [row / 100 + column for row in range(rows)]
    shown = [Column("run", "Run"), *(Column(f"c{column}", f"C{column}", digits=2) for column in range(columns))]
    content = latex(Table("Large.", data, shown, ["The note."], groups=[40, 50], ranked=[False] * rows), "tab:x")
    floats = content.split(r"\end{table}")[:-1]
    assert len(floats) > 2
    assert content.count(r"\caption") == content.count(r"\label") == content.count("The note.") == 1
    assert "The note." in floats[-1]
    assert content.count("(continued)") == len(floats) - 1
    for row in range(rows):
        cells = [cell for line in content.splitlines() if line.startswith(f"run {row} &")
                 for cell in line.removesuffix(r" \\").split(" & ")[1:]]  # fmt: skip
        assert cells == [f"{row / 100 + column:.2f}" for column in range(columns)]


def test_cost_is_in_units_of_one_in_the_csv_and_readable_in_print(made):
    table = read(made, "cost").set_index("run")
    assert table.loc["teacher", "parameters"] == 1_210_000
    assert list(table.index) == list(made.runs)
    assert "| 1.21 | 0.182 | 205 |" in text(made, "cost_coesot.md")


def test_speeds_of_equal_networks_differ_by_noise_and_cost_says_how_much(made, monkeypatch):
    profile = read_profile(made, "coesot")
    profile.loc[[("had", 0), ("had", 1)], "fps"] *= 1.25
    profile.loc[[("teacher", 0), ("teacher", 1)], "fps"] *= 4  # other work
    monkeypatch.setattr(tables, "read_profile", lambda experiment, benchmark: profile)
    assert tables.table(made, "coesot", "cost").notes[1].endswith("here up to 25 %.")
    profile.loc[:, "macs"] = np.arange(float(len(profile)))
    assert not any("noise" in note for note in tables.table(made, "coesot", "cost").notes)


def test_tables_are_the_same_bytes_again(made, tmp_path):
    for kind in KINDS["table"]:
        write_product("table", kind, experiment=made, benchmark="coco-object-meeting", stem=tmp_path / f"{kind}_coesot")
        for suffix in ("csv", "md", "tex"):
            name = f"{kind}_coesot.{suffix}"
            assert (tmp_path / name).read_bytes() == (made.results / "tables" / name).read_bytes()


def test_best_and_second_among_ranked_rows_and_ties_in_print():
    data = pd.DataFrame({"run": list("abcd"), "SR": [0.50041, 0.5004, 0.4, 0.9]})
    table = Table("T.", data, [Column("run", "Run"), Column("SR", "SR", best=max)], ranked=[True, True, True, False])
    lines = markdown(table).splitlines()[4:8]
    assert lines == ["| a | **0.500** |", "| b | **0.500** |", "| c | <u>0.400</u> |", "| d | 0.900 |"]


def test_latex_escapes_what_it_must():
    data = pd.DataFrame({"run": ["50% & had_ta"], "p": [0.0002]})
    content = latex(Table("A_b.", data, [Column("run", "Run"), Column("p", "p", least=0.001)], ['`x_y`, "z"']), "tab:x")
    assert r"50\% \& had\_ta & $<$ 0.001" in content
    assert r"\texttt{x\_y}, ``z''" in content


def test_a_misspelt_kind_and_missing_results_are_one_sentence(made, tmp_path):
    with pytest.raises(ConfigError, match="'ablation'"):
        write_product("table", "ablations", experiment=made, benchmark="coesot", stem=tmp_path / "x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no file .*profile.csv"):
        write_product(
            "table", "cost", experiment=experiment(tmp_path / "empty"), benchmark="coesot", stem=tmp_path / "x"
        )
    assert not list(tmp_path.glob("x*"))


LONG = [
    "a_very_long_tracker_name_of_more_than_forty_letters_00",
    "Averylongtrackernameofmorethanfortyletterswithoutasign01",
    "W" * 60,
    "a name of words, + their terms (TA + SA), only 20 labelled sequences",
]
needs_pdflatex = pytest.mark.skipif(
    shutil.which("pdflatex") is None, reason="needs pdflatex (Debian: texlive-latex-recommended)"
)


def compiled(folder, inputs):
    """What pdflatex says about a plain article of some tables."""
    source = rf"\documentclass{{article}}\usepackage{{booktabs}}\begin{{document}}{inputs}\end{{document}}"
    (folder / "paper.tex").write_text(source)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout


@needs_pdflatex
def test_tables_compile_in_a_plain_article_without_overfull_boxes(made, tmp_path):
    names = [f"{kind}_{benchmark}" for kind in KINDS["table"] for benchmark in BENCHMARKS]
    said = compiled(tmp_path, "\n".join(rf"\input{{{made.results}/tables/{name}}}\clearpage" for name in names))
    assert "Overfull" not in said


def long_names(columns):
    """A table of long names, with intervals, under one long head and short ones."""
    data = pd.DataFrame({"run": [*LONG, "short"]})
    for column in range(columns):
        data[f"c{column}"], data[f"c{column}_low"], data[f"c{column}_high"] = 0.5, 0.4, 0.6
    shown = [Column(f"c{k}", f"C{k}" if k else LONG[0], interval=True, best=max) for k in range(columns)]
    return Table("T.", data, [Column("run", "Run"), *shown], ranked=[True] * len(data))


@needs_pdflatex
def test_long_names_stay_whole_and_in_their_column(tmp_path):
    content = latex(long_names(12), "tab:x")
    small = latex(long_names(1), "tab:y")  # in larger type
    assert "Overfull" not in compiled(tmp_path, content + small)
    whole = content.replace(r"\allowbreak{}", "").replace(r"\_", "_")
    assert all(whole.count(name) == whole.count(r"\begin{tabular}") + (name == LONG[0]) for name in LONG)


def test_only_what_is_too_long_is_broken_and_ordinary_words_never_are():
    data = pd.DataFrame({"run": ["HDETrack (hierarchical)", LONG[3]]})
    short, long = latex(Table("T.", data, [Column("run", "Run")]), "tab:x").splitlines()[10:12]
    assert short == r"HDETrack (hierarchical) \\"
    assert long == rf"\parbox[t]{{20em}}{{\raggedright {LONG[3]}\strut}} \\"
