"""What lies beside the package goes into its wheel, too (`had.shipped`); all else is in pyproject.toml."""

import runpy
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

FILES = runpy.run_path("had/shipped.py")["FILES"]


class WithShippedFiles(build_py):
    """Copies them to had/shipped_files; an editable installation finds them in the checkout."""

    def run(self):
        super().run()
        target = Path(self.build_lib) / "had" / "shipped_files"
        for name in () if self.editable_mode else FILES:
            if Path(name).is_dir():
                shutil.copytree(name, target / name, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(name, target / name)


setup(cmdclass={"build_py": WithShippedFiles})
