"""The lens opcodes of DNG 1.7.1 (chapter 7) as functions of places: where a corrected pixel comes from, and its gain.

Places are columns and rows of the sensor's active area, whole numbers at the pixels' centres. Where the specification
leaves half a pixel open, these do as Adobe's SDK does: the optical centre is a fraction of the image's width and height
(not of what lies between the centres of its first and last pixel), and radii end at the corner of the image. Of oblong
pixels (`aspect`: height over width), distances are those in the picture that is made of them, as in Adobe's SDK.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw.opcode_types import FixVignetteRadial, GainMap, Warp, WarpFisheye, WarpRectilinear
from fotohaus.raw.rectangle import Rectangle
from fotohaus.records import record

Float64 = NDArray[np.float64]
Places = tuple[Float64, Float64]
"""Columns and rows, two arrays of one shape."""


@record
class Circle:
    """The optical centre of an image, and the distance from it to the farthest corner, in px' widths."""

    x: float
    y: float
    radius: float
    aspect: float = 1.0


def circle(center: tuple[float, float], image: Rectangle, aspect: float = 1.0) -> Circle:
    """Where radii count from and what they count in; center : fractions of the image's width and height."""
    x, y = center[0] * image.width, center[1] * image.height
    far_x, far_y = max(abs(x), abs(image.width - x)), max(abs(y), abs(image.height - y))
    return Circle(image.left + x, image.top + y, max(float(np.hypot(far_x, far_y * aspect)), 1e-6), aspect)


def _from_center(about: Circle, places: Places) -> tuple[Float64, Float64, Float64]:
    """Offsets from the centre in units of the radius, and the squares of their lengths.

    These go a little beyond 1, for what lies just outside of the image and is interpolated with.
    """
    x, y = (places[0] - about.x) / about.radius, (places[1] - about.y) * (about.aspect / about.radius)
    return x, y, np.minimum(x * x + y * y, min((1 + 40 / about.radius) ** 2, 1.5))


def radial_ratio(warp: Warp, plane: int, r2: Float64) -> Float64:
    """By what a radius is multiplied to find where a pixel of the corrected picture comes from.

    plane : counted from 0; where the opcode has fewer coefficient sets, the last one. r2 : squares of radii, 0 to 1.
    """
    index = min(plane, len(warp.coefficients) - 1)
    k = warp.coefficients[index]
    match warp:
        case WarpRectilinear():
            return np.asarray(k[0] + r2 * (k[1] + r2 * (k[2] + r2 * k[3])))
        case WarpFisheye():
            r = np.sqrt(np.maximum(r2, 1e-18))
            angle = np.arctan(r)
            a2 = angle * angle
            return np.asarray(angle * (k[0] + a2 * (k[1] + a2 * (k[2] + a2 * k[3]))) / r)
    low, high = warp.valid[index]
    terms = np.trim_zeros(np.asarray(k[:15]), "b")
    ratio = np.polynomial.polynomial.polyval(np.sqrt(r2).clip(low, high), terms if terms.size else np.zeros(1))
    if not warp.reciprocal:
        return np.asarray(ratio)
    return np.asarray(1 / np.where(np.abs(ratio) < 1e-6, 1e-6, ratio))


def source_places(warp: Warp, image: Rectangle, plane: int, places: Places, aspect: float = 1.0) -> Places:
    """Where in the image before a warp the places of the image after it come from."""
    about = circle(warp.center, image, aspect)
    x, y, r2 = _from_center(about, places)
    ratio = radial_ratio(warp, plane, r2)
    source_x, source_y = x * ratio, y * ratio
    k = () if isinstance(warp, WarpFisheye) else warp.coefficients[min(plane, len(warp.coefficients) - 1)][-2:]
    if any(k):
        both = 2 * x * y
        source_x = source_x + k[0] * both + k[1] * (r2 + 2 * x * x)
        source_y = source_y + k[1] * both + k[0] * (r2 + 2 * y * y)
    return about.x + about.radius * source_x, about.y + about.radius / aspect * source_y


def moves(warp: Warp) -> bool:
    """Whether a warp is anything else than the identity."""
    if isinstance(warp, WarpFisheye):
        return True
    return any(k[0] != 1 or any(k[1:]) for k in warp.coefficients)


def vignette_gain(opcode: FixVignetteRadial, image: Rectangle, places: Places, aspect: float = 1.0) -> Float64:
    """Gain at places. Here, other than for warps, the SDK counts from the image's corner to the pixel's centre."""
    _, _, r2 = _from_center(circle(opcode.center, image, aspect), (places[0] + 0.5, places[1] + 0.5))
    return np.asarray(np.polynomial.polynomial.polyval(r2, (1.0, *opcode.coefficients)))


def map_gain(opcode: GainMap, image: Rectangle, plane: int, places: Places) -> Float64:
    """Gain of a map at places: bilinear between its points, the border's value outside."""
    gains = opcode.gains[..., min(plane - opcode.plane, opcode.gains.shape[2] - 1)].astype(np.float64)
    at = []
    for axis, (place, start, length, origin, spacing) in enumerate((
        (places[1], image.top, image.height, opcode.origin_v, opcode.spacing_v),
        (places[0], image.left, image.width, opcode.origin_h, opcode.spacing_h),
    )):  # fmt: skip
        position = (((place - start + 0.5) / length - origin) / (spacing or 1)).clip(0, gains.shape[axis] - 1)
        low = position.astype(np.intp)
        at.append((low, np.minimum(low + 1, gains.shape[axis] - 1), position - low))
    (up, down, v), (left, right, h) = at
    upper = gains[up, left] * (1 - h) + gains[up, right] * h
    lower = gains[down, left] * (1 - h) + gains[down, right] * h
    return np.asarray(upper * (1 - v) + lower * v)


def covers(opcode: Any, image: Rectangle) -> bool:
    """Whether an opcode with an area works on every pixel of an image."""
    area = opcode.area
    reaches = area.top + area.height >= image.height and area.left + area.width >= image.width
    return bool(area.top <= 0 and area.left <= 0 and reaches and opcode.row_pitch == 1 and opcode.col_pitch == 1)
