"""The noise model of a raw image whose file states none, from the image itself (docs/algorithms/denoise.md)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw.image import NoiseProfile, RawImage

Float64 = NDArray[np.float64]

_SIDE = 8  # samples of one colour along a block
_BLOCKS = 16384  # of one plane of the CFA that are looked at, at most
_BINS = 24  # of brightness
_FLATTEST = 0.15  # share of a bin's blocks that is taken for noise alone
_FEWEST = 8  # blocks of a bin
_ROOM = 3.2  # deviations of the noise that a bin must lie above the file's zero
_UNKNOWN = (1e-4, 1e-6)  # where an image has nothing to look at

_K = np.arange(_SIDE)
_DCT = np.sqrt(2 / _SIDE) * np.cos(np.pi * (2 * _K + 1) * _K[:, None] / (2 * _SIDE))
_DCT[0] /= np.sqrt(2)
_SUM = _K + _K[:, None]
_FINE = _SUM >= 9
_MEASURED = _FINE & (_K % 2 == 0)
_JUDGED = (_SUM >= 1) & ~_MEASURED
# The middle of such energies lies under their mean, as that of a chi-squared variable (Wilson and Hilferty 1931).
_MIDDLE = (1 - 2 / (9 * _MEASURED.sum())) ** 3


def estimate_noise_from_frame(raw: RawImage) -> NoiseProfile:
    """NoiseProfile of one raw image (mosaic or linear raw), with `source` "estimated".

    Blocks of 8 x 8 samples of one colour are transformed (DCT). Among blocks of one brightness, those with the least
    energy are taken for flat, and the mean energy of their finest frequencies is the noise's variance: selection and
    measurement look at different coefficients, so that the one does not bias the other. A line through
    all brightnesses gives scale and offset; the samples of a mosaic, read out by one circuit, share them. After
    Ponomarenko et al. 2007, "An automatic approach to lossy compression of AVIRIS images". Brightnesses at which the
    file cuts noise off are left out. Noise that a lossy codec or the camera took out of fine detail goes unseen.
    """
    if raw.cfa is None:
        planes = [_blocks(raw.mosaic[..., i], float(raw.black[0, i]), float(raw.white[0, i])) for i in range(3)]
        scale, offset = zip(*map(_line, planes), strict=True)
        return NoiseProfile(scale, offset, source="estimated")
    places = list(np.ndindex(2, 2))
    planes = [_blocks(raw.mosaic[y::2, x::2], float(raw.black[y, x]), float(raw.white[y, x])) for y, x in places]
    common = _line(np.concatenate(planes, axis=1))
    return NoiseProfile((common[0],) * 3, (common[1],) * 3, source="estimated")


def _blocks(plane: NDArray[np.generic], black: float, white: float) -> Float64:
    """(4, n): mean, judged and measured energy of blocks, and how far the mean is above what the file cuts off."""
    rows, columns = plane.shape[0] // _SIDE, plane.shape[1] // _SIDE
    if not rows or not columns:
        return np.zeros((4, 0))
    step = max(1, -(-rows * columns // _BLOCKS))
    parts = plane[: rows * _SIDE, : columns * _SIDE].reshape(rows, _SIDE, columns, _SIDE).swapaxes(1, 2)
    # Every step-th block, taken along rows that shift against each other.
    chosen = np.arange(0, rows * columns, step)
    stored = parts[chosen // columns, chosen % columns].astype(np.float64)
    samples = (stored - black) / max(white - black, 1.0)
    samples = samples[samples.max((1, 2)) < 0.98]
    energy = np.square(_DCT @ samples @ _DCT.T)
    mean = samples.mean((1, 2))
    return np.stack(
        [mean, energy[:, _JUDGED].mean(1), energy[:, _MEASURED].mean(1), mean + black / max(white - black, 1.0)]
    )


def _line(blocks: Float64) -> tuple[float, float]:
    """(scale, offset) of variance = scale * mean + offset."""
    mean, judged, measured, above = blocks
    if mean.size < _FEWEST:
        return _UNKNOWN
    order = np.argsort(mean, kind="stable")
    bins = []
    for part in np.array_split(order, max(1, min(_BINS, mean.size // (4 * _FEWEST)))):
        count = min(part.size, max(_FEWEST, int(_FLATTEST * part.size)))
        flat = part[np.argsort(judged[part], kind="stable")[:count]]
        # The mean of the middle half: a hot pixel or a fine edge is no noise.
        values = np.sort(measured[flat])
        variance = values[count // 4 : max(count // 4 + 1, 3 * count // 4)].mean() / _MIDDLE
        bins.append((mean[flat].mean(), variance, count, above[flat].mean() / np.sqrt(max(variance, 1e-12))))
    x, v, weights, room = np.array(bins).T
    if (room > _ROOM).sum() >= 2:
        x, v, weights = x[room > _ROOM], v[room > _ROOM], weights[room > _ROOM]
    x, v = np.maximum(x, 0), np.maximum(v, 1e-12)
    weight = np.sqrt(weights) / v
    scale, offset = _fit(x, v, weight)
    for _ in range(20):
        model = np.maximum(scale * x + offset, 1e-12)
        # Texture only ever adds: bins above the line count less.
        weight = np.sqrt(weights) / model / (1 + 8 * np.maximum(v / model - 1, 0))
        scale, offset = _fit(x, v, weight)
    return max(scale, 1e-9), max(offset, 1e-10)


def _fit(x: Float64, v: Float64, weight: Float64) -> tuple[float, float]:
    """Weighted least squares for v = scale x + offset, neither below 0."""
    columns = np.stack([x, np.ones_like(x)], 1) * weight[:, None]
    scale, offset = (float(value) for value in np.linalg.lstsq(columns, v * weight, rcond=None)[0])
    squares = np.square(weight)
    if scale < 0:
        return 0.0, float(np.average(v, weights=squares))
    if offset < 0:
        return float((squares * x * v).sum() / max((squares * x * x).sum(), 1e-30)), 0.0
    return scale, offset
