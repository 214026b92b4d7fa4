"""Noise that differs from place to place and by frequency, as a merge of moving subjects leaves it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fotohaus.denoising.denoiser import PERIOD
from fotohaus.records import record

Float32 = NDArray[np.float32]

TILE = 16
"""Samples between the tiles of an `UnevenNoise`."""
_BEFORE = 8  # columns of blocks around a part whose noise the kernel is told, and twice that after it


@record
class UnevenNoise:
    """Noise that differs by place and frequency, in tiles of TILE samples.

    variance : (rows, columns, 8, 8), by vertical and horizontal frequency of the blocks' transform, in units of the
    noise that a denoiser was made for. kept : likewise, the factor of what is only noise, 1 where nothing is to be
    done. top, left : the row and column of the mosaic on which the first tile is centred.
    """

    variance: Float32
    kept: Float32
    top: int
    left: int

    def of_blocks(self, top: int, left: int, rows: int, columns: int) -> dict[str, object]:
        """What the kernel `denoise_uneven` is told of the blocks from the one at (top, left) on, and some around."""
        # A block's middle is in the tile that is centred nearest to it.
        y, x = top - self.top + TILE, left - self.left + TILE
        down = np.arange(y // TILE - 1, (y + rows * PERIOD) // TILE + 2)
        across = (x + PERIOD * np.arange(-_BEFORE, columns + 3 * _BEFORE)) // TILE
        places = np.ix_(*(n.clip(0, size - 1) for n, size in zip((down, across), self.variance.shape, strict=False)))

        def by_block(values: Float32) -> Float32:
            return np.ascontiguousarray(values[places].transpose(0, 2, 3, 1), np.float32).transpose(2, 3, 1, 0)

        precision, kept = by_block(np.float32(1) / self.variance), by_block(self.kept)
        return {"precision": precision, "kept": kept, "phase": y - int(down[0]) * TILE}
