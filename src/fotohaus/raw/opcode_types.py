"""The opcodes of DNG 1.7.1 (chapter 7) as data; what each does is said there, and in one line here.

Positions: `area` and everything that counts pixels is relative to the image of the list: the active area for lists 2
and 3. Optical centres are fractions (x, y) of the way from the first pixel's centre to the last one's.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw.rectangle import Rectangle
from fotohaus.records import record

OPTIONAL, FULL_QUALITY_ONLY = 1, 2


class _Flagged:
    """flags : bit 0, a reader may skip it; bit 1, it may be skipped in previews."""

    flags: int

    @property
    def optional(self) -> bool:
        """Whether the file allows a reader to skip it."""
        return bool(self.flags & OPTIONAL)


@record(kw_only=True)
class _Opcode(_Flagged):
    """What every known opcode has; dng_version is the one that it needs."""

    opcode_id: ClassVar[int]
    dng_version: int = 0x01030000
    flags: int = OPTIONAL


@record
class AreaOpcode(_Opcode):
    """Works on every row_pitch-th row and col_pitch-th column of an area, in planes plane <= p < plane + planes."""

    area: Rectangle
    row_pitch: int
    col_pitch: int
    plane: int
    planes: int

    @property
    def rows(self) -> slice:
        """The rows that it works on."""
        return slice(self.area.top, self.area.top + self.area.height, self.row_pitch)

    @property
    def columns(self) -> slice:
        """The columns that it works on."""
        return slice(self.area.left, self.area.left + self.area.width, self.col_pitch)


@record
class _RadialWarp(_Opcode):
    """coefficients : per plane, or one set for all."""

    coefficients: tuple[tuple[float, ...], ...]
    center: tuple[float, float]


class WarpRectilinear(_RadialWarp):
    """Moves pixels radially and tangentially: kr0, kr1, kr2, kr3, kt0, kt1."""

    opcode_id = 1


class WarpFisheye(_RadialWarp):
    """Moves pixels of a fisheye to perspective: kr0, kr1, kr2, kr3."""

    opcode_id = 2


@record
class WarpRectilinear2(_Opcode):
    """Moves pixels by a polynomial of degree 14: per plane kr0 .. kr14, kt0, kt1.

    valid : per plane (or one for all) the least and largest radius, between which the radius is clamped.
    reciprocal : the radius is divided by the polynomial instead of multiplied. If this opcode is optional, a
    WarpRectilinear or WarpFisheye right after it is for older readers and must be skipped.
    """

    opcode_id = 14
    coefficients: tuple[tuple[float, ...], ...]
    valid: tuple[tuple[float, float], ...]
    center: tuple[float, float]
    reciprocal: bool


@record
class FixVignetteRadial(_Opcode):
    """Multiplies by 1 + k0 r^2 + k1 r^4 + ... + k4 r^10, r being 1 at the corner farthest from the centre."""

    opcode_id = 3
    coefficients: tuple[float, ...]
    center: tuple[float, float]


@record
class FixBadPixelsConstant(_Opcode):
    """Interpolates over the pixels of a mosaic that have one value; bayer_phase 0 to 3: it begins with R, Gr, Gb, B."""

    opcode_id = 4
    constant: int
    bayer_phase: int


@record
class FixBadPixelsList(_Opcode):
    """Interpolates over the listed pixels (n, 2: row, column) and rectangles (n, 4: top, left, bottom, right)."""

    opcode_id = 5
    bayer_phase: int
    points: NDArray[np.int64]
    rectangles: NDArray[np.int64]


@record
class TrimBounds(_Opcode):
    """Cuts the image to an area; opcodes that follow count from its corner."""

    opcode_id = 6
    area: Rectangle


@record
class MapTable(AreaOpcode):
    """Looks samples, as 16-bit integers, up in a table whose last entry holds for all above."""

    opcode_id = 7
    table: NDArray[np.uint16]


@record
class MapPolynomial(AreaOpcode):
    """Puts samples through a polynomial, constant term first; in lists 2 and 3 samples are 0 to 1."""

    opcode_id = 8
    coefficients: tuple[float, ...]


@record
class GainMap(AreaOpcode):
    """A lens-shading map: gains on a grid over the image, interpolated bilinearly.

    `area` and the pitches say which pixels the map multiplies, relative to the mosaic (already cropped to the active
    area); origin and spacing are fractions of the image's size. gains has shape (points_v, points_h, map_planes).
    """

    opcode_id = 9
    origin_v: float
    origin_h: float
    spacing_v: float
    spacing_h: float
    gains: NDArray[np.float32]


@record
class _PerLine(AreaOpcode):
    """values : one for every row, or column, that it works on."""

    values: NDArray[np.float32]


class DeltaPerRow(_PerLine):
    """Adds a number to every row."""

    opcode_id = 10


class DeltaPerColumn(_PerLine):
    """Adds a number to every column."""

    opcode_id = 11


class ScalePerRow(_PerLine):
    """Multiplies every row by a number."""

    opcode_id = 12


class ScalePerColumn(_PerLine):
    """Multiplies every column by a number."""

    opcode_id = 13


@record
class OtherOpcode(_Flagged):
    """An opcode that fotohaus does not know, or an optional one that is damaged: carried through, never applied."""

    opcode_id: int
    dng_version: int
    flags: int
    data: bytes


Warp = WarpRectilinear | WarpFisheye | WarpRectilinear2
PerLine = DeltaPerRow | DeltaPerColumn | ScalePerRow | ScalePerColumn
Opcode = (
    GainMap
    | WarpRectilinear
    | WarpFisheye
    | WarpRectilinear2
    | FixVignetteRadial
    | FixBadPixelsConstant
    | FixBadPixelsList
    | TrimBounds
    | MapTable
    | MapPolynomial
    | DeltaPerRow
    | DeltaPerColumn
    | ScalePerRow
    | ScalePerColumn
    | OtherOpcode
)
