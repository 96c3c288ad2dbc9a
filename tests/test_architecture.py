"""Imports only ever point downwards: the floors of the house, held against the import statements."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

HAD = Path(__file__).resolve().parents[1] / "had"
NAMES = (
    "analysis",
    "base",
    "evaluation",
    "experiment",
    "network",
    "neutral",
    "recordings",
    "rows",
    "tracking",
    "training",
)
OPTIONS = {"options", *(f"options.{name}" for name in NAMES)}
GROUND = OPTIONS | {"box_text", "boxes", "config", "device", "errors", "files", "progress", "structures", "terminal"}
GROUND |= {
    "checksums",
    "csv_cells",
    "identity",
    "numerals",
    "numpy_files",
    "pointers",
    "run_database",
    "shipped",
    "yaml_text",
    "data.annotation_layouts",
    "data.layouts",
}
"""Needs nothing above; the layouts are facts without code."""
FLOORS = [{"data", "models", "losses", "experiment"}, {"training", "tracking"}, {"evaluation"}]
"""Rooms of one floor do not know one another."""
ROOF = {"films", "explanations", "cli"}
VERBS = ("analysis", "download", "evaluate", "options", "page", "plan", "training", "verify", "weights")
ROOF |= {f"cli_{name}" for name in VERBS}
ROOF |= {"plan", *(f"plan.{name}" for name in ("jobs", "networks", "recordings", "report", "space"))}
EVALUATION_READS = {
    "data.annotation_doubts",
    "data.annotation_folders",
    "data.sequences",
    "data.frames",
    "data.representations",
}
"""All that the evaluation takes from the floors below, beside the ground."""


def modules() -> list[str]:
    names = (path.relative_to(HAD).with_suffix("").as_posix().replace("/", ".") for path in HAD.rglob("*.py"))
    return sorted(name.removesuffix(".__init__") for name in names if name != "__init__")


def imports(module: str) -> set[str]:
    """Absolute names of everything that a module imports, wherever the statement stands."""
    path = HAD / module.replace(".", "/")
    source = path.with_suffix(".py") if path.with_suffix(".py").is_file() else path / "__init__.py"
    found = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def inside(module: str) -> set[str]:
    """Modules of `had` that a module imports."""
    known, result = set(modules()), set()
    for name in imports(module):
        if name.startswith("had."):
            inner = name.removeprefix("had.")
            result.add(inner if inner in known else inner.rpartition(".")[0])
    return result - {""}


def height(module: str) -> int:
    if module in GROUND:
        return 0
    if module in ROOF:
        return len(FLOORS) + 1
    room = module.partition(".")[0]
    heights = [number for number, floor in enumerate(FLOORS, start=1) if room in floor]
    assert heights, f"had/{module} stands on no floor: say in this test where it belongs"
    return heights[0]


@pytest.mark.parametrize("module", modules())
def test_imports_point_downwards(module):
    room = module.partition(".")[0]
    for other in inside(module):
        if module in GROUND:
            assert other in GROUND, f"had.{module} (ground) imports had.{other}"
        elif other not in GROUND and other.partition(".")[0] != room:
            wrong = f"had.{module} imports had.{other}"
            assert height(other) < height(module) or module in ROOF, wrong
            if room == "evaluation":
                assert other in EVALUATION_READS, wrong


def test_no_files_import_each_other_in_a_circle():
    """Inside of functions, too."""
    arrows = {module: inside(module) - {module} for module in modules()}
    assert set(TopologicalSorter(arrows).static_order()) == set(arrows)  # CycleError names a circle's files


def test_nobody_imports_the_command_line():
    users = {module for module in modules() if "cli" in inside(module)}
    assert not users


@pytest.mark.parametrize("module", [m for m in modules() if m.startswith("evaluation")])
def test_evaluation_knows_no_network_and_no_tracker_of_experiments(module):
    assert not {name.partition(".")[0] for name in imports(module)} & {"torch", "mlflow"}


def test_two_files_talk_to_mlflow():
    users = {m for m in modules() if any(n.partition(".")[0] == "mlflow" for n in imports(m))}
    assert users == {"experiment", "run_database"}


@pytest.mark.parametrize("path", sorted(HAD.rglob("*.py")), ids=lambda path: path.relative_to(HAD).as_posix())
def test_no_file_is_too_long_or_silent(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), f"{path.name} does not say what it is for"


def test_the_test_sees_the_arrows():
    assert {"config", "options.recordings", "errors"} <= inside("cli")
    assert "tracking.tracker" in inside("tracking.run")
