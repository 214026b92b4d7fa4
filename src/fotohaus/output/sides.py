"""How large a picture a format holds."""

from __future__ import annotations

from fotohaus.errors import WriteError


def check_sides(kind: str, shape: tuple[int, int], most: int) -> None:
    """WriteError for a picture (H, W) with a side above `most` px."""
    height, width = shape
    if max(shape) > most:
        raise WriteError(None, f"{kind} can't be larger than {most} pixels a side, this is {width} x {height}")
