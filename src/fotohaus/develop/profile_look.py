"""The camera maker's look in a profile: gain table map, look table, tone curve and RGB tables (DNG 1.7.1, chapter 4).

Unlike the hue/sat map, which belongs to a camera's colour, these say how a picture is to be rendered. They come in this
order, after baseline exposure; what comes out is display-linear light.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.develop.color import REC2020_TO_XYZ
from fotohaus.develop.geometry import Upright, is_stretched, stretch, upright
from fotohaus.develop.profile_tables import (
    PROPHOTO_TO_XYZ,
    apply_hue_sat_map,
    between,
    prophoto_to_rec2020,
    rec2020_to_prophoto,
    total_baseline_exposure,
    without_green,
)
from fotohaus.develop.shading import Shading
from fotohaus.raw.image import RawImage
from fotohaus.raw.profile import GainTableMap, HueSatMap, RgbTable
from fotohaus.raw.temperature import D50, D65, XY, Float64, rgb_to_xyz
from fotohaus.records import record

if TYPE_CHECKING:
    from fotohaus.raw.extras import SemanticMask

Float32 = NDArray[np.float32]

CURVE_ENTRIES = 4097
EXPOSURE_LIMIT = 8.0
"""EV; a baseline exposure beyond is a mistake of the file."""
_PRIMARIES: dict[str, tuple[XY, XY, XY]] = {
    "sRGB": ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)),
    "Adobe RGB": ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)),
    "Display P3": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    "Rec. 2020": ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
}
_GAMMAS = {"linear": (0, 1.0), "sRGB": (1, 1.0), "1.8": (2, 1.8), "2.2": (2, 2.2), "Rec. 2020": (3, 1.0)}


@record
class Curve:
    """A tone curve at even steps from 0 to 1, and the slope by which it goes on above 1."""

    values: Float32
    slope: float


@record
class ProfileLook:
    """A profile's look, ready for an upright, cropped picture; what it does not have is None or empty.

    gains : the gain table's (columns, entries, rows), as they lie over the picture at the places of `grid`.
    masks : for each RGB table the strength of its region on a grid over the picture, None for the background.
    lift : what undoes a negative baseline exposure, which `curve` then has in it.
    """

    gain_table: GainTableMap | None
    gains: Float32
    grid: Shading
    look_table: HueSatMap | None
    curve: Curve | None
    tables: tuple[RgbTable, ...]
    masks: tuple[Shading | None, ...]
    sequential: bool
    hdr: bool
    lift: float = 1.0


def profile_look(raw: RawImage, masks: Sequence[SemanticMask] = ()) -> ProfileLook | None:
    """The look of the raw image's profile; None if it has none.

    masks : the file's semantic masks (`fotohaus.raw.extras.read_extras`), for RGB tables that hold for a region. A
    table whose region is not among them is left out.
    """
    profile = raw.profile
    if profile is None:
        return None
    view = upright(raw, 0)
    known = {mask.name: mask for mask in reversed(masks)}
    tables = () if profile.rgb_tables is None else profile.rgb_tables.tables
    tables = tuple(table for table in tables if not table.mask or table.mask in known)
    if profile.look_table is None and profile.tone_curve is None and profile.gain_table_map is None and not tables:
        return None
    size = raw.mosaic.shape[:2]
    gains, grid = np.ones((1, 1, 1), np.float32), Shading()
    if profile.gain_table_map is not None:
        found = profile.gain_table_map
        grid = _placed(found.gains, found.origin_v, found.origin_h, found.spacing_v, found.spacing_h, size, view)
        grid = _stretched(grid, raw)
        gains = kernels.planar(grid.grid.transpose(1, 2, 0))
    hdr = profile.dynamic_range == "HDR"
    exposure = total_baseline_exposure(raw)
    if not -EXPOSURE_LIMIT <= exposure < 0:
        exposure = 0.0
    return ProfileLook(
        gain_table=profile.gain_table_map,
        gains=gains,
        grid=grid,
        look_table=profile.look_table,
        curve=_curve(profile.tone_curve, exposure, hdr),
        tables=tables,
        masks=tuple(_stretched(_mask(known[t.mask], size, view), raw) if t.mask else None for t in tables),
        sequential=profile.rgb_tables is not None and profile.rgb_tables.method == "sequential",
        hdr=hdr,
        lift=2.0**-exposure,
    )


def apply_profile_look(
    pixels: Float32, look: ProfileLook, *, top: float = 0, left: float = 0, step: float = 1
) -> Float32:
    """Linear Rec. 2020 (H, W, 3), planar float32, at baseline exposure, to display-linear Rec. 2020, in place.

    top, left : where the first pixel lies in the upright, cropped picture. step : how far apart pixels lie there, for a
    picture in small. Every pixel for itself; no margin is needed.
    Tone curves of SDR profiles cut at 1 (and at the gamut of ProPhoto); those of HDR profiles go on above.
    """
    to_prophoto, from_prophoto = without_green(rec2020_to_prophoto()), without_green(prophoto_to_rec2020())
    if look.gain_table is not None:
        (origin_x, origin_y), (step_x, step_y) = look.grid.origin, look.grid.step
        kernels.call(
            "profile_gain_table",
            pixels=pixels,
            to_prophoto=to_prophoto,
            gains=look.gains,
            weights=np.array(look.gain_table.weights, np.float32),
            gamma=look.gain_table.gamma,
            origin_x=origin_x + left * step_x,
            origin_y=origin_y + top * step_y,
            step_x=step * step_x,
            step_y=step * step_y,
            out=pixels,
        )
    if look.lift != 1:
        pixels *= np.float32(look.lift)
    if look.look_table is not None:
        apply_hue_sat_map(pixels, look.look_table, hdr=look.hdr, out=pixels)
    if look.curve is not None:
        kernels.call(
            "profile_tone",
            pixels=pixels,
            to_prophoto=to_prophoto,
            from_prophoto=from_prophoto,
            curve=look.curve.values,
            slope=look.curve.slope,
            hdr=int(look.hdr),
            out=pixels,
        )
    if look.tables:
        _apply_tables(pixels, look, top, left, step)
    return pixels


def _apply_tables(pixels: Float32, look: ProfileLook, top: float, left: float, step: float) -> None:
    height, width = pixels.shape[:2]
    ys, xs = top + step * np.arange(height), left + step * np.arange(width)
    masks = [None if mask is None else mask.sample(ys, xs, 0) for mask in look.masks]
    covered = sum((mask for mask in masks if mask is not None), start=np.zeros((1, 1), np.float32))
    background = 1 - np.minimum(covered, 1)
    source = pixels if look.sequential or len(look.tables) == 1 else kernels.planar(pixels.copy(order="K"))
    for table, mask in zip(look.tables, masks, strict=True):
        weight = background if mask is None else mask
        # The weighted mean, written as what each table changes: sum of w_i (T_i(x) - x), over a sum of at least 1.
        weight = weight if look.sequential else weight / (covered + background)
        to_table, from_table = _table_space(table)
        gamma, power = _GAMMAS[table.gamma]
        kernels.call(
            "profile_rgb_table",
            pixels=source,
            base=pixels,
            weight=np.ascontiguousarray(weight, np.float32),
            to_table=without_green(to_table),
            from_table=without_green(from_table),
            table=kernels.planar(table.table.transpose(1, 2, 0, 3), np.float32),
            gamma=gamma,
            power=power,
            extend=int(table.extend_gamut),
            hdr=int(look.hdr),
            out=pixels,
        )


def _table_space(table: RgbTable) -> tuple[Float64, Float64]:
    """(3, 3) from linear Rec. 2020 to the table's linear RGB, and back."""
    if table.primaries == "ProPhoto":
        forth = between(REC2020_TO_XYZ, D65, PROPHOTO_TO_XYZ, D50)
    else:
        forth = between(REC2020_TO_XYZ, D65, rgb_to_xyz(_PRIMARIES[table.primaries], D65), D65)
    return forth, np.asarray(np.linalg.inv(forth))


def _curve(points: NDArray[np.float32] | None, exposure: float, hdr: bool) -> Curve | None:
    """The tone curve for light before a negative exposure in EV: darkened as Adobe's SDK does it, white staying white.

    The specification leaves open how; light scaled down would leave clipped skies gray (dng_function_exposure_tone). Of
    an HDR profile it is the compressed range that bends, whose end is as bright as can be.
    """
    if exposure >= 0:
        return None if points is None else sample_curve(points, hdr)
    slope = 2.0**exposure
    # From a quarter of white on a parabola, which goes on from there as steeply and ends at white.
    a = 16 / 9 * (1 - slope)
    b = slope - a / 2

    def bent(x: Float64) -> Float64:
        return np.asarray(np.where(x <= 0.25, x * slope, (a * x + b) * x + (1 - a - b)))

    if points is not None:
        return sample_curve(points, hdr, bent)
    values = bent(np.linspace(0, 1, CURVE_ENTRIES))
    return Curve(values.astype(np.float32), 2 * a + b if hdr else 0.0)


def sample_curve(
    points: NDArray[np.float32], hdr: bool = False, before: Callable[[Float64], Float64] | None = None
) -> Curve:
    """A ProfileToneCurve, (n, 2) from 0 on, as a natural cubic spline.

    Outside of its points an SDR profile's curve keeps its ends; an HDR profile's goes on straight above the last.
    before : what its inputs, 0 to 1, go through first.
    """
    x, y = points.astype(np.float64).T
    slopes = _natural_slopes(x, y)
    at = np.linspace(0, 1, CURVE_ENTRIES)
    at = at if before is None else before(at)
    values = _hermite(x, y, slopes, at)
    if hdr:
        values = np.where(at > x[-1], y[-1] + slopes[-1] * (at - x[-1]), values)
    if not hdr or (x[-1] <= 1 and before is None):
        return Curve(values.astype(np.float32), float(slopes[-1]) if hdr else 0.0)
    return Curve(values.astype(np.float32), float(values[-1] - values[-2]) * (CURVE_ENTRIES - 1))


def _natural_slopes(x: Float64, y: Float64) -> Float64:
    """Slopes at the points of the cubic spline whose second derivative is continuous, and 0 at both ends."""
    n = len(x)
    step = np.diff(x)
    rise = np.diff(y) / step
    below, middle, above, right = np.zeros(n), np.ones(n), np.zeros(n), np.zeros(n)
    middle[[0, -1]], above[0], below[-1], right[0], right[-1] = 2, 1, 1, 3 * rise[0], 3 * rise[-1]
    below[1:-1], above[1:-1], middle[1:-1] = step[1:], step[:-1], 2 * (step[1:] + step[:-1])
    right[1:-1] = 3 * (rise[:-1] * step[1:] + rise[1:] * step[:-1])
    for i in range(1, n):
        factor = below[i] / middle[i - 1]
        middle[i] -= factor * above[i - 1]
        right[i] -= factor * right[i - 1]
    slopes = right / middle
    for i in range(n - 2, -1, -1):
        slopes[i] = (right[i] - above[i] * slopes[i + 1]) / middle[i]
    return slopes


def _hermite(x: Float64, y: Float64, slopes: Float64, at: Float64) -> Float64:
    """The spline through points with slopes, its ends' values outside."""
    at = np.clip(at, x[0], x[-1])
    i = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
    width = x[i + 1] - x[i]
    t = (at - x[i]) / width
    return np.asarray(
        (1 + 2 * t) * (1 - t) ** 2 * y[i]
        + t * (1 - t) ** 2 * width * slopes[i]
        + t * t * (3 - 2 * t) * y[i + 1]
        + t * t * (t - 1) * width * slopes[i + 1]
    )


def _mask(mask: SemanticMask, size: tuple[int, ...], view: Upright) -> Shading:
    values = mask.whole()[..., None]
    rows, columns = values.shape[:2]
    # The centres of the mask's pixels are the grid's points.
    return _placed(values, 0.5 / rows, 0.5 / columns, 1 / rows, 1 / columns, size, view)


def _stretched(grid: Shading, raw: RawImage) -> Shading:
    """A grid over the samples as it lies over a picture that is made of oblong ones."""
    if not is_stretched(raw):
        return grid
    axes = zip(grid.origin, grid.step, stretch(raw)[::-1], strict=True)
    (origin_x, step_x), (origin_y, step_y) = ((o + (0.5 / s - 0.5) * step, step / s) for o, step, s in axes)
    return Shading(grid.grid, (origin_x, origin_y), (step_x, step_y))


def _placed(
    grid: Float32,
    origin_v: float,
    origin_h: float,
    spacing_v: float,
    spacing_h: float,
    size: tuple[int, ...],
    view: Upright,
) -> Shading:
    """A (points_v, points_h, n) grid over the active area of `size`, in fractions of it, as it lies over the view."""
    axes = []
    for count, origin, spacing, (start, step) in (
        (size[1], origin_h, spacing_h, view.columns),
        (size[0], origin_v, spacing_v, view.rows),
    ):
        scale = 1 / (spacing * count) if spacing > 0 else 0.0
        first = (0.5 / count - origin) / spacing if spacing > 0 else 0.0
        axes.append((first + start * scale, step * scale))
    if view.transposed:
        grid, axes = grid.swapaxes(0, 1), axes[::-1]
    (origin_x, step_x), (origin_y, step_y) = axes
    return Shading(np.ascontiguousarray(grid), (origin_x, origin_y), (step_x, step_y))
