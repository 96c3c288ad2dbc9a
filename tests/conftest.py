"""Fixtures that several tests share."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real recordings, annotations and reference numbers; the product works without it."""
    folder = Path(os.environ.get("HAD_SHARED", REPOSITORY.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"needs real recordings and known scores: no folder {folder} (set HAD_SHARED)")
    return folder
