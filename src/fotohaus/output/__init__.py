"""Output: nouns to files, and the recipe back out of them."""

from fotohaus.output.embedded import read_recipe
from fotohaus.output.write import HOLDS, write

__all__ = ["HOLDS", "read_recipe", "write"]
