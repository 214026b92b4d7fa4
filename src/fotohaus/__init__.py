"""Fotohaus: raw frames from any camera in, one finished photo out.

>>> import fotohaus as fh
>>> frames = fh.read(["a.dng", "b.dng", "c.dng"])  # doctest: +SKIP
>>> merged = fh.merge(frames)  # doctest: +SKIP
>>> scene = fh.develop(merged)  # doctest: +SKIP
>>> picture = fh.render(scene)  # doctest: +SKIP
>>> fh.write(picture, "photo.jpg")  # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

# develop and render name a verb and its room at once: importing the verb from the (light) room here keeps the verb.
from fotohaus.develop import develop
from fotohaus.render import render

if TYPE_CHECKING:
    from fotohaus.burst.merge import merge
    from fotohaus.develop.scene import Scene
    from fotohaus.errors import FotohausError, MergeError, ReadError, WriteError
    from fotohaus.memory import keep_memory
    from fotohaus.output.embedded import read_recipe
    from fotohaus.output.write import write
    from fotohaus.raw.describe_file import describe
    from fotohaus.raw.image import RawImage
    from fotohaus.raw.sources import read
    from fotohaus.recipe import Recipe
    from fotohaus.render.picture import Picture
    from fotohaus.report import Report

__version__ = "0.1.0"

_HOME = {
    "merge": "burst",
    "read": "raw",
    "describe": "raw",
    "write": "output",
    "read_recipe": "output",
    "RawImage": "raw.image",
    "Scene": "develop.scene",
    "Picture": "render.picture",
    "Recipe": "recipe",
    "Report": "report",
    "keep_memory": "memory",
    **dict.fromkeys(("FotohausError", "ReadError", "MergeError", "WriteError"), "errors"),
}

__all__ = [
    "FotohausError",
    "MergeError",
    "Picture",
    "RawImage",
    "ReadError",
    "Recipe",
    "Report",
    "Scene",
    "WriteError",
    "describe",
    "develop",
    "keep_memory",
    "merge",
    "read",
    "read_recipe",
    "render",
    "write",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import fotohaus` costs nothing."""
    if name not in _HOME:
        raise AttributeError(f"module 'fotohaus' has no attribute {name!r}")
    return getattr(import_module(f"fotohaus.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    """What there is to use, imported or not: a notebook completes names by it."""
    return sorted({*globals(), *__all__})
