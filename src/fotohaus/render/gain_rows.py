"""A picture's gain map, made as its rows are: in any order, in several threads."""

from __future__ import annotations

from math import ceil

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.recipe import Recipe
from fotohaus.render.gain_map import GainMap
from fotohaus.render.hdr_rendition import HdrRendition

Float32 = NDArray[np.float32]

QUARTER, HALF = 3_000_000, 750_000
"""Pixels of a picture from which on a map of a quarter, and of half the size, is fine enough."""
STEPS = 255
LEAST, BEYOND = -1.0, 1.0
"""Stops below 0, about, and above the headroom that a channel of its own may gain."""
OFFSET = 1 / 256
"""Light that is added to both renditions where each channel has its gain: next to black, it could be anything."""


class GainRows:
    """The gain map of an HDR rendition, grey or with a gain for each channel.

    A pixel of the map stands for a block of the picture; its gain is that of the block's mean light in the scene,
    and so of its brightest part where light and dark meet: lamps keep their peak.
    """

    def __init__(self, hdr: HdrRendition, recipe: Recipe) -> None:
        height, width = hdr.shape
        fitting = 4 if height * width >= QUARTER else 2 if height * width >= HALF else 1
        self._hdr, self._block = hdr, {"half": 2, "quarter": 4}.get(recipe.gain_size, fitting)
        rows, columns = (max(1, round(n / self._block)) for n in hdr.shape)
        self._starts = np.rint(np.arange(rows) * (height / rows)).astype(np.int32)
        self._drift = width / columns - self._block if columns > 1 else 0.0
        headroom = hdr.curve.headroom
        if recipe.gain_map == "rgb" and hdr.colored:
            self._pixels = np.zeros((rows, columns, 3), np.uint8)
            high = headroom + BEYOND
            # No gain is a number of its own, exactly.
            none = ceil(STEPS * LEAST / (LEAST - high))
            self._low, self._high, self._offset = -high * none / (STEPS - none), high, OFFSET
        else:
            self._pixels = np.zeros((rows, columns), np.uint8)
            self._low, self._high, self._offset = 0.0, headroom, 0.0
            self._codes = np.ascontiguousarray(hdr.stops[:, None] * (STEPS / headroom), np.float32)
        # A lamp shines as brightly as it can: what is beyond would only make its block larger.
        peak = np.interp(0.999 * headroom, hdr.curve.stops, np.arange(len(hdr.curve.stops)))
        self._largest = 2 * hdr.curve.level(float(peak)) / hdr.gain

    def needed(self, bottom: int) -> int:
        """The row up to before which light is needed for the rows before `bottom`."""
        last = int(np.searchsorted(self._starts, bottom)) - 1
        return min(int(self._starts[last]) + self._block, self._hdr.shape[0])

    def add(self, light: Float32, first: int, top: int, bottom: int) -> None:
        """Make the map's rows that begin at `top` and before `bottom`, from rows of the scene from `first` on."""
        begin, end = (int(v) for v in np.searchsorted(self._starts, (top, bottom)))
        if begin == end:
            return
        starts = self._starts[begin:end] - np.int32(first)
        small = {
            "pixels": light,
            "gain": self._hdr.gain,
            **self._hdr.character.place(first),
            "rows": starts,
            "block": self._block,
            "drift": self._drift,
            "largest": self._largest,
        }
        if self._pixels.ndim == 2:
            kernels.call("gain_map", **small, codes=self._codes, gains=self._pixels[begin:end])
            return
        columns = self._pixels.shape[1]
        made = kernels.empty((end - begin, max(columns, 16), 3))
        kernels.call("light_in_small", **small, light=made)
        sdr, hdr = self._hdr.in_color(made)
        gain = np.log2((hdr + OFFSET) / (sdr + OFFSET))
        codes = np.rint((gain - self._low) * (STEPS / (self._high - self._low)))
        self._pixels[begin:end] = np.clip(codes, 0, STEPS)[:, :columns]

    def gain_map(self) -> GainMap:
        """The map as far as it is made."""
        low, high, offset = ((float(v),) * 3 for v in (self._low, self._high, self._offset))
        return GainMap(self._pixels, low, high, (1.0,) * 3, offset, offset, self._hdr.curve.headroom)
