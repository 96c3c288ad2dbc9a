"""YAML that would be a traceback, an endless job or another value than was written: one sentence before any job."""

import sys
import time

import pytest

from had import cli
from had.config import load
from had.errors import ConfigError
from had.options.experiment import Experiment

PLAIN = "runs: {s: {title: S}}\nbenchmarks: {coesot: {simulation: {}}}\n"


def chain(begin: str, link: str, length: int) -> str:
    """Lines that repeat the one before: `a0: &a0 ...`, `a1: &a1 ... *a0 ...`."""
    return begin + "".join(f"a{k}: &a{k} {link.replace('LAST', f'*a{k - 1}')}\n" for k in range(1, length))


TEXTS = {
    "lists in lists": ("a: " + "[" * 500 + "]" * 500, "more than 40 values inside one another"),
    "keys in keys": ("a: " + "{a: " * 5000 + "}" * 5000, "more than 40 values inside one another"),
    "indented": ("\n".join(" " * k + "a:" for k in range(900)), "more than 40 values inside one another"),
    "depth by aliases": (chain("a0: &a0 [x]\n", "[LAST]", 3000), "more than 40 values inside one another"),
    "aliases of aliases": (chain("a0: &a0 [x, x]\n", "[" + "LAST," * 10 + "]", 12), "more than 100,000 values"),
    "merges of merges": (chain("a0: &a0 {k: v}\n", "{<<: [" + "LAST," * 10 + "]}", 12), "more than 100,000 values"),
    "itself": ("a: &a [*a]", "an alias inside of what it stands for"),
    "5,000 digits": (f"{PLAIN}seeds: [{'9' * 5000}]", "a number of 5,000 characters.*line 3"),
    "hexadecimal digits": (f"{PLAIN}seeds: [0x{'f' * 9000}]", "a number of 9,002 characters"),
    "sexagesimal digits": (f"{PLAIN}losses: {{l1: {'59:' * 5000}59.5}}", "a value that is none"),
    "thirteenth month": (f"{PLAIN}results: 2024-13-45", "a value that is none.*month"),
    "no time": (f"{PLAIN}results: !!timestamp x", "a value that is none"),
    "empty number": (f"{PLAIN}results: !!int ''", "a value that is none"),
    "no truth value": (f"{PLAIN}results: !!bool x", "a value that is none"),
    "code": (f"{PLAIN}results: !!python/object/apply:os.system [x]", "could not determine a constructor"),
    "a key in two spellings": ("1: a\n0x1: b\n", "'0x1' a second time.*line 2"),
    "a key that is a number": (f"{PLAIN}1: 2", "keys should be strings"),
    "a date": (f"{PLAIN}results: 2024-01-01", "results: .*path"),
    "seed of 70 bits": (f"{PLAIN}seeds: [1180591620717411303424]", r"seeds.*2\^63"),
    "seed of 64 bits": (f"{PLAIN}run_seeds: {{s: [9223372036854775808]}}", r"seeds.*2\^63"),
    "negative seed": (f"{PLAIN}evaluation: {{seed: -1}}", "evaluation.seed.*greater"),
    "yes as a seed": (f"{PLAIN}seeds: [yes]", "seeds: input should be no yes or no"),
    "yes as a seed of a run": (f"{PLAIN}run_seeds: {{s: [true]}}", "run_seeds: input should be no yes or no"),
    "yes as a number": (f"{PLAIN}losses: {{l1: on}}", "losses.l1: input should be no yes or no"),
    "huge": (f"{PLAIN}training: {{student: {{samples: 99999999999}}}}", "training.student.samples: .*1e.09"),
    "huge side": (f"{PLAIN}crops: {{search_size: 16000000}}", "crops.search_size: .*4096"),
    "narrow sensor": (PLAIN.replace("{}", "{width: 4096, height: 64}"), "one is more than 4 times the other"),
    "starts of one name": (f"{PLAIN}tracking: {{starts: {{scales: [0.8, 0.8000001]}}}}", "scales name one twice"),
    "tiny": (f"{PLAIN}losses: {{l1: 1e-300}}", "losses.l1: .*1e-09 to 1e.09"),
    "escape": (f'{PLAIN}results: "a\\x1b[31m"', "results: input should be text that can be printed"),
    "zero byte": (f'{PLAIN}external: {{x: "a\\0"}}', "external: input should be text that can be printed"),
    "half a character": (f'{PLAIN}results: "\\ud800"', "results: input should be text that can be printed"),
    "nobody's home": (f"{PLAIN}results: ~nobody_of_this_name/x", "results: .*user behind `~`"),
    "a variable": (f"{PLAIN}results: $HOME/x", "results: .*`~` for the home folder"),
    "two lines": (f'{PLAIN}results: "a\\nb"', "results: input should be a path of one line without tabs, got"),
    "a tab": (f'{PLAIN}external: {{x: "a\\tb"}}', "external.*: input should be a path of one line without tabs"),
    "a brace": (f"{PLAIN}results: 'a{{b'", "results: input should be a path without braces"),
    "long name": (f"runs: {{{'a' * 300}: {{title: S}}}}", "runs|benchmarks"),
    "long name of a file": (f"runs: [{'a' * 3000}]\n", "runs: a list of different names"),
    "path as a name": ("runs: [../../x]\n", "runs: a list of different names"),
    "name of the products": ("runs: {products: {title: S}}\nbenchmarks: {coesot: {simulation: {}}}", "'products'"),
    "regime without a name": (f"{PLAIN}regimes: {{'': {{title: few}}}}", "a regime without a name"),
}


@pytest.mark.parametrize("text", TEXTS)
def test_one_sentence_at_once(tmp_path, text):
    content, message = TEXTS[text]
    (tmp_path / "a.yaml").write_text(content)
    begin = time.monotonic()
    with pytest.raises(ConfigError, match=message) as error:
        load(tmp_path / "a.yaml")
    assert time.monotonic() - begin < 5
    assert len(str(error.value)) < 2000
    assert "\n" not in str(error.value)


def test_a_file_of_endless_size_is_refused(tmp_path):
    (tmp_path / "a.yaml").write_text("# x\n" * 200_000)
    with pytest.raises(ConfigError, match="at most 500,000 bytes of YAML"):
        load(tmp_path / "a.yaml")


def test_the_home_folder_stands_for_its_sign_in_every_path_of_a_configuration(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    start = {"training": {"initial_weights": "~/start.pth"}}
    source = {"root": "~/data", "baselines": "~/curves.npz"}
    content = {"results": "~/results", "published": "~/scores.csv", "external": {"other": "~/theirs"}}
    content |= {"runs": {"s": {"title": "S", **start}}, "benchmarks": {"coesot": source}}
    one: Experiment = load(content)
    (benchmark,) = one.benchmarks.values()
    paths = [one.results, one.published, one.external["other"], benchmark.root, benchmark.baselines]
    paths.append(one.resolve("s").training.initial_weights)
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [
        "results", "scores.csv", "theirs", "data", "curves.npz", "start.pth",
    ]  # fmt: skip


def test_the_home_folder_stands_for_its_sign_on_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text(PLAIN)
    monkeypatch.setattr(sys, "argv", ["had", "config", "~/a.yaml"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 0
    for arguments in (["inspect", "~nobody_of_this_name/a.csv"], ["config", "~nobody_of_this_name"]):
        monkeypatch.setattr(sys, "argv", ["had", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert end.value.code == 2
        assert "the name of a user behind `~`" in capsys.readouterr().err
