"""How far a frame reaches in the reference's picture: what the hand's shake uncovered it cannot tell."""

from __future__ import annotations

import numpy as np

from fotohaus.burst.frame import PAD, Frame
from fotohaus.raw.image import Float32

_STEP, _HALF = 16, 16  # px of the mosaic between tiles, and from a tile's middle to its edge
_NODES = 64  # px between the displacement's nodes


class Reach:
    """What share of the frames merged with a reference shows each tile of it."""

    def __init__(self, reference: Frame, tiles: tuple[int, int], every: int = 1, border: int = 2 * _HALF) -> None:
        """Of the tiles and by the border that `reach_of` takes."""
        self._reference, self._every, self._border = reference, every, border
        self._sum = np.zeros(tiles, np.float32)

    def add(self, frame: Frame, nodes: Float32, share: float) -> None:
        """Count a frame by what it counts for each 1 of the reference."""
        seen = reach_of(frame, self._reference, nodes, self._shape, self._every, self._border)
        self._sum += np.float32(share) * seen

    def mean(self, total: float) -> Float32:
        """By tile, 0 to 1, where all frames count `total` and the reference 1 of that."""
        return self._sum / np.float32(total - 1)

    @property
    def _shape(self) -> tuple[int, int]:
        rows, columns = self._sum.shape
        return rows, columns


def reach_of(
    frame: Frame, reference: Frame, nodes: Float32, tiles: tuple[int, int], every: int, border: int = 2 * _HALF
) -> Float32:
    """(rows, columns) share of what tiles of the merge show of the reference that a frame shows, too, 0 to 1.

    nodes : the frame's displacement (see `Alignment`). tiles, every : rows and columns of the tiles that are looked at,
    and how far they are apart, as in `burst_weights`. border : px that count of a tile on the picture's border, from
    outside; the fewer, the more a narrow margin shows.
    """
    seen = np.ones(tiles, np.float32)
    middles = [(np.arange(n) * every + every // 2) * _STEP + PAD for n in tiles]
    near = [np.clip(np.rint((m - PAD + 0.5) / _NODES).astype(int), 0, n - 1)
            for m, n in zip(middles, nodes.shape, strict=False)]  # fmt: skip
    shift = nodes[np.ix_(*near)]
    for axis in (0, 1):
        middle = middles[axis].reshape(-1, 1) if axis == 0 else middles[axis]
        low, high = reference.bounds[2 * axis], reference.bounds[2 * axis + 1] + 1
        first, last = frame.bounds[2 * axis], frame.bounds[2 * axis + 1] + 1
        begin, end = np.clip(middle - _HALF, low, high), np.clip(middle + _HALF, low, high)
        begin, end = (
            np.where(middle + _HALF > high, np.maximum(begin, high - border), begin),
            np.where(middle - _HALF < low, np.minimum(end, low + border), end),
        )
        moved = shift[..., 1 - axis]
        common = np.minimum(end, last - moved) - np.maximum(begin, first - moved)
        seen *= np.where(end > begin, np.clip(common / np.maximum(end - begin, 1), 0, 1), 1)
    return seen
