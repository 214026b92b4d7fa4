"""Room output: nouns to files, and the recipe back out of them."""

from fotohaus.output.atomic import check_target
from fotohaus.output.embedded import read_recipe
from fotohaus.output.write import HOLDS, write

__all__ = ["HOLDS", "check_target", "read_recipe", "write"]
