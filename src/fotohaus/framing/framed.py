"""A rendition in its frame: made strip by strip like the picture that it holds, its gain map framed with it."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fotohaus.framing.layout import Layout, Mark, lay_out
from fotohaus.framing.shelf import load_template
from fotohaus.framing.words import words
from fotohaus.raw.image import CaptureInfo
from fotohaus.recipe import Recipe
from fotohaus.render import color
from fotohaus.render.gain_map import GainMap, Triple
from fotohaus.render.picture import Gamut, Picture, Rendition
from fotohaus.report import Report

Float64 = NDArray[np.float64]
Paint = Callable[[Float64], NDArray[Any]]
"""Colours (..., 3), sRGB-encoded 0 ... 1, as samples of a picture."""


class Canvas:
    """A layout's paper and ink in a picture's own samples. `paint` says how a colour is written there."""

    def __init__(self, layout: Layout, paint: Paint) -> None:
        self.layout = layout
        paper = _rgb(layout.paper)
        self._paper = paint(paper)
        self._inked = [(mark, paint(_blend(paper, mark))) for mark in layout.marks]

    def rows(self, top: int, bottom: int, picture: Callable[[int, int], NDArray[Any]]) -> NDArray[Any]:
        """Rows of the framed picture, (bottom - top, W, C). `picture(top, bottom)` makes rows of what it holds."""
        layout = self.layout
        first, last = max(top, layout.top) - layout.top, min(bottom, layout.top + layout.picture[0]) - layout.top
        held = picture(first, last) if first < last else None
        if held is not None and held.shape[:2] == (bottom - top, layout.shape[1]):
            return held
        out = np.empty((bottom - top, layout.shape[1], len(self._paper)), self._paper.dtype)
        out[:] = self._paper
        if held is not None:
            at = layout.top + first - top
            out[at : at + len(held), layout.left : layout.left + layout.picture[1]] = held
        for mark, ink in self._inked:
            above, left, below, right = mark.box
            start, end = max(above, top), min(below, bottom)
            if start < end:
                out[start - top : end - top, left:right] = ink[start - above : end - above]
        return out


def _rgb(name: str) -> Float64:
    return np.array([int(name[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def _blend(paper: Float64, mark: Mark) -> Float64:
    """Ink over paper. Type is drawn for encoded values: in linear light thin strokes fade."""
    share = mark.mask[..., None] / 255
    return np.asarray(paper * (1 - share) + _rgb(mark.color) * share)


def paint_16(gamut: Gamut) -> Paint:
    """Colours as 16-bit samples of a gamut, at whole steps of 8 bits."""

    def paint(rgb: Float64) -> NDArray[np.uint16]:
        if gamut != "srgb":
            matrix = np.linalg.solve(color.rgb_to_xyz(gamut), color.rgb_to_xyz("srgb"))
            rgb = color.encode_srgb((color.decode_srgb(rgb) @ matrix.T).clip(0, 1))
        return (np.rint(rgb * 255) * 257).astype(np.uint16)

    return paint


def paint_light(rgb: Float64) -> NDArray[np.float32]:
    """Colours as linear light in Rec. 2020's primaries, SDR white at 1."""
    matrix = np.linalg.solve(color.rgb_to_xyz("rec2020"), color.rgb_to_xyz("srgb"))
    return np.asarray(color.decode_srgb(rgb) @ matrix.T, np.float32)


class Framed:
    """A rendition with paper and type around it; a `Rendition` itself."""

    def __init__(self, inside: Rendition, layout: Layout) -> None:
        self.inside, self.layout = inside, layout
        self._canvas = Canvas(layout, paint_16(inside.gamut))
        self._lock = threading.Lock()

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, the frame's too."""
        return self.layout.shape

    @property
    def gamut(self) -> Gamut:
        """The primaries."""
        return self.inside.gamut

    @property
    def recipe(self) -> Recipe:
        """What made it."""
        return self.inside.recipe

    @property
    def capture(self) -> CaptureInfo:
        """The capture's facts."""
        return self.inside.capture

    def rows(self, top: int, bottom: int) -> NDArray[np.uint16]:
        """Rows of the whole, from `top` to before `bottom`: (bottom - top, W, 3) uint16."""
        return self._canvas.rows(top, bottom, self.inside.rows)

    @functools.cached_property
    def _light(self) -> Canvas:
        return Canvas(self.layout, paint_light)

    def hdr_rows(self, top: int, bottom: int) -> NDArray[np.float32]:
        """Rows of the HDR rendition, as `Rendering.hdr_rows` makes them; the paper is SDR white, 1.0, at most."""
        inside: Any = self.inside
        with self._lock:
            canvas = self._light
        return canvas.rows(top, bottom, inside.hdr_rows)

    def gain_map(self) -> GainMap | None:
        """What leads to the HDR rendition, if there is one; nothing, on the paper."""
        inside = self.inside.gain_map()
        return None if inside is None else framed_gain_map(inside, self.layout)

    def picture(self) -> Picture:
        """The whole framed picture."""
        inside: Any = self.inside
        held = inside if isinstance(inside, Picture) else inside.picture()
        pixels = Framed(held, self.layout).rows(0, self.shape[0])
        return Picture(pixels, self.gamut, self.recipe, self.capture, self.gain_map())


def framed(inside: Rendition, recipe: Recipe, report: Report | None = None) -> Framed:
    """A rendition in the frame that the recipe's `frame` names, with its `caption` and `place`.

    Raises ReadError for a frame that is not there.
    """
    report = report or Report()
    template = load_template(recipe.frame)
    with report.stage("frame"):
        said = words(inside.capture, caption=recipe.caption, place=recipe.place)
        layout = lay_out(inside.shape, template, said, report.warn)
        report.note(f"{template.title or recipe.frame}, {layout.shape[1]} x {layout.shape[0]}")
    return Framed(inside, layout)


def framed_gain_map(gain: GainMap, layout: Layout) -> GainMap:
    """A picture's gain map for the picture in its frame: the paper gains nothing, it stays at SDR white.

    Between the pixels of a map readers interpolate. So that no light spills onto the paper, the outermost pixels of
    the picture's part, where paper follows them, gain nothing either. Where the map lies on the canvas at whole pixels,
    as with borders that are multiples of `layout.GRID` and a map of a half, a quarter, the others stay as they are;
    otherwise they are interpolated.
    """
    gain = _with_zero(gain)
    pixels = gain.pixels if gain.pixels.ndim == 3 else gain.pixels[..., None]
    high, wide = pixels.shape[:2]
    down, across = layout.picture[0] / high, layout.picture[1] / wide
    shape = max(1, round(layout.shape[0] / down)), max(1, round(layout.shape[1] / across))
    zero = np.array([_code(gain, i) for i in range(3)], np.uint8)[: pixels.shape[2]]
    inner = pixels.copy()
    inner_top, inner_left = layout.top / down, layout.left / across
    if layout.top:
        inner[0] = zero
    if layout.top + layout.picture[0] < layout.shape[0]:
        inner[-1] = zero
    if layout.left:
        inner[:, 0] = zero
    if layout.left + layout.picture[1] < layout.shape[1]:
        inner[:, -1] = zero
    # Each pixel of the new map lies over the same place of the old one, in pixels of that.
    y = (np.arange(shape[0]) + 0.5) * (layout.shape[0] / shape[0]) / down - inner_top - 0.5
    x = (np.arange(shape[1]) + 0.5) * (layout.shape[1] / shape[1]) / across - inner_left - 0.5
    out = _sampled(_sampled(inner, y, zero), x, zero, axis=1)
    whole = np.ascontiguousarray(np.rint(out).astype(np.uint8))
    return replace(gain, pixels=whole if gain.pixels.ndim == 3 else whole[..., 0].copy())


def _sampled(values: NDArray[Any], places: Float64, outside: NDArray[np.uint8], axis: int = 0) -> NDArray[np.float32]:
    """Linear interpolation along an axis; `outside` where there is nothing."""
    values = np.moveaxis(values, axis, 0)
    count = len(values)
    snapped = np.where(np.abs(places - np.rint(places)) < 1e-3, np.rint(places), places)
    inside = (snapped > -0.5 - 1e-9) & (snapped < count - 0.5 + 1e-9)
    at = snapped.clip(0, count - 1)
    first = np.minimum(at.astype(int), max(count - 2, 0))
    share = (at - first)[:, None, None].astype(np.float32)
    made = values[first] * (1 - share) + values[np.minimum(first + 1, count - 1)] * share
    made[~inside] = outside
    return np.moveaxis(made.astype(np.float32), 0, axis)


def _code(gain: GainMap, channel: int) -> int:
    """What stands for a gain of 0."""
    low, high = gain.low[channel], gain.high[channel]
    if high <= low:
        return 0
    share: float = min(max(-low / (high - low), 0.0), 1.0) ** gain.gamma[channel]
    return round(255 * share)


def _with_zero(gain: GainMap) -> GainMap:
    """The same map with a range of gains that has 0 in it."""
    if all(low <= 0 <= high for low, high in zip(gain.low, gain.high, strict=True)):
        return gain
    low, high = tuple(min(0.0, v) for v in gain.low), tuple(max(0.0, v) for v in gain.high)
    code = np.arange(256) / 255
    tables = []
    for i in range(3):
        stops = gain.low[i] + (gain.high[i] - gain.low[i]) * code ** (1 / gain.gamma[i])
        share = (stops - low[i]) / max(high[i] - low[i], 1e-9)
        tables.append(np.rint(255 * share.clip(0, 1) ** gain.gamma[i]).astype(np.uint8))
    if gain.pixels.ndim == 2:
        pixels = tables[0][gain.pixels]
    else:
        pixels = np.stack([tables[i][gain.pixels[..., i]] for i in range(3)], axis=-1)
    return replace(gain, pixels=pixels, low=_triple(low), high=_triple(high))


def _triple(values: tuple[float, ...]) -> Triple:
    return values[0], values[1], values[2]
