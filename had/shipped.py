"""Files of the project beside the package: in a checkout where they are, else in the installed package (setup.py)."""

from __future__ import annotations

from pathlib import Path

FILES = ("config", "notebooks", "profiles", "workflow", "Snakefile")
"""What is installed with the package."""
_CHECKOUT = Path(__file__).resolve().parents[1]
_INSTALLED = Path(__file__).resolve().parent / "shipped_files"
FOLDER = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
"""Where they are."""


def shipped(path: Path | str) -> Path:
    """The path itself where there is something, else the shipped file of that name, if there is one.

    Example:
        >>> shipped("config/smoke.yaml").is_file()  # in any folder
        True
    """
    path = Path(path)
    other = FOLDER / path
    inside = not path.is_absolute() and ".." not in path.parts and path.parts[:1] and path.parts[0] in FILES
    return other if inside and not path.exists() and other.exists() else path
