"""Names and titles of others in every table and figure: shown as they are, whatever a format makes of their letters."""

import csv
import html
import io
import re
import warnings

import pytest
from synthetic import PreparedSequence, experiment, write_baselines, write_results

from had.evaluation import style
from had.evaluation.figures import scenes
from had.evaluation.latex_text import escaped
from had.evaluation.markdown_text import cell
from had.evaluation.products import KINDS, write_product

TITLES = {
    "teacher": "$x^2_{$ \\frac{ 100% #1 & <b>bold</b> | `code` [a](javascript:b)",
    "student": "_hidden_ *stars* ~~gone~~ &amp; <!-- x",
    "hdetrack": "=cmd|' /C calc'!A0",
    "had": "\U0001f680 大 é",
}
SEQUENCES = ["a$b$c", "50%_^{}\\", "<img src=x>", "-1+1", "$\\int$"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Results with hostile titles, trackers and sequences."""
    folder = tmp_path_factory.mktemp("results")
    tracker = "_own.x-"
    evaluation = {"resamples": 20, "comparisons": [["had", "student"], ["student", tracker]], "least_sequences": 1}
    one = experiment(
        folder / "r",
        runs=list(TITLES),
        seeds=[0, 1],
        external={tracker: str(folder / tracker)},
        evaluation=evaluation,
        benchmarks={"coesot": {"baselines": str(folder / "baselines.npz")}},
        tracking={"starts": {}},
    )
    runs = {name: run.model_copy(update={"title": TITLES[name]}) for name, run in one.runs.items()}
    one = one.model_copy(update={"runs": runs})
    patch = pytest.MonkeyPatch()
    patch.setattr("synthetic.annotations", _renamed(patch))
    truth = write_results(one, "coesot", sequences=len(SEQUENCES), frames=12)
    patch.undo()
    write_baselines(folder / "baselines.npz", [annotation.name for annotation in truth], ("$A_{", "_B", "<C>"))
    return one, truth


def _renamed(patch):
    import synthetic

    original = synthetic.annotations

    def annotations(*arguments, **options):
        found = original(*arguments, **options)
        for annotation, name in zip(found, SEQUENCES, strict=True):
            annotation.name = name
        return found

    return annotations


@pytest.mark.parametrize("kind", KINDS["figure"])
def test_every_figure_is_drawn(made, kind, tmp_path, monkeypatch):
    one, truth = made
    monkeypatch.setitem(style._SETTINGS, "savefig.dpi", 40)
    monkeypatch.setattr(scenes, "load_split", lambda folder, split: [PreparedSequence(one) for one in truth])
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*legend.*")
        write_product("figure", kind, experiment=one, benchmark="coesot", stem=tmp_path / "x")
    assert (tmp_path / "x.pdf").stat().st_size > 1000


@pytest.mark.parametrize("kind", KINDS["table"])
def test_every_table_shows_the_names(made, kind, tmp_path):
    one = made[0]
    write_product("table", kind, experiment=one, benchmark="coesot", stem=tmp_path / "x")
    markdown, latex = ((tmp_path / f"x.{end}").read_text(encoding="utf-8") for end in ("md", "tex"))
    assert not re.search(r"<(b|i|img|!--|C)\b|<!--", markdown)
    for text in (markdown, latex):
        assert "\x1b" not in text
    columns = {line.count("|") - line.count(r"\|") for line in markdown.splitlines() if line.startswith("|")}
    assert len(columns) <= 2  # a table, and the block below it
    assert not re.search(r"(?<!\\)[#^~]|(?<!\\)&(?! )", latex.replace(r"\textasciicircum{}", "").replace("[t]", ""))
    assert latex.isascii() or set(latex) <= set(map(chr, range(0x180)))
    assert latex.count("{") - latex.count(r"\{") == latex.count("}") - latex.count(r"\}")
    rows = list(csv.reader(io.StringIO((tmp_path / "x.csv").read_text(encoding="utf-8"))))
    assert len({len(row) for row in rows}) == 1
    for row in rows:
        for value in row:
            if value.startswith(("=", "+", "-", "@", "\t", "\r")):
                float(value)


@pytest.mark.parametrize("text", [*list(TITLES.values())[:3], *SEQUENCES])
def test_markdown_says_the_text_again(text):
    unescaped = re.sub(r"\\([\\|`*~$\[\]_])|&(\w+);", lambda found: found[1] or html.unescape(found[0]), cell(text))
    assert unescaped == text


def test_latex_names_letters_that_it_does_not_know():
    assert escaped("é \U0001f680\nΔ") == r"é [U+1F680] $\Delta$"
