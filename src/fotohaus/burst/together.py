"""Noisy frames aligned together: each against the mean of all others instead of against one as noisy as itself.

Between two frames in little light the noise's own gradients are half of the error and more. Where the frames lie
roughly is known from the pairwise alignment; each is then aligned again, from there, to the mean of the others: never
to a mean with itself in it, whose noise would hold it where it is. So is the reference, and where the others see it is
taken off: displacements are those against the reference again.

The reference is put in its place before and after: all pairs matched its noise, so that the mean of the others holds it
where it was, until they have been aligned to each other.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fotohaus import kernels
from fotohaus.burst.align import MIN_MATCHED, Alignment, align, refine
from fotohaus.burst.consensus import Trust
from fotohaus.burst.motion import Motion
from fotohaus.burst.pyramid import TILE, Pyramid
from fotohaus.burst.shrink import shrunk
from fotohaus.raw.image import Float32

MAX_CHANGE = 2.0
"""px by which the second alignment may differ from the first: more is no refinement."""

LEFT = 0.02
"""Variance of the noise that is left in the others' mean, in units of a frame's."""


class Together:
    """The mean of the reference and of all frames added, band by band, where the reference sees them.

    blocks : (rows, columns) of quads that displacements must cover.
    """

    def __init__(self, reference: Pyramid, blocks: tuple[int, int]) -> None:
        self.blocks, self.sizes = blocks, reference.sizes
        self.sums: dict[int, Float32] = {}
        for level in range(-1 if reference.fine is not None else 0, len(reference.bands)):
            self.sums[level] = kernels.empty((*reference.band(level).shape, 2))
            self.sums[level][...] = 0
        self.count = 0
        still = Motion.still(self.sizes[0])
        rows, columns = (n // TILE for n in blocks)
        known = np.ones((rows, columns), bool)
        self._place = Alignment(still.nodes(0, rows, columns), known, known, True, still, 0.0, 1.0, None)
        self.trust: Trust | None = None
        self.add(reference, still)

    def add(self, seen: Pyramid, motion: Motion, trust: Trust | None = None) -> None:
        """A frame that lies so. What one frame does not trust is smeared in the mean."""
        self._pool(seen, motion, 1.0)
        self.count += 1
        if trust is not None:
            self.trust = trust.both(self.trust)

    def settle(self, reference: Pyramid) -> None:
        """Put the reference where it lies in the mean of the others: what was found before lies otherwise after."""
        self._place = self.again(reference, self._place)

    def again(self, seen: Pyramid, before: Alignment) -> Alignment:
        """Where a frame that was added with `before.motion` lies in the mean of the others."""
        self._pool(seen, before.motion, -1.0)
        found = self._again(seen, before)
        # The others see it better now, and its error no longer pulls them half the way back to where it was.
        self._pool(seen, found.motion, 1.0)
        return found

    def align(self, seen: Pyramid) -> Alignment:
        """Where a frame lies against the reference that was not added yet; it is, if it matches."""
        mean, own = self._mean(self.count)
        found = align(mean, seen, self.blocks, own, self.trust)
        if not found.ok:
            return found
        self.add(seen, found.motion, found.trust)
        return self.against_reference(found)

    def against_reference(self, found: Alignment) -> Alignment:
        """Where a frame lies against the reference, of one that lies so in the mean."""
        return replace(found, nodes=kernels.planar(found.nodes - self._place.nodes))

    def _again(self, seen: Pyramid, before: Alignment) -> Alignment:
        """From where it was, against the mean of the others, of which it has been taken away."""
        motion = replace(before.motion, coefficients=before.motion.coefficients.copy(), tiles=None)
        mean, own = self._mean(self.count - 1)
        least = MIN_MATCHED if self.trust is None else 0.0
        found = refine(motion, mean, seen, self.blocks, own, self.trust, least)
        if _differ(found, before) and before.trust is None and self.trust is not None:
            # What others show to move by itself this one may have followed.
            found = align(mean, seen, self.blocks, own, self.trust)
            return found if found.ok else before
        return found if found.ok and not _differ(found, before) else before

    def _mean(self, count: int) -> tuple[Pyramid, float]:
        """What the `count` frames of the sums show, and the variance of its noise in units of a frame's.

        What their noise may be alone is taken out, unless something moves: smeared, it would be taken for detail.
        """
        means = {level: _mean(pooled) for level, pooled in self.sums.items()}
        if self.trust is None:
            means = {level: shrunk(means.pop(level), level, count) for level in self.sums}
        mean = Pyramid([means[level] for level in range(len(self.sizes))], self.sizes, means.get(-1))
        return mean, LEFT if self.trust is None else 1 / count

    def _pool(self, seen: Pyramid, motion: Motion, sign: float) -> None:
        for level, pooled in self.sums.items():
            _pool(pooled, seen, level, motion, sign)


def _differ(found: Alignment, before: Alignment) -> bool:
    return float(np.abs(found.nodes - before.nodes).max()) > MAX_CHANGE


def _mean(pooled: Float32) -> Float32:
    mean = np.maximum(pooled[..., 1], 1)
    return np.divide(pooled[..., 0], mean, out=mean)


def _pool(pooled: Float32, seen: Pyramid, level: int, motion: Motion, sign: float) -> None:
    """Add or take away what a level of a frame has where the reference's pixels lie."""
    band, (h, w) = seen.band(level), seen.size(level)
    rows, columns = (n // TILE for n in band.shape)
    if level < 0:
        motion = motion.finer()
    elif motion.tiles is not None:
        high, wide = (n // m for n, m in zip(motion.tiles.shape, (rows, columns), strict=False))
        tiles = motion.tiles.reshape(rows, high, columns, wide, 2).mean((1, 3))
        motion = replace(motion, tiles=tiles)
    kernels.call(
        "burst_pool",
        band=band.ravel(),
        grid=motion.nodes(level, rows, columns),
        width=w,
        height=h,
        sign=sign,
        before=pooled,
        pooled=pooled,
    )
