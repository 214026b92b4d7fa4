"""Black and white levels of a DNG (DNG 1.7.1 chapter 5, mapping raw values to linear reference values)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw import tags
from fotohaus.raw.image import Float32, Rectangle, Samples, UInt16
from fotohaus.raw.layout import JPEG_XL
from fotohaus.raw.tiff import Ifd, TiffError
from fotohaus.records import record

MAX_PATTERN = 1 << 16  # pixels
MAX_AREAS = 256

_ROWS = 64  # at a time: bounds the temporaries


def linearization_table(ifd: Ifd) -> UInt16 | None:
    """The table that stored samples go through before anything else; values past its end take its last entry."""
    table = ifd.integers(tags.LINEARIZATION_TABLE)
    if not table:
        return None
    return np.array(table[: 1 << 16], np.int64).clip(0, 65535).astype(np.uint16)


def stored_bits(ifd: Ifd, bits: int, floating: bool, table: UInt16 | None) -> int:
    """Bits per sample of the numbers that the levels and the table of an image are for.

    Adobe's SDK takes JPEG XL of 9 to 16 bits as 16 bits, however many the file says. A file of fewer whose table or
    white level reaches beyond them was made for that: Apple's ProRAW says 10.
    """
    if floating or not 8 < bits < 16 or ifd.integer(tags.COMPRESSION, 1) != JPEG_XL:
        return bits
    if table is not None:
        return 16 if table.size > 1 << bits else bits
    white = ifd.floats(tags.WHITE_LEVEL)
    return 16 if white is not None and (white >= 1 << bits).any() else bits


def linearize(samples: UInt16, table: UInt16) -> None:
    """Look stored samples up in the linearization table, in place."""
    full = np.full(1 << 16, table[-1], np.uint16)
    full[: table.size] = table
    for top in range(0, samples.shape[0], _ROWS):
        part = samples[top : top + _ROWS]
        part[...] = full[part]


def white_level(ifd: Ifd, samples: int, bits: int, table: UInt16 | None, floating: bool = False) -> Float32:
    """(samples,) white level in DN; where the file names none, 1 for floats and the largest integer otherwise.

    A linearization table that reaches beyond that has its own largest number for it.
    """
    largest = 1.0 if floating else float((1 << bits) - 1)
    if table is not None:
        largest = max(largest, float(table.max()))
    highest = float((1 << max(bits, 16)) - 1)
    values = ifd.floats(tags.WHITE_LEVEL)
    if values is None or values.size not in (1, samples):
        return np.full(samples, largest, np.float32)
    # GoPro and others write 0 or more than fits for "as large as can be".
    values = np.where(np.isfinite(values) & (values > 0), np.minimum(values, highest), largest)
    return np.broadcast_to(values, samples).astype(np.float32)


@record
class Unevenness:
    """What single pixels of the active area have on top of the black level: the sum of three parts.

    pattern : (rows, columns, samples), repeated over the image; vertical : (H,); horizontal : (W,).
    """

    pattern: NDArray[np.float64]
    vertical: NDArray[np.float64]
    horizontal: NDArray[np.float64]

    def subtract(self, samples: Samples) -> None:
        """Take it off the samples of an active area, in place; integers are rounded."""
        planes: NDArray[Any] = samples.reshape(*samples.shape[:2], -1)
        rows, columns = self.pattern.shape[:2]
        across = np.tile(self.pattern, (1, -(-planes.shape[1] // columns), 1))[:, : planes.shape[1]]
        for top in range(0, planes.shape[0], _ROWS):
            part = planes[top : top + _ROWS]
            y = np.arange(top, top + part.shape[0])
            level = across[y % rows] + self.vertical[y, None, None] + self.horizontal[None, :, None]
            left = part - level
            part[...] = left if samples.dtype.kind == "f" else np.rint(left).clip(0, 65535)


@record
class Black:
    """The black level of an active area.

    level : (period, period, samples) in DN, by position from the corner of the active area.
    uneven : what to take off the samples, so that `level` holds for all of them; None where it does already.
    highest : (samples,) the largest black level of any pixel, by which samples are scaled (chapter 5, rescaling).
    """

    level: Float32
    uneven: Unevenness | None
    highest: Float32

    def times(self, factor: int) -> Black:
        """The same of samples that are so many times as large."""
        own = self.uneven
        if own is not None:
            own = Unevenness(own.pattern * factor, own.vertical * factor, own.horizontal * factor)
        return Black(self.level * factor, own, self.highest * factor)

    def of_first(self) -> Black:
        """That of the first of several samples of a pixel."""
        own = self.uneven
        if own is not None:
            own = Unevenness(own.pattern[..., :1], own.vertical, own.horizontal)
        return Black(self.level[..., :1], own, self.highest[:1])

    def take_unevenness(self, samples: Samples) -> None:
        """Take `uneven` off samples of the active area, in place."""
        if self.uneven is not None:
            self.uneven.subtract(samples)


def black_level(ifd: Ifd, samples: int, height: int, width: int, period: int = 2) -> Black:
    """The black level of an active area of height x width pixels.

    period : 2 for mosaics, 1 for linear raw: after how many pixels the level may repeat without being evened out.
    Raises TiffError for levels that are not numbers.
    """
    rows, columns = (ifd.integers(tags.BLACK_LEVEL_REPEAT_DIM) or [1, 1])[:2]
    if rows < 1 or columns < 1 or rows > height or columns > width or rows * columns > MAX_PATTERN:
        raise TiffError(f"is damaged: the black level repeats after {rows} x {columns} pixels")
    values = ifd.floats(tags.BLACK_LEVEL)
    if values is None:
        values = np.zeros(rows * columns * samples)
    if (rows, columns, samples, period, values.size) == (1, 1, 1, 2, 4):
        rows = columns = 2  # One for each filter of a Bayer pattern, without BlackLevelRepeatDim.
    if values.size != rows * columns * samples:
        # One level for all is the common mistake.
        if values.size != 1:
            raise TiffError(f"is damaged: {values.size} black levels for {rows} x {columns} x {samples}")
        values = np.full(rows * columns * samples, values[0])
    if not np.isfinite(values).all() or abs(values).max() > 2**32:
        raise TiffError("is damaged: the black level is not a number of the samples' range")
    # The standard knows no levels below 0; Adobe's SDK takes them for 0.
    pattern = values.clip(0).reshape(rows, columns, samples)
    whole = np.tile(pattern, (math.lcm(rows, period) // rows, math.lcm(columns, period) // columns, 1))
    black = whole.reshape(-1, period, whole.shape[1] // period, period, samples).transpose(0, 2, 1, 3, 4)
    mean = black.reshape(-1, period, period, samples).mean(0)
    vertical = _deltas(ifd, tags.BLACK_LEVEL_DELTA_V, height)
    horizontal = _deltas(ifd, tags.BLACK_LEVEL_DELTA_H, width)
    highest = pattern.max((0, 1)) + vertical.max() + horizontal.max()
    uneven = None
    if (black != mean).any() or vertical.any() or horizontal.any():
        repeated = whole - np.tile(mean, (whole.shape[0] // period, whole.shape[1] // period, 1))
        uneven = Unevenness(repeated, vertical, horizontal)
    return Black(mean.astype(np.float32), uneven, highest.astype(np.float32))


def masked_areas(ifd: Ifd, height: int, width: int) -> list[Rectangle]:
    """The rectangles of the stored image that no light reaches, clipped to it (DNG 1.7.1, MaskedAreas)."""
    numbers = ifd.integers(tags.MASKED_AREAS) or []
    found = []
    for top, left, bottom, right in zip(*(iter(numbers[: 4 * MAX_AREAS]),) * 4, strict=False):
        top, left, bottom, right = max(top, 0), max(left, 0), min(bottom, height), min(right, width)
        if bottom > top and right > left:
            found.append(Rectangle(top, left, bottom - top, right - left))
    return found


def masked_black(stored: Samples, areas: Sequence[Rectangle], active: Rectangle, period: int) -> Float32 | None:
    """(period, period, samples) black level that masked pixels show, by position from the active area's corner.

    stored : the whole stored image, linearised. Outliers (hot pixels) beyond the 1st and 99th percentile are cut to
    them. None unless every position has at least 16 masked pixels.
    """
    if not areas:
        return None
    planes: NDArray[Any] = stored.reshape(*stored.shape[:2], -1)
    level = np.empty((period, period, planes.shape[2]), np.float32)
    for row in range(period):
        for column in range(period):
            parts = []
            for area in areas:
                top = area.top + (row + active.top - area.top) % period
                left = area.left + (column + active.left - area.left) % period
                part = planes[top : area.top + area.height : period, left : area.left + area.width : period]
                parts.append(part.reshape(-1, planes.shape[2]))
            pixels = np.concatenate(parts).astype(np.float64)
            if len(pixels) < 16:
                return None
            low, high = np.percentile(pixels, (1, 99), axis=0)
            level[row, column] = pixels.clip(low, high).mean(0)
    return level


def _deltas(ifd: Ifd, tag: int, count: int) -> NDArray[np.float64]:
    values = ifd.floats(tag)
    if values is None:
        return np.zeros(count)
    if values.size != count or not np.isfinite(values).all() or abs(values).max() > 2**32:
        raise TiffError("is damaged: black level deltas do not fit the image")
    return values
