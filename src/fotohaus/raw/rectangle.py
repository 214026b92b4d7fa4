"""A rectangle of pixels."""

from __future__ import annotations

from fotohaus.records import record


@record
class Rectangle:
    """Pixels top <= y < top + height, left <= x < left + width."""

    top: int
    left: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """The rectangle as a pair of array slices."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)
