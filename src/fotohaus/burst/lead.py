"""Which frame leads: the sharpest of the first, unless something is wrong with it that the others do not show."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fotohaus.burst.aligner import Seen
from fotohaus.burst.frame import as_quads, make_frame, noise_of_quads, padded_like
from fotohaus.burst.own_noise import DIFFERENT, Noises
from fotohaus.burst.pyramid import pyramid
from fotohaus.raw.image import Float32, NoiseProfile, RawImage
from fotohaus.raw.noise import noise_of

CELLS = 24
"""Cells of the longer side, in which frames are compared: a hand's shake is less than one."""

ODD = 1.3
"""Times lighter or darker than anything that the others have around: such a cell is odd."""

ODD_SHARE = 0.02
"""How much more of a frame may be odd than of the soundest one."""

_EVERY = 4  # quads between those that are looked at
_DEVIATIONS = 5.0  # of a cell's mean that may be noise


def sharpest(frames: Sequence[RawImage]) -> tuple[int, list[Seen] | None]:
    """Index of the frame with the most detail (Hasinoff et al. 2016, section 3) among those that look like the others,
    and what was made of each frame to tell.

    Three frames and more outvote one that is damaged in part without its decoder's noticing, or that a passer-by
    covers: nothing overrules a reference, so what is wrong with it would be the photo's. Noise is no detail: frames of
    more noise than others (of a higher ISO) do not lead. The earlier wins a tie.
    """
    if len(frames) == 1:
        return 0, None
    first = as_quads(frames[0])
    padded, noise = padded_like(first), noise_of(first)
    of_quads = noise_of_quads(first, noise, planes=frames[0].cfa is None)
    noises = Noises(first, noise, planes=frames[0].cfa is None)
    seen, lights, owns = [], [], []
    for raw in frames:
        quads = as_quads(raw)
        seen.append(Seen(pyramid(make_frame(quads, of_quads, padded)), of_quads))
        lights.append(_light(quads))
        owns.append(noises.of(quads))
    clean = np.array([1.0 if own is None else own.share for own in owns])
    noisiest = owns[int(clean.argmin())]
    odd = _odd_shares(np.stack(lights), noise if noisiest is None else noisiest.noise, first.mosaic.size)
    detail = np.where(clean * DIFFERENT < clean.max(), -0.5, [s.pyramid.sharpness for s in seen])
    return int(np.argmax(np.where(odd <= odd.min() + ODD_SHARE, detail, -1.0))), seen


def _odd_shares(lights: Float32, noise: NoiseProfile, samples: int) -> NDArray[np.float64]:
    """(n,) share of each of n frames' cells that are odd. lights : (n, rows, columns); samples : of a mosaic."""
    shares = np.zeros(len(lights))
    if len(lights) < 3:
        return shares  # of two, nobody can tell which
    looked_at = max(samples / lights[0].size / (2 * _EVERY) ** 2, 1)
    for i, light in enumerate(lights):
        least, most = _around(np.delete(lights, i, 0))
        slack = _DEVIATIONS * np.sqrt((noise.scale[1] * np.maximum(most, 0) + noise.offset[1]) / looked_at)
        shares[i] = ((light < least / ODD - slack) | (light > most * ODD + slack)).mean()
    return shares


def _light(raw: RawImage) -> Float32:
    """(rows, columns) mean of a few of green's samples in cells; 0 is black, 1 white."""
    row = 0 if raw.cfa is None or raw.cfa[1] == "G" else 1
    black, white = raw.black[row, 1], raw.white[row, 1]
    values = (raw.mosaic[row :: 2 * _EVERY, 1 :: 2 * _EVERY] - black) / np.float32(max(white - black, 1e-6))
    side = max(max(values.shape) / CELLS, 1)
    edges = [np.unique(np.arange(0, max(n - side / 2, 1), side).astype(int)) for n in values.shape]
    sums = np.add.reduceat(np.add.reduceat(values, edges[0], 0), edges[1], 1)
    counts = [np.diff([*e, n]) for e, n in zip(edges, values.shape, strict=True)]
    mean: Float32 = (sums / np.multiply.outer(*counts)).astype(np.float32)
    return mean


def _around(cells: Float32) -> tuple[Float32, Float32]:
    """Least and most of (n, rows, columns) cells, over all n and the neighbours of each place."""
    bordered = np.pad(cells, ((0, 0), (1, 1), (1, 1)), "edge")
    windows = np.lib.stride_tricks.sliding_window_view(bordered, (3, 3), axis=(1, 2))
    return windows.min((0, 3, 4)), windows.max((0, 3, 4))
