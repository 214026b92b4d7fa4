"""Black and white levels of a DNG (DNG 1.7.1 chapter 5, mapping raw values to linear reference values)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw import tags
from fotohaus.raw.image import Float32, UInt16
from fotohaus.raw.tiff import Ifd, TiffError

_ROWS = 64  # at a time: bounds the temporaries


def linearization_table(ifd: Ifd) -> UInt16 | None:
    """The table that stored samples go through before anything else; values past its end take its last entry."""
    table = ifd.integers(tags.LINEARIZATION_TABLE)
    if not table:
        return None
    return np.array(table[: 1 << 16], np.int64).clip(0, 65535).astype(np.uint16)


def linearize(samples: UInt16, table: UInt16) -> None:
    """Look stored samples up in the linearization table, in place."""
    full = np.full(1 << 16, table[-1], np.uint16)
    full[: table.size] = table
    for top in range(0, samples.shape[0], _ROWS):
        part = samples[top : top + _ROWS]
        part[...] = full[part]


def white_level(ifd: Ifd, samples: int, bits: int, table: UInt16 | None) -> Float32:
    """(samples,) white level in DN; the largest possible sample where the file names none."""
    largest = float((1 << bits) - 1 if table is None else table.max())
    values = ifd.floats(tags.WHITE_LEVEL)
    if values is None or values.size not in (1, samples):
        return np.full(samples, largest, np.float32)
    # GoPro and others write 0 or more than fits for "as large as can be".
    values = np.where(np.isfinite(values) & (values > 0), np.minimum(values, 65535), largest)
    return np.broadcast_to(values, samples).astype(np.float32)


@dataclass(frozen=True)
class Unevenness:
    """What single pixels of the active area have on top of the black level: the sum of three parts.

    pattern : (rows, columns, samples), repeated over the image; vertical : (H,); horizontal : (W,).
    """

    pattern: NDArray[np.float64]
    vertical: NDArray[np.float64]
    horizontal: NDArray[np.float64]

    def subtract(self, samples: UInt16) -> None:
        """Take it off the samples of an active area, in place, rounded: wrong by half a DN at most."""
        planes = samples.reshape(*samples.shape[:2], -1)
        rows, columns = self.pattern.shape[:2]
        across = np.tile(self.pattern, (1, -(-planes.shape[1] // columns), 1))[:, : planes.shape[1]]
        for top in range(0, planes.shape[0], _ROWS):
            part = planes[top : top + _ROWS]
            y = np.arange(top, top + part.shape[0])
            level = across[y % rows] + self.vertical[y, None, None] + self.horizontal[None, :, None]
            part[...] = np.rint(part - level).clip(0, 65535)


def black_level(ifd: Ifd, samples: int, height: int, width: int) -> tuple[Float32, Unevenness | None]:
    """The black level, (2, 2, samples) by position modulo 2 from the corner of the active area.

    With it comes, where the file's black level does not repeat after 2 x 2 or has deltas for rows or columns, what to
    take off the samples so that it does. Raises TiffError for levels that are not numbers.
    """
    rows, columns = (ifd.integers(tags.BLACK_LEVEL_REPEAT_DIM) or [1, 1])[:2]
    if rows < 1 or columns < 1 or rows > height or columns > width:
        raise TiffError(f"is damaged: the black level repeats after {rows} x {columns} pixels")
    values = ifd.floats(tags.BLACK_LEVEL)
    if values is None:
        values = np.zeros(rows * columns * samples)
    if values.size != rows * columns * samples:
        # One level for all is the common mistake.
        if values.size != 1:
            raise TiffError(f"is damaged: {values.size} black levels for {rows} x {columns} x {samples}")
        values = np.full(rows * columns * samples, values[0])
    if not np.isfinite(values).all() or abs(values).max() > 65535:
        raise TiffError("is damaged: the black level is not a number of the samples' range")
    pattern = values.reshape(rows, columns, samples)
    whole = np.tile(pattern, (math.lcm(rows, 2) // rows, math.lcm(columns, 2) // columns, 1))
    black = whole.reshape(-1, 2, whole.shape[1] // 2, 2, samples).transpose(0, 2, 1, 3, 4)
    mean = black.reshape(-1, 2, 2, samples).mean(0)
    vertical = _deltas(ifd, tags.BLACK_LEVEL_DELTA_V, height)
    horizontal = _deltas(ifd, tags.BLACK_LEVEL_DELTA_H, width)
    if (black == mean).all() and not vertical.any() and not horizontal.any():
        return mean.astype(np.float32), None
    repeated = whole - np.tile(mean, (whole.shape[0] // 2, whole.shape[1] // 2, 1))
    return mean.astype(np.float32), Unevenness(repeated, vertical, horizontal)


def _deltas(ifd: Ifd, tag: int, count: int) -> NDArray[np.float64]:
    values = ifd.floats(tag)
    if values is None:
        return np.zeros(count)
    if values.size != count or not np.isfinite(values).all() or abs(values).max() > 65535:
        raise TiffError("is damaged: black level deltas do not fit the image")
    return values
