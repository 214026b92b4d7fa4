"""Hue/sat/value tables of camera profiles: the part of a profile that is colour (DNG 1.7.1, chapter 6)."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.develop.color import REC2020_TO_XYZ
from fotohaus.raw.image import RawImage
from fotohaus.raw.lights import of_three, weights
from fotohaus.raw.profile import CameraProfile, HueSatMap
from fotohaus.raw.temperature import D50, D65, XY, Float64, adaptation, rgb_to_xyz

Float32 = NDArray[np.float32]

PROPHOTO_TO_XYZ = rgb_to_xyz(((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)), D50)
"""ROMM RGB, ISO 22028-2: DNG's "ProPhoto", its white D50."""


def between(source: Float64, source_white: XY, target: Float64, target_white: XY) -> Float64:
    """(3, 3) from one linear RGB to another by linear Bradford, rows scaled to sum to 1: neutrals stay neutral.

    source, target : matrices from RGB to XYZ.
    """
    matrix = np.linalg.inv(target) @ adaptation(source_white, target_white) @ source
    return np.asarray(matrix / matrix.sum(axis=1, keepdims=True))


@cache
def rec2020_to_prophoto() -> Float64:
    """(3, 3) from linear Rec. 2020 (D65) to linear ProPhoto (D50)."""
    return between(REC2020_TO_XYZ, D65, PROPHOTO_TO_XYZ, D50)


@cache
def prophoto_to_rec2020() -> Float64:
    """The inverse of `rec2020_to_prophoto`."""
    return np.asarray(np.linalg.inv(rec2020_to_prophoto()))


def without_green(matrix: Float64) -> Float32:
    """A matrix whose rows sum to 1 as the kernels take it: what red and blue differ from green by, (3, 2)."""
    if np.abs(matrix.sum(axis=1) - 1).max() > 1e-5:
        raise ValueError("a matrix between colour spaces must keep neutrals: its rows must sum to 1")
    return np.ascontiguousarray(matrix[:, [0, 2]], np.float32)


def hue_sat_map_at(profile: CameraProfile | None, white: XY) -> HueSatMap | None:
    """The profile's hue/sat/value table for a white; None if it has none.

    Two or three tables are interpolated with the weights of the calibrations that they belong to; a single one holds
    for every white. Tables of several shapes, which DNG does not allow, leave the first alone.
    """
    maps = () if profile is None else profile.hue_sat_maps
    if profile is None or not maps:
        return None
    if len(maps) == 1 or len({m.shifts.shape for m in maps}) > 1:
        return maps[0]
    made = profile.calibrations
    # As in Adobe's SDK, where two lights of one temperature leave the first matrix alone, but not the first of 3 maps.
    mixed = of_three if len(maps) == 3 else weights
    parts = mixed([c.illuminant for c in made], [c.white_xy for c in made], white)
    shifts = sum(np.float64(part) * m.shifts for part, m in zip(parts, maps, strict=True))
    return HueSatMap(np.asarray(shifts, np.float32), maps[0].encoding)


def apply_hue_sat_map(
    pixels: Float32,
    table: HueSatMap,
    *,
    hdr: bool = False,
    gain: float = 1.0,
    to_prophoto: Float64 | None = None,
    out: Float32 | None = None,
) -> Float32:
    """Linear Rec. 2020 (H, W, 3), planar float32, with a table applied in linear ProPhoto; the same again.

    hdr : whether the profile's dynamic range is "HDR". gain : factor on the result, 2^EV of baseline exposure: hue/sat
    maps come before it, the look table after. to_prophoto : (3, 3) from what `pixels` are to linear ProPhoto, rows
    summing to 1, if they are not Rec. 2020 (white-balanced camera values, say). out : where to write; may be `pixels`.

    Every pixel for itself; no margin is needed. The table is trilinear, hue wraps around, saturation is held to 1.
    Value is not cut at 1 as for display: above 1 it takes the outermost entries. What lies outside of ProPhoto's gamut
    is carried past the table. (DNG 1.7.1, chapter 6, "Applying the Hue/Saturation/Value Mapping Table"; the encodings
    are those of ProfileHueSatMapEncoding and ProfileDynamicRange.)
    """
    out = kernels.empty(pixels.shape) if out is None else out
    shifts = table.shifts
    if shifts.shape[2] == 1:
        shifts = np.repeat(shifts, 2, axis=2)
    # Kernels see [saturation, hue, value, i].
    arguments = {
        "pixels": kernels.planar(pixels),
        "to_prophoto": without_green(rec2020_to_prophoto() if to_prophoto is None else to_prophoto),
        "from_prophoto": without_green(prophoto_to_rec2020()),
        "gain": gain,
        "table": kernels.planar(shifts.transpose(1, 2, 0, 3), np.float32),
        "out": out,
    }
    if shifts.shape[0] == 1:
        kernels.call("profile_hue_sat", **arguments)
    else:
        kernels.call("profile_hue_sat_value", encoded=int(table.encoding == "sRGB"), hdr=int(hdr), **arguments)
    return out


def total_baseline_exposure(raw: RawImage) -> float:
    """Baseline exposure in EV: the camera's and the profile's offset to it (DNG 1.7.1, BaselineExposureOffset)."""
    return raw.color.baseline_exposure + (0.0 if raw.profile is None else raw.profile.baseline_exposure_offset)
