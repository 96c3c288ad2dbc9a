"""Any YAML is a configuration whose jobs can be planned, or one sentence."""

from contextlib import suppress
from pathlib import Path

import yaml
from hypothesis import given
from hypothesis import strategies as st

from had.config import dump, load
from had.errors import HadError
from had.evaluation.products import applicable
from had.identity import run_digest
from had.yaml_text import mapping
from tests.fuzz.budget import fuzzed

CONFIG = Path(__file__).resolve().parents[2] / "config"
FILES = sorted(CONFIG.glob("*.yaml"))
PIECES = [
    "~",
    "'",
    '"',
    "{",
    "}",
    "[",
    "]",
    ": ",
    "- ",
    "&a ",
    "*a",
    "<<: *a",
    "!!int ",
    "!!set ",
    "!!timestamp ",
    "\n",
    "\t",
]
PIECES += [
    "9" * 5000,
    "0x" + "f" * 5000,
    "1e999",
    ".nan",
    "-.inf",
    "2024-13-45",
    "12:30:45",
    "\x00",
    "\ud7ff",
    "'\\ud800'",
]
PIECES += ["[" * 500, "seeds: [0]\n", "---\n", "? ", "|\n", "%YAML 9.9\n", "null", "yes", "\u2028", "\ufeff"]
numbers = st.integers() | st.floats() | st.sampled_from([2**31, 2**63, 2**64, 10**30, -1, 0, 1e-300])
texts = st.text(max_size=20) | st.sampled_from(
    ["", ".", "..", "/", "~nobody", "a" * 300, "a/b", "1e-300", "0x10", "student"]
)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts | numbers, inner, max_size=3),
    max_leaves=6,
)


def use(text: str) -> None:
    """What is accepted is written and read again the same, and all its rows and products can be named."""
    try:
        experiment = load(mapping(text, "a text"))
    except HadError:
        return
    assert load(mapping(dump(experiment), "what was written")) == experiment
    for benchmark in experiment.benchmarks:
        for run in experiment.runs:
            for seed in experiment.seeds_of(run)[:2]:
                run_digest(experiment, benchmark=benchmark, run=run, seed=seed)
        applicable("table", experiment, benchmark)


@st.composite
def damaged(draw) -> str:
    """A shipped configuration with pieces put in, taken out or repeated."""
    text = draw(st.sampled_from(FILES)).read_text(encoding="utf-8")
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(text)))
        end = min(len(text), begin + draw(st.sampled_from([0, 0, 1, 5, 40])))
        piece = draw(st.sampled_from(PIECES) | st.text(max_size=3) | st.just(text[begin:end] * 2))
        text = text[:begin] + piece + text[end:]
    return text


@st.composite
def replaced(draw) -> str:
    """A shipped configuration with other values, anywhere."""
    content = yaml.safe_load(draw(st.sampled_from(FILES)).read_text(encoding="utf-8"))
    for _ in range(draw(st.integers(1, 3))):
        place = content
        while True:
            key = draw(
                st.sampled_from(list(place)) | texts if isinstance(place, dict) else st.sampled_from(range(len(place)))
            )
            inner = place.get(key) if isinstance(place, dict) else place[key]
            if not isinstance(inner, dict | list) or not inner or draw(st.integers(0, 3)) == 0:
                break
            place = inner
        place[key] = draw(values)
    try:
        return yaml.safe_dump(content, allow_unicode=True)
    except ValueError:  # numbers that Python does not write
        return ""


@fuzzed
@given(text=damaged())
def test_a_damaged_file_is_used_or_refused(text):
    use(text)


@fuzzed
@given(text=replaced())
def test_other_values_are_used_or_refused(text):
    use(text)


@fuzzed
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-16")))
def test_any_bytes_are_used_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content)
    with suppress(HadError):
        load(path)
