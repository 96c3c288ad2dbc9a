"""The reference set: where it is, and a table of the worst error in each of its files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
LINES = pytest.StashKey[list]()

EXACT, ROUNDED = 1e-9, 1e-6
"""Largest error of a float64 run over an array's largest value: stored as float64; stored or computed as float32."""


class Reference:
    """The set's facts and arrays."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.manifest = json.loads((folder / "manifest.json").read_text())
        self.seed = self.manifest["seed"]

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """The arrays of one fixture."""
        with np.load(self.folder / self.manifest["fixtures"][name]["file"], allow_pickle=False) as file:
            return {key: file[key] for key in file.files}

    def keys(self, size: str) -> dict:
        """Names, shapes and counts of the official networks' parameters."""
        return json.loads((self.folder / self.manifest["state_dict_keys"][size]).read_text())


class Comparison:
    """Collects the errors of one fixture; each value over its tolerance, so that at most 1 is right."""

    def __init__(self, reference: Reference, fixture: str, precision: str):
        self.facts = reference.manifest["fixtures"][fixture]
        self.wanted = reference.arrays(fixture)
        self.fixture, self.precision = fixture, precision
        self.ratios: dict[str, float] = {}

    def add(self, name: str, got, *, tolerance: float | None = None, rounded: bool = False) -> None:
        """Hold a result against the array ``name``.

        Args:
            got: the result, of the stored shape.
            tolerance: absolute; None: by the precision of the run and of the stored array, and integers and
                booleans must be equal.
            rounded: the value was computed in float32 somewhere in the official code.
        """
        want = self.wanted[name]
        got = np.asarray(got.detach().cpu() if hasattr(got, "detach") else got)
        assert got.shape == want.shape, f"{self.fixture}: {name} has shape {got.shape}, expected {want.shape}"
        if want.dtype.kind not in "fc" and tolerance is None:
            assert np.array_equal(got, want), f"{self.fixture}: {name} differs"
            self.ratios[name] = 0.0
            return
        error = np.abs(got.astype(np.float64) - want.astype(np.float64))
        if tolerance is None and self.precision == "float64":
            tolerance = (ROUNDED if rounded or want.dtype == np.float32 else EXACT) * max(np.abs(want).max(), 1e-12)
        elif tolerance is None:
            facts = self.facts["arrays"][name]
            tolerance = facts["atol_suggested_f32"] + self.facts["rtol_suggested"] * np.abs(want)
        assert np.isfinite(got).all() or not np.isfinite(want).all(), f"{self.fixture}: {name} is not finite"
        self.ratios[name] = float(np.max(error / tolerance)) if want.size else 0.0


@pytest.fixture(scope="session")
def reference() -> Reference:
    """The set of HAD_REFERENCE, or the one beside the repository."""
    folder = Path(os.environ.get("HAD_REFERENCE") or REPOSITORY.parent / "shared" / "reference" / "had_official")
    if not (folder / "manifest.json").is_file():
        pytest.skip(f"needs the reference numbers: no {folder / 'manifest.json'} (set HAD_REFERENCE)")
    return Reference(folder)


@pytest.fixture
def compare(reference, request) -> Iterator:
    """``compare(fixture, precision)`` opens a comparison; at the test's end each must have errors within bounds."""
    opened: list[Comparison] = []

    def begin(fixture: str, precision: str = "float64") -> Comparison:
        opened.append(Comparison(reference, fixture, precision))
        return opened[-1]

    yield begin
    lines = request.config.stash.setdefault(LINES, [])
    for comparison in opened:
        assert comparison.ratios, f"{comparison.fixture}: nothing was compared"
        worst = max(comparison.ratios, key=lambda name: comparison.ratios[name])
        lines.append(
            (comparison.fixture, comparison.precision, comparison.ratios[worst], worst, len(comparison.ratios))
        )
    wrong = [
        f"{c.fixture} ({c.precision}): {name} is {ratio:.3g} tolerances off"
        for c in opened
        for name, ratio in c.ratios.items()
        if not ratio <= 1
    ]
    assert not wrong, "\n".join(wrong)


def pytest_terminal_summary(terminalreporter, config) -> None:
    """A line a fixture file and precision."""
    lines = config.stash.get(LINES, [])
    if not lines:
        return
    terminalreporter.section("worst error of each reference file, in tolerances (at most 1)")
    for fixture, precision, ratio, worst, count in lines:
        terminalreporter.write_line(f"{fixture + '.npz':30} {precision:8} {ratio:9.2e}  {worst} ({count} arrays)")
