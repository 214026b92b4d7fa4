"""Hatchling build hook: compiles the Halide kernels into one shared library inside the package."""

import runpy
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class KernelBuildHook(BuildHookInterface):
    """Compiles the kernels, for `pip install .`, `pip install -e .` and `python -m build` alike."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        build = runpy.run_path(str(root / "src/fotohaus/kernels/build.py"))
        build["build"](root / "build" / "kernels")
        # The library has a plain C interface and no tie to CPython's: one wheel serves every Python 3.
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform}"
        build_data["pure_python"] = False
