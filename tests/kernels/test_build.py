"""What the build of the kernels takes for changed."""

import pytest

from fotohaus.kernels import build


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("from fotohaus.kernels.steps import Steps", ["steps.py"]),
        ("from fotohaus.kernels import shaded, steps as s", ["shaded.py", "steps.py"]),
        ("import fotohaus.kernels.steps", ["steps.py"]),
        ("import os, fotohaus.kernels.steps as s", ["steps.py"]),
        ("def later():\n    from fotohaus.kernels.steps import (\n        Steps,\n    )", ["steps.py"]),
        ("from . import steps", ["steps.py"]),
        ("from .steps import Steps", ["steps.py"]),
        ("from ..kernels.steps import Steps", ["steps.py"]),
        ("from .. import srgb", ["srgb.py"]),
        ("from fotohaus.srgb import encode_srgb", ["srgb.py"]),
        ("# from fotohaus.kernels.steps import Steps", []),
        ("import halide as hl\nfrom steps import Steps", []),
    ],
)
def test_imports_of_every_form_are_seen(line, names):
    assert [path.name for path in build._modules(f"{line}\n")] == names


def test_imports_of_imports_are_seen_once(tmp_path):
    source = tmp_path / "some_gen.py"
    source.write_text("from fotohaus.kernels.denoise_cells_gen import *\n")
    found = [path.name for path in build._imported(source, [])]
    assert found == sorted(set(found))
    assert {"denoise_cells_gen.py", "shaded.py", "common.py", "common_raw.py"} <= set(found)
