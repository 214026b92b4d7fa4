"""Axial chromatic aberration: coloured fringes of strong edges, where a lens blurs red and blue more than green."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fotohaus import kernels
from fotohaus.develop.demosaic import demosaic
from fotohaus.develop.linear_rows import LinearRows
from fotohaus.develop.linearize import linearize
from fotohaus.develop.mosaic_rows import MosaicRows
from fotohaus.develop.shading import Shading
from fotohaus.kernels.defringe_units import BRIGHT, CELL, CONTRAST, FITS, MEASURED, MOMENTS, POOL, TILE
from fotohaus.raw.image import Rectangle
from fotohaus.records import record
from fotohaus.report import Report
from fotohaus.smoothstep import smoothstep

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

MARGIN = 24
"""Pixels around a pixel that have a say in it."""

LEAST, LEAST_SHARPER = 0.25, 0.4
"""Blur of a colour on top of green's, and sharpness, as shares of its edges' contrast, below which it is left alone."""
EXPLAINED, RED_EXPLAINED = 0.3, 0.6
"""Share of what green leaves unexplained that one blur for all edges has to explain; where red alone is blurred."""
MOST_WINDOWS = 0.6
"""Share of the windows in which it has to explain anything."""
FAINT = 0.7
"""How much of all that is enough, where faint fringes count."""
SURE = 4.0
"""Errors that the blur must differ from nothing by."""
SECOND = 0.1, 2.0
"""Share and errors that do for a colour, if the other one is plain and it says the same."""

_OVERVIEW = 16384  # pixels of the picture in small in which strong edges are looked for
_WINDOWS, _SIZE, _AROUND = 12, 64, 8  # looked at in full, px along their sides, and px around them
_FEWEST, _LEAST_EDGES = 3, 1.0  # windows, and boxes with an edge
_BOX = 4  # cells along the side of a box that has one line
_MOST = 1.5  # of any blur
_STEPS, _LITTLE = 8, 0.005  # of the fit, and what a blur of 1 costs it, of all boxes' variance


@record
class Defringe:
    """What `defringe` has to know: made by `prepare_defringe`.

    blur : (2, 2), for red and for blue how much of the narrow and of the wide blur of green they have on top of
    green's own. clip : (3,), where white-balanced camera values saturate. strength : (2,), of red and blue.
    """

    blur: Float32
    clip: Float32
    strength: Float32

    def rows(
        self, source: MosaicRows | LinearRows, top: int, bottom: int, columns: tuple[int, int] | None = None
    ) -> Float32:
        """White-balanced camera RGB of the source, without fringes; the same whatever rows are asked for."""
        height = (source.view.samples if isinstance(source, MosaicRows) else source.samples).shape[0]
        first, last = max(0, top - MARGIN) // CELL * CELL, min(height, bottom + MARGIN)
        camera = source.rows(first, last, np.eye(3), columns)
        with source.report.stage("defringe"):
            return defringe(camera, self, crop=Rectangle(top - first, 0, bottom - top, camera.shape[1]))


def clip_levels(source: MosaicRows | LinearRows) -> Float32:
    """(3,) white-balanced camera values at which red, green and blue saturate; enormous where nothing does."""
    if isinstance(source, LinearRows):
        return np.full(3, 1e9, np.float32) if source.clip is None else source.clip.astype(np.float32)
    if source.highlights is None:
        return np.full(3, 1e9, np.float32)
    levels = ((source.highlights.saturation - source.black) * source.scale).ravel()
    return np.array([min(v for v, name in zip(levels, source.cfa, strict=True) if name == n) for n in "RGB"], "f4")


def prepare_defringe(
    source: MosaicRows | LinearRows, report: Report | None = None, *, faint: bool = False
) -> Defringe | None:
    """Whether a picture has fringes, and how wide: None where red and blue are as sharp as green, or may be.

    In windows of full resolution with the strongest edges of the picture, red and blue are explained by green and by
    what blurring green would add to it (see `fit_blur`). faint : whether faint fringes count, which are hard
    to tell from colours.
    """
    report = report or Report()
    places = _windows(source)
    if len(places) < _FEWEST:
        return None
    clip = clip_levels(source)
    found = fit_blur(_stacked(source, places), clip, len(places))
    if found is None:
        return None
    real = _believed(found, faint)
    if not real.any():
        return None
    blur = found.blur * real[:, None]
    named = [
        f"{name} {size:+.2f}" for name, size, ok in zip(("red", "blue"), blur.sum(axis=1), real, strict=True) if ok
    ]
    report.note(f"fringes of strong edges: blur of {', '.join(named)}")
    return Defringe(blur.astype(np.float32), clip, real.astype(np.float32))


@record
class Blur:
    """What edges say of red's and of blue's blur.

    blur : (2, 2), for red and for blue how much of the narrow and of the wide blur of green they have on top of
    green's own. error : (2,), of each colour's two together. share : (2,), of what green alone leaves unexplained of
    the colour, how much these blurs explain. windows : (2,), in which share of the windows they explain anything.
    """

    blur: Float64
    error: Float64
    share: Float64
    windows: Float64


def _believed(found: Blur, faint: bool) -> NDArray[np.bool_]:
    """(2,), which of red and blue are blurred otherwise than green.

    A lens blurs all edges alike. Colours that differ, noise and whatever clipping leaves can be fitted by some blur,
    too, but then each edge by another: the one that all share explains little. faint : less of it all will do.
    """
    size, part = found.blur.sum(axis=1), FAINT if faint else 1.0
    sure = np.abs(size) / np.maximum(found.error, 1e-3)
    agree = bool(
        size[0] * size[1] > 0
        and np.abs(size).min() > part * LEAST / 2
        and found.share.min() > part * SECOND[0]
        and sure.min() > SECOND[1]
    )
    enough = np.array([RED_EXPLAINED if size[0] > 0 and not agree else EXPLAINED, EXPLAINED])
    clear = (sure > SURE) & np.where(size > 0, size > part * LEAST, size < -part * LEAST_SHARPER)
    clear &= (found.share > part * enough) & (found.windows > MOST_WINDOWS)
    return np.asarray(clear | (agree & clear.any()))


def _windows(source: MosaicRows | LinearRows) -> list[tuple[int, int]]:
    """(top, left) in the view of windows with strong edges, strongest first; all even."""
    crop = source.crop
    size = _SIZE + 2 * _AROUND
    if min(crop.height, crop.width) < 2 * size:
        return []
    small = source.small(_OVERVIEW)
    green = np.maximum(small.rows(0, small.crop.height, np.eye(3))[..., 1], 1e-4)
    down, across = crop.height // _SIZE, crop.width // _SIZE
    rows = np.arange(green.shape[0]) * down // green.shape[0]
    columns = np.arange(green.shape[1]) * across // green.shape[1]

    # Where each window begins; np.unique would import numpy.ma, for as long as all of this takes.
    first_row, first_column = (np.flatnonzero(np.diff(n, prepend=-1)) for n in (rows, columns))

    def by_window(what: np.ufunc) -> Float32:
        tall = what.reduceat(green, first_row, axis=0)
        return np.asarray(what.reduceat(tall, first_column, axis=1))

    high, low = by_window(np.maximum), by_window(np.minimum)
    score = _edge(high, low) * np.minimum(high, 1)
    best = np.argsort(-score, axis=None, kind="stable")[: 2 * _WINDOWS]
    best = best[score.flat[best] > 0.05]
    # Every second one: less of a single object.
    best = best[:: max(1, len(best) // _WINDOWS)][:_WINDOWS]
    tops, lefts = np.unravel_index(best, score.shape)
    places = []
    for i, j in zip(tops.tolist(), lefts.tolist(), strict=True):
        top = crop.top + rows[first_row[i]] * crop.height // down - _AROUND
        left = crop.left + columns[first_column[j]] * crop.width // across - _AROUND
        top = min(max(int(top), crop.top), crop.top + crop.height - size)
        left = min(max(int(left), crop.left), crop.left + crop.width - size)
        places.append((top // 2 * 2, left // 2 * 2))
    return places


def _edge(high: Float32, low: Float32) -> Float32:
    # Values below black, which a damaged frame has nothing but, are no edge.
    contrast = np.log(np.maximum(high, np.float32(1e-4)) / (low + np.float32(0.004)))
    return smoothstep(contrast, *np.log(CONTRAST)) * smoothstep(high, *BRIGHT)


def _stacked(source: MosaicRows | LinearRows, places: list[tuple[int, int]]) -> Float32:
    """The windows side by side: camera RGB without lens shading or rebuilt highlights."""
    size = _SIZE + 2 * _AROUND
    if isinstance(source, LinearRows):
        return np.concatenate([source.rows(t, t + size, np.eye(3), (x, x + size)) for t, x in places], axis=1)
    samples = np.concatenate([source.view.samples[t : t + size, x : x + size] for t, x in places], axis=1)
    return demosaic(linearize(samples, source.black, source.scale, Shading()), source.cfa)


def fit_blur(pixels: Float32, clip: ArrayLike, windows: int) -> Blur | None:
    """How much of two blurs of green red and blue have on top of green's.

    pixels : (h, windows * w, 3) camera RGB, white-balanced, windows side by side. In boxes of 16 px, a colour is
    c + a (green + k1 (green blurred by 1 px - green) + k2 (green blurred by 2.5 px - green)): least squares with one k1
    and k2 for all boxes, c and a of each its own. Pixels are weighed by their light, boxes by how strong an edge they
    have and by the colour's variance; what clips, or is beside that, has no say. Errors are those of leaving windows
    out. None where there are no edges.
    """
    height, width = pixels.shape[0] // CELL, pixels.shape[1] // windows // CELL
    moments = np.empty((MEASURED, height, windows * width), np.float32)
    kernels.call(
        "defringe_measured",
        pixels=kernels.planar(pixels, np.float32),
        clip=np.ascontiguousarray(clip, np.float32),
        moments=moments.transpose(1, 2, 0),
    )
    inner = _AROUND // CELL
    down, across = ((n - 2 * inner) // _BOX for n in (height, width))
    cells = moments.reshape(MEASURED, height, windows, width).swapaxes(1, 2)
    cells = cells[:, :, inner : inner + down * _BOX, inner : inner + across * _BOX]
    boxes = cells.reshape(MEASURED, windows, down, _BOX, across, _BOX)
    green = boxes[19]
    edge = _edge(green.max(axis=(2, 4)), np.maximum(green.min(axis=(2, 4)), 1e-4)).astype(np.float64).ravel()
    if not edge.sum() > _LEAST_EDGES:
        return None
    m = boxes.mean(axis=(3, 5), dtype=np.float64).reshape(MEASURED, -1)
    e = m[1:] / np.maximum(m[0], 1e-9)
    mean, second, order = e[:3], np.empty((e.shape[1], 3, 3)), iter(e[3:9])
    for i in range(3):
        for j in range(i, 3):
            second[:, i, j] = second[:, j, i] = next(order) - mean[i] * mean[j]
    second[:, range(3), range(3)] *= 1.0001
    second[:, range(3), range(3)] += (1e-5 * mean[0] ** 2 + 1e-8)[:, None]
    value = np.stack([e[9:13], e[13:17]])
    with_green = np.moveaxis(value[:, 1:] - value[:, :1] * mean, 1, 2)
    variance = np.maximum(e[-2:] - value[:, 0] ** 2, 0)
    weight = edge / (variance + 1e-3 * value[:, 0] ** 2 + 1e-9)

    little = _LITTLE * edge.sum() * np.eye(2)
    blur = np.zeros((2, 2))
    for _ in range(_STEPS):
        slope, curve = (part.sum(axis=1) for part in _ascent(blur, weight, second, with_green))
        step = np.linalg.solve(curve + little, (slope - blur @ little)[..., None])[..., 0]
        blur = np.clip(blur + step, -_MOST, _MOST)
    # One step from the whole's answer is as far as one window is away.
    boxwise = _ascent(blur, weight, second, with_green)
    parts = [part.reshape(2, windows, -1, *part.shape[2:]).sum(axis=2) for part in boxwise]
    slope, curve = (part.sum(axis=1, keepdims=True) - part for part in parts)
    left_out = np.linalg.solve(curve + little, (slope - (blur @ little)[:, None])[..., None])[..., 0].sum(axis=2)
    alone = _explained(np.zeros((2, 2)), second, with_green)
    by_window = (weight * (_explained(blur, second, with_green) - alone)).reshape(2, windows, -1).sum(axis=2)
    share = by_window.sum(axis=1) / np.maximum((weight * (variance - alone)).sum(axis=1), 1e-9)
    return Blur(blur, np.sqrt((windows - 1) * left_out.var(axis=1)), share, (by_window > 0).mean(axis=1))


def _explained(blur: Float64, second: Float64, with_green: Float64) -> Float64:
    """(2, boxes), of the variance of red and of blue: by green, blurred so."""
    mix = np.insert(blur, 0, 1.0, axis=1)
    square = np.einsum("ci,nij,cj->cn", mix, second, mix)
    return np.asarray(np.einsum("cni,ci->cn", with_green, mix) ** 2 / np.maximum(square, 1e-12))


def _ascent(blur: Float64, weight: Float64, second: Float64, with_green: Float64) -> tuple[Float64, Float64]:
    """By how much more of each box would be explained: slope, (2, boxes, 2), and Gauss and Newton's curvature of it."""
    mix = np.insert(blur, 0, 1.0, axis=1)
    mixed = np.einsum("nij,cj->cni", second, mix)
    square = np.maximum(np.einsum("cni,ci->cn", mixed, mix), 1e-12)
    line = np.maximum(np.einsum("cni,ci->cn", with_green, mix) / square, 0)
    slope = (weight * line)[..., None] * (with_green - line[..., None] * mixed)[..., 1:]
    rest = second[:, 1:, 1:] - mixed[..., 1:, None] * mixed[..., None, 1:] / square[..., None, None]
    return slope, (weight * line**2)[..., None, None] * rest


def defringe(pixels: Float32, found: Defringe, *, crop: Rectangle | None = None) -> Float32:
    """Red and blue as sharp as green along strong edges: (H, W, 3) white-balanced camera RGB to (h, w, 3) float32.

    Where there are no strong edges, where green clips, and in green itself nothing changes. A colour becomes no more
    and no less red or blue than some colour within 10 px. crop : the part to make; a pixel depends on those within
    `MARGIN`, and on how it lies to the first one, in steps of `CELL`. Pixels in planes are changed where they lie.
    """
    height, width = pixels.shape[:2]
    crop = crop or Rectangle(0, 0, height, width)
    if min(crop.top, crop.left) < 0 or crop.top + crop.height > height or crop.left + crop.width > width:
        raise ValueError(f"crop {crop} is not within the picture's {width} x {height}")
    pixels = kernels.planar(pixels, np.float32)
    clip, blur = found.clip, found.blur
    rows, columns = -(-height // CELL), -(-width // CELL)
    edges = np.empty((rows, columns), np.float32)
    kernels.call("defringe_edges", pixels=pixels, edges=edges)

    # Cells are made in tiles where there are edges within a cell of one, or what these need.
    strong, reach = edges > 0, POOL[1]
    top, bottom = crop.top // CELL, -(-(crop.top + crop.height) // CELL)
    made = max(0, top - 1), min(rows, bottom + 1)
    needed = max(0, made[0] - reach), min(rows, made[1] + reach)
    room = tuple(-(-n // size) * size + size for n, size in zip((rows, columns), TILE[::-1], strict=True))
    moments, fits = (kernels.empty((*room, count)) for count in (MOMENTS, FITS))
    tiles = _tiles(strong, 1 + reach, *needed)
    kernels.call("defringe_moments", pixels=pixels, clip=clip, tiles=tiles, moments=moments)
    moments, fits_made = moments[:rows, :columns], fits[:rows, :columns]
    kernels.call("defringe_fits", moments=moments, clip=clip, blur=blur, tiles=_tiles(strong, 1, *made), fits=fits)
    kernels.call(
        "defringe",
        pixels=pixels,
        edges=edges,
        fits=fits_made,
        clip=clip,
        blur=blur,
        strength=found.strength,
        tiles=_tiles(strong, 1, top, bottom),
        fixed=pixels,
    )
    return pixels[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]


def _tiles(mask: NDArray[np.bool_], by: int, top: int, bottom: int) -> NDArray[np.int32]:
    """(n, 2), x and y of the cells that tiles begin with in which something of the mask is within `by` cells.

    Tiles are counted from row `top` on, up to `bottom`.
    """
    across, down = TILE
    tops = range(top, bottom, down)
    wide = np.zeros((len(tops), -(-mask.shape[1] // across) * across), bool)
    for i, first in enumerate(tops):
        mask[max(0, first - by) : min(first + down, bottom) + by].any(axis=0, out=wide[i, : mask.shape[1]])
    cells = wide.reshape(len(tops), -1, across)
    found: NDArray[np.bool_] = np.asarray(cells.any(axis=2))
    found[:, 1:] |= cells[:, :-1, -by:].any(axis=2)
    found[:, :-1] |= cells[:, 1:, :by].any(axis=2)
    rows, columns = found.nonzero()
    places = np.empty((rows.size + 1, 2), np.int32)[:-1]  # NumPy gives what is made empty no strides
    places[:, 0], places[:, 1] = columns * across, top + rows * down
    return places
