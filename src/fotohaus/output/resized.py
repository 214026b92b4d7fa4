"""A picture cropped and made smaller, strip by strip as its rows are asked for."""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.metadata import cropped
from fotohaus.output.transfer import from_light, to_light
from fotohaus.raw.image import CaptureInfo
from fotohaus.recipe import Recipe
from fotohaus.render import color
from fotohaus.render.gain_map import GainMap, block_of
from fotohaus.render.picture import Gamut, Rendition

Float32 = NDArray[np.float32]

CELL = 16
"""Rows that are asked of a picture begin and end at a multiple of this, so that each cell of its gain map is whole."""

OVERSHOOT = 0.4
"""How far sharpening may pass the lightest around a pixel, as a share of a small contrast; half of it the darkest."""

_REACH = 1.5  # pixels of the small picture to each side that a quadratic B-spline weights
_AT_ONCE = 512  # rows of the large picture that are in memory for one strip, about


class Window(NamedTuple):
    """A rectangle of a picture."""

    top: int
    left: int
    height: int
    width: int


def crop_window(shape: tuple[int, int], crop: str) -> Window:
    """The largest rectangle of a ratio in a picture of this shape, with even sides where it is cut.

    crop : "W:H", in the middle of the picture, or "W:H@X,Y": its middle is as near as can be to this place, in shares
    of the picture from the left and from the top. Written wide (3:2) it follows the picture: an upright one is cropped
    to 2:3. Written upright (2:3) it is upright whatever the picture is.
    """
    height, width = shape
    across, down = _sides(shape, crop)
    left, top = (float(share) for share in (crop.partition("@")[2] or "0.5,0.5").split(","))

    def cut(side: int, ratio: float, other: int) -> int:
        # What fits, but for the rounding of a crop, is not cut again.
        return side if other * ratio > side - 2 * max(1, ratio) else max(1, int(other * ratio) // 2 * 2)

    if width * down > height * across:
        new = height, cut(width, across / down, height)
    else:
        new = cut(height, down / across, width), width

    def begin(side: int, cropped: int, share: float) -> int:
        return min(max(int(side * share - cropped / 2), 0), side - cropped)

    return Window(begin(height, new[0], top), begin(width, new[1], left), *new)


def _sides(shape: tuple[int, int], crop: str) -> tuple[float, float]:
    """The ratio of a crop, across and down, as it is for a picture of this shape."""
    across, down = (float(side) for side in crop.partition("@")[0].split(":"))
    return (down, across) if shape[0] > shape[1] and across > down else (across, down)


def fitted(picture: Rendition, recipe: Recipe) -> Rendition:
    """The picture as large as a recipe says: cropped, then made smaller; itself if there is nothing to do."""
    window = Window(0, 0, *picture.shape)
    if recipe.crop is not None:
        window = crop_window(picture.shape, recipe.crop)
    longest = max(window.height, window.width)
    share = 1.0 if recipe.long_edge is None else min(1.0, recipe.long_edge / longest)
    shape = max(1, round(window.height * share)), max(1, round(window.width * share))
    if share < 1 and recipe.crop is not None and recipe.long_edge is not None:
        # Of the ratio that was asked for, not of the window's, whose sides are even: 3:2 is 480 x 320.
        across, down = _sides(picture.shape, recipe.crop)
        scale = recipe.long_edge / max(across, down)
        exact = max(1, round(down * scale)), max(1, round(across * scale))
        if max(abs(a - b) for a, b in zip(exact, shape, strict=True)) <= 2:
            shape = min(exact[0], window.height), min(exact[1], window.width)
    if shape == picture.shape:
        return picture
    amount = 1.0 if recipe.enabled("sharpen") and recipe.sharpen != 0 else 0.0
    kind = HdrResized if hasattr(picture, "hdr_rows") else Resized
    return kind(picture, window, shape, amount)


class Resized:
    """A window of a picture at a size of its own: a Rendition.

    picture : what it is made from. window : the part of it. shape : the new rows and columns, no more than the
    window's. amount : of sharpening for the size, 1 for as crisp as the large picture was, 0 for none.

    Light is averaged with the weights of a quadratic B-spline, which has no negative ones: lamps grow no dark rings
    and keep their light. That softens; the sharpening after it (Costella 2021, "Solving the mystery of Magic Kernel
    Sharp", section 8) undoes it in lightness, and stays within what is around a pixel.
    """

    def __init__(self, picture: Rendition, window: Window, shape: tuple[int, int], amount: float = 1.0) -> None:
        self.shape = shape
        self.gamut: Gamut = picture.gamut
        self.recipe: Recipe = picture.recipe
        seen = math.hypot(window.height, window.width) / math.hypot(*picture.shape)
        self.capture: CaptureInfo = cropped(picture.capture, seen)
        self._picture, self._window, self._amount = picture, window, amount
        self._cropped = shape == (window.height, window.width)
        self._step = window.height / shape[0], window.width / shape[1]

    def rows(self, top: int, bottom: int) -> NDArray[np.uint16]:
        """Rows of the picture, from `top` to before `bottom`: (bottom - top, W, 3)."""
        if self._cropped:
            return np.ascontiguousarray(self._part(self._picture.rows, top, bottom))
        out = np.empty((bottom - top, self.shape[1], 3), np.uint16)
        for first, last in self._pieces(top, bottom):
            light = self._small(lambda a, b: to_light(self._part(self._picture.rows, a, b)), first, last, self.gamut)
            out[first - top : last - top] = from_light(light)
        return out

    def gain_map(self) -> GainMap | None:
        """What leads to the HDR rendition: the large picture's, of this window; no finer than is fitting."""
        whole = self._picture.gain_map()
        if whole is None:
            return None
        block = min(2, block_of(self.shape, self.recipe.gain_size))
        return _cut_map(whole, self._picture.shape, self._window, self.shape, block)

    def _part(self, rows: Any, top: int, bottom: int) -> Any:
        """Rows of the window, as `rows` makes them of the picture."""
        window = self._window
        first = (window.top + top) // CELL * CELL
        if top == 0:
            # A cell that the window's border goes through may have begun earlier.
            first = max(0, first - CELL)
        last = min(-(-(window.top + bottom) // CELL) * CELL, self._picture.shape[0])
        part = rows(first, last)[window.top + top - first : window.top + bottom - first]
        return part[:, window.left : window.left + window.width]

    def _pieces(self, top: int, bottom: int) -> list[tuple[int, int]]:
        """Strips of a strip, for which there need not be too many rows of the large picture."""
        count = max(1, round((bottom - top) * self._step[0] / _AT_ONCE))
        edges = [top + (bottom - top) * i // count for i in range(count + 1)]
        return [(a, b) for a, b in itertools.pairwise(edges) if b > a]

    def _small(self, light: Any, top: int, bottom: int, space: str) -> Float32:
        """Rows in linear light, made smaller and sharpened."""
        height, width = self.shape
        first, last = max(0, top - 1), min(height, bottom + 1)
        starts_y, weights_y = _weights(self._window.height, height)
        starts_y, weights_y = starts_y[first:last], weights_y[first:last]
        begin = int(starts_y[0])
        end = min(self._window.height, int(starts_y[-1]) + weights_y.shape[1])
        pixels = np.ascontiguousarray(light(begin, end))
        small = kernels.empty((last - first, width, 3))
        starts_x, weights_x = _weights(self._window.width, width)
        kernels.call(
            "shrink",
            pixels=pixels.reshape(end - begin, -1),
            starts_x=starts_x,
            weights_x=weights_x,
            starts_y=starts_y - np.int32(begin),
            weights_y=weights_y,
            small=small,
        )
        if not self._amount:
            return np.ascontiguousarray(small[top - first : bottom - first])
        sharp = kernels.empty((bottom - top, width, 3))
        kernels.call(
            "sharpen_sized",
            light=small,
            lead=top - first,
            amount=self._amount,
            overshoot=OVERSHOOT,
            weights=np.asarray(color.rgb_to_xyz(space)[1], np.float32),
            sharp=sharp,
        )
        return np.ascontiguousarray(sharp)


class HdrResized(Resized):
    """A window of a picture that has an HDR rendition."""

    def hdr_rows(self, top: int, bottom: int) -> Float32:
        """Rows of the HDR rendition: (bottom - top, W, 3) linear Rec. 2020, SDR white at 1."""
        rows: Any = self._picture
        rows = rows.hdr_rows
        if self._cropped:
            return np.ascontiguousarray(self._part(rows, top, bottom))
        out = np.empty((bottom - top, self.shape[1], 3), np.float32)
        for first, last in self._pieces(top, bottom):
            part = self._small(lambda a, b: self._part(rows, a, b), first, last, "rec2020")
            out[first - top : last - top] = part
        return out


@functools.lru_cache(maxsize=8)
def _weights(size: int, new: int) -> tuple[NDArray[np.int32], Float32]:
    """Which samples of `size` make each of `new`: (new,) the first, and (new, taps) what it and the next ones weigh."""
    step = size / new
    reach = max(_REACH * step, 1.0)
    middle = (np.arange(new) + 0.5) * step
    starts = np.clip(np.ceil(middle - reach - 0.5), 0, size - 1).astype(np.int32)
    taps = min(size, math.ceil(2 * reach) + 1)
    starts = np.minimum(starts, size - taps)
    distance = np.abs(starts[:, None] + np.arange(taps) + 0.5 - middle[:, None]) / max(step, 1.0)
    weights = np.where(distance < 0.5, 0.75 - distance**2, 0.5 * np.maximum(1.5 - distance, 0) ** 2)
    weights /= weights.sum(axis=1, keepdims=True)
    return starts, weights.astype(np.float32)


def _cut_map(whole: GainMap, shape: tuple[int, int], window: Window, new: tuple[int, int], block: int) -> GainMap:
    """A gain map of a picture of this shape, for a window of it that has been made smaller to `new`.

    block : pixels of the small picture, along a side, that one of the map's stands for at least.
    """
    from PIL import Image

    rows, columns = whole.pixels.shape[:2]
    down, across = rows / shape[0], columns / shape[1]  # of the map's pixels per pixel
    top, left = window.top * down, window.left * across
    bottom, right = (window.top + window.height) * down, (window.left + window.width) * across
    size = tuple(
        max(1, min(round(length), -(-side // block)))
        for length, side in ((right - left, new[1]), (bottom - top, new[0]))
    )  # fmt: skip
    # Beyond the window nothing need have been made: only what it touches has a say.
    y, x = int(top), int(left)
    part = whole.pixels[y : math.ceil(bottom - 1e-6), x : math.ceil(right - 1e-6)]
    box = (left - x, top - y, min(right - x, part.shape[1]), min(bottom - y, part.shape[0]))
    pixels = Image.fromarray(part).resize(size, Image.Resampling.BILINEAR, box=box)
    return replace(whole, pixels=np.array(pixels))
