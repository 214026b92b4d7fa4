"""Noisy frames aligned together: each against the mean of all others instead of against one as noisy as itself.

Between two frames in little light the noise's own gradients are half of the error and more. Where the frames lie
roughly is known from the pairwise alignment; each is then aligned again, from there, to the mean of the others: never
to a mean with itself in it, whose noise would hold it where it is. So is the reference, and where the others see it is
taken off: displacements are those against the reference again.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fotohaus import kernels
from fotohaus.burst.align import Alignment, align, refine
from fotohaus.burst.motion import Motion
from fotohaus.burst.pyramid import TILE, Pyramid
from fotohaus.raw.image import Float32

MAX_CHANGE = 2.0
"""px by which the second alignment may differ from the first: more is no refinement."""


class Together:
    """The mean of the reference and of all frames added, band by band, where the reference sees them.

    blocks : (rows, columns) of quads that displacements must cover.
    """

    def __init__(self, reference: Pyramid, blocks: tuple[int, int]) -> None:
        self.blocks, self.sizes = blocks, reference.sizes
        self.sums: list[Float32] = []
        for band in reference.bands:
            self.sums.append(kernels.empty((*band.shape, 2)))
            self.sums[-1][...] = 0
        self.count = 0
        self.offset: Float32 | None = None
        self.add(reference, Motion.still(self.sizes[0]))

    def add(self, seen: Pyramid, motion: Motion) -> None:
        """A frame that lies so."""
        for level, pooled in enumerate(self.sums):
            _pool(pooled, seen, level, motion, 1.0, pooled)
        self.count += 1

    def settle(self, reference: Pyramid) -> None:
        """See where the reference itself lies in the mean of the others; no frame is to be aligned before."""
        still = Motion.still(self.sizes[0])
        rows, columns = (n // TILE for n in self.blocks)
        known = np.ones((rows, columns), bool)
        before = Alignment(still.nodes(0, rows, columns), known, known, True, still, 0.0)
        self.offset = self._again(reference, before).nodes

    def again(self, seen: Pyramid, before: Alignment) -> Alignment:
        """Where a frame lies against the reference that was added with `before.motion`."""
        found = self._again(seen, before)
        if found is before:
            return before
        # The others see it better now.
        for level, pooled in enumerate(self.sums):
            _pool(pooled, seen, level, before.motion, -1.0, pooled)
            _pool(pooled, seen, level, found.motion, 1.0, pooled)
        return self._against_reference(found)

    def align(self, seen: Pyramid) -> Alignment:
        """Where a frame lies against the reference that was not added yet; it is, if it matches."""
        mean = Pyramid([_mean(pooled) for pooled in self.sums], self.sizes)
        found = align(mean, seen, self.blocks, 1 / self.count)
        if not found.ok:
            return found
        self.add(seen, found.motion)
        return self._against_reference(found)

    def _again(self, seen: Pyramid, before: Alignment) -> Alignment:
        others = []
        for level, pooled in enumerate(self.sums):
            rest = kernels.empty(pooled.shape)
            _pool(pooled, seen, level, before.motion, -1.0, rest)
            others.append(_mean(rest))
        motion = replace(before.motion, coefficients=before.motion.coefficients.copy(), tiles=None)
        found = refine(motion, Pyramid(others, self.sizes), seen, self.blocks, 1 / (self.count - 1))
        changed = float(np.abs(found.nodes - before.nodes).max())
        return found if found.ok and changed <= MAX_CHANGE else before

    def _against_reference(self, found: Alignment) -> Alignment:
        assert self.offset is not None
        return replace(found, nodes=kernels.planar(found.nodes - self.offset))


def _mean(pooled: Float32) -> Float32:
    return np.asarray(pooled[..., 0] / np.maximum(pooled[..., 1], 1))


def _pool(before: Float32, seen: Pyramid, level: int, motion: Motion, sign: float, pooled: Float32) -> None:
    """Add or take away what a level of a frame has where the reference's pixels lie."""
    band, (h, w) = seen.bands[level], seen.sizes[level]
    rows, columns = (n // TILE for n in band.shape)
    if motion.tiles is not None:
        high, wide = (n // m for n, m in zip(motion.tiles.shape, (rows, columns), strict=False))
        tiles = motion.tiles.reshape(rows, high, columns, wide, 2).mean((1, 3))
        motion = replace(motion, tiles=tiles)
    kernels.call(
        "burst_pool",
        band=band,
        grid=motion.nodes(level, rows, columns),
        width=w,
        height=h,
        sign=sign,
        before=before,
        pooled=pooled,
    )
