"""Room output: nouns to files, and the recipe back out of them."""

from typing import TYPE_CHECKING, Any

from fotohaus.output.atomic import check_target
from fotohaus.output.write import HOLDS, write

if TYPE_CHECKING:
    from fotohaus.output.embedded import read_recipe

__all__ = ["HOLDS", "check_target", "read_recipe", "write"]


def __getattr__(name: str) -> Any:
    """Import the reader when it is first used: who develops a photo rarely needs it."""
    if name != "read_recipe":
        raise AttributeError(f"module 'fotohaus.output' has no attribute {name!r}")
    from fotohaus.output.embedded import read_recipe

    return read_recipe
