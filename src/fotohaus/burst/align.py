"""Where each part of a frame lies in the reference: global motion first, then tiles, to a few hundredths of a pixel.

Coarse to fine on a pyramid of half-resolution luma in units of its noise, band-passed so that neither shading nor hot
pixels hold it at zero. The coarsest level gives shift and rotation by phase correlation (Kuglin and Hines 1975) over a
few angles; every level then refines an affine motion by Gauss-Newton steps (Lucas and Kanade 1981; robust weights for
tiles), the finer ones also what single tiles do beyond it, as a smooth field: each tile weighs by the certainty of its
own measurement, so that flat or moving tiles follow their neighbours.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.burst.frame import PAD, Frame
from fotohaus.raw.image import Float32, Float64

TILE = 32
"""Pixels of a level in a tile; at the finest level 64 px of the mosaic."""

MAX_LEVELS = 6
MIN_SIZE = 48  # px of the coarsest level's smaller side
HOT_MARGIN = 6.0  # noise sigmas beyond its neighbours that a quad may stand out
LOCAL_LEVELS = 3  # finest levels that refine tiles
NEIGHBOUR_SIGMA = 0.02  # px of the level by which neighbouring tiles are expected to differ
PRIOR_SIGMA = 1.0  # px of the level by which a tile is expected to differ from the global motion
AFFINE_SIGMA = (1.0, 0.5, 0.5)
"""px of half resolution at the image's edge by which frames are expected to differ in scale, stretch and shear."""

CORRELATION = 6.0  # px over which the band-passed noise is one sample
MAX_SLOPE = 0.06  # change of the displacement per px: beyond 3.4 degrees frames are not one hand-held burst
MIN_MATCHED = 0.35  # share of the textured tiles that must match


@dataclass(frozen=True)
class Pyramid:
    """Band-passed luma, finest first, and the size (h, w) of each level that means something."""

    bands: list[Float32]
    sizes: list[tuple[int, int]]

    @property
    def sharpness(self) -> float:
        """Energy of the second finest level: between frames of one burst, the sharper has more."""
        level = min(1, len(self.bands) - 1)
        h, w = self.sizes[level]
        return float(np.square(self.bands[level][:h:2, :w:2]).mean())


@dataclass(frozen=True)
class Alignment:
    """Where the reference's pixels lie in a frame.

    nodes : (rows + 1, columns + 1, 2) float32, displacement (dx, dy) in px of the mosaic at the corners of the tiles of
        64 px, bilinear between: what the reference has at p, the frame has at p + d(p).
    matched : (rows, columns) bool, tiles whose residual is explained by noise.
    textured : (rows, columns) bool, tiles with enough detail to tell.
    ok : whether the frames show the same scene.
    """

    nodes: Float32
    matched: NDArray[np.bool_]
    textured: NDArray[np.bool_]
    ok: bool


def pyramid(frame: Frame) -> Pyramid:
    """Luma pyramid of a frame, band by band."""
    rows, columns = frame.quads
    levels = 1
    while levels < MAX_LEVELS and min(rows, columns) >> levels >= MIN_SIZE:
        levels += 1
    step = TILE << (levels - 1)
    luma = np.empty((-(-rows // step) * step, -(-columns // step) * step), np.float32)
    kernels.call(
        "burst_luma",
        mosaic=frame.padded,
        black=frame.black,
        scale=frame.scale,
        pad=PAD,
        width=columns,
        height=rows,
        noise_scale=max(float(frame.noise_scale.mean()), 1e-7),
        noise_offset=max(float(frame.noise_offset.mean()), 1e-10),
        margin=HOT_MARGIN,
        luma=luma,
    )
    sizes = [(rows >> k, columns >> k) for k in range(levels)]
    return Pyramid(_bands(luma, levels), sizes)


def _bands(luma: Float32, levels: int) -> list[Float32]:
    bands = []
    for level in range(levels):
        if level:
            half = np.empty((luma.shape[0] // 2, luma.shape[1] // 2), np.float32)
            kernels.call("burst_halve", luma=luma, half=half)
            luma = half
        band = np.empty_like(luma)
        kernels.call("burst_bandpass", luma=luma, band=band)
        bands.append(band)
    return bands


@functools.cache
def _noise_response() -> list[tuple[float, float]]:
    """Per level: variance and mean squared gradient that unit noise of the luma leaves in the band."""
    side = TILE << (MAX_LEVELS - 1)
    noise = np.random.default_rng(0).standard_normal((side, side), np.float32)
    bands = _bands(noise, MAX_LEVELS)
    return [(float(b.var()), float(np.square((b[:, 2:] - b[:, :-2]) / 2).mean())) for b in bands]


@dataclass
class _Motion:
    """Displacement d(p) = shift + slope (p - centre) + tiles, in px of the finest level."""

    shift: Float64
    slope: Float64
    centre: Float64
    tiles: Float64 | None = None  # (rows, columns, 2) of the level that was refined last

    def nodes(self, level: int, rows: int, columns: int) -> Float32:
        """(rows + 1, columns + 1, 2) float32 displacement at the corners of the tiles of a level, in its px."""
        y = (np.arange(rows + 1) * TILE) * 2.0**level - 0.5 - self.centre[1]
        x = (np.arange(columns + 1) * TILE) * 2.0**level - 0.5 - self.centre[0]
        p = np.stack(np.broadcast_arrays(x[None, :], y[:, None]), -1)
        d = self.shift + p @ self.slope.T
        if self.tiles is not None:
            have_rows, have_columns = self.tiles.shape[:2]
            i = np.clip(np.arange(rows + 2) - 1, 0, have_rows - 1)
            j = np.clip(np.arange(columns + 2) - 1, 0, have_columns - 1)
            t = self.tiles[i][:, j]
            d += (t[1:, 1:] + t[:-1, 1:] + t[1:, :-1] + t[:-1, :-1]) / 4
        return kernels.planar((d / 2.0**level).astype(np.float32))


def align(reference: Pyramid, moved: Pyramid, blocks: tuple[int, int]) -> Alignment:
    """Find the displacement of `moved` against `reference`.

    blocks : (rows, columns) of quads that the displacement must cover.
    """
    top = len(reference.bands) - 1
    h, w = reference.sizes[0]
    motion = _Motion(np.zeros(2), np.zeros((2, 2)), np.array([(w - 1) / 2, (h - 1) / 2]))
    _coarse(motion, reference, moved, top)
    start = np.concatenate([motion.shift, [motion.slope[1, 0] * motion.centre.max(), 0, 0, 0]])
    coarse = 2.0**top
    belief = _Belief(start, np.diag(np.array([2 * coarse, 2 * coarse, 2 * coarse, *AFFINE_SIGMA]) ** -2.0))
    for level in range(top, -1, -1):
        _global_steps(motion, belief, reference, moved, level)
        if level < LOCAL_LEVELS:
            _grow(motion, level, reference.bands[level].shape)
            _local_step(motion, _sums(motion, reference, moved, level), level)
    sums = _sums(motion, reference, moved, 0)
    matched, textured = _verdict(sums)
    count, seen = int(textured.sum()), sums[..., 7]
    ok = np.abs(motion.slope).max() <= MAX_SLOPE and seen.sum() >= 0.2 * h * w
    ok = ok and (count == 0 or (matched & textured).sum() >= MIN_MATCHED * count)
    nodes = motion.nodes(0, blocks[0] // TILE, blocks[1] // TILE)
    return Alignment(2 * nodes, matched, textured, bool(ok))


def _sums(motion: _Motion, reference: Pyramid, moved: Pyramid, level: int) -> Float64:
    """(rows, columns, 8) sums of a Lucas-Kanade step per tile (see the kernel)."""
    band = reference.bands[level]
    rows, columns = band.shape[0] // TILE, band.shape[1] // TILE
    sums = kernels.empty((rows, columns, 8))
    h, w = reference.sizes[level]
    kernels.call(
        "burst_tiles",
        reference=band,
        moved=moved.bands[level],
        grid=motion.nodes(level, rows, columns),
        width=w,
        height=h,
        sums=sums,
    )
    return sums.astype(np.float64)


@dataclass(frozen=True)
class _Measured:
    """What a level says about each tile's displacement: (rows, columns[, 2[, 2]]), in px of the level.

    Lucas-Kanade's normal equations are raw v = vector; but part of the tensor is the reference's own noise. What is
    left of it (net) is the response to a true displacement, while the vector's covariance stays the raw tensor.
    """

    raw: Float64
    net: Float64  # may be indefinite: a sum over tiles has a smaller error than each
    vector: Float64

    @classmethod
    def of(cls, sums: Float64, level: int) -> _Measured:
        """From the kernel's sums; tiles whose residual stands out lose their weight."""
        variance, gradient = _noise_response()[level]
        n = np.maximum(sums[..., 7], 1)
        seen = sums[..., 7] > TILE
        residual = sums[..., 5] / n
        excess = np.maximum(residual - 2 * variance, 0)
        typical = float(np.median(excess[seen])) if seen.any() else 0.0
        weight = seen / (1 + (excess / (2 * typical + variance)) ** 2)
        weight /= CORRELATION * np.maximum(2 * variance, residual)
        raw = np.stack([sums[..., 0], sums[..., 1], sums[..., 1], sums[..., 2]], -1).reshape(*n.shape, 2, 2)
        net = raw - gradient * n[..., None, None] * np.eye(2)
        return cls(raw * weight[..., None, None], net * weight[..., None, None], -sums[..., 3:5] * weight[..., None])


@dataclass
class _Belief:
    """Gaussian belief about the six global parameters, in px of the finest level at the image's reach."""

    mean: Float64
    precision: Float64


# Columns: shift x, shift y, rotation, scale, stretch, shear.
_SLOPES = np.array([[[0, -1], [1, 0]], [[1, 0], [0, 1]], [[1, 0], [0, -1]], [[0, 1], [1, 0]]], float)


def _global_steps(motion: _Motion, belief: _Belief, reference: Pyramid, moved: Pyramid, level: int) -> None:
    """Refine the global motion on one level, and the belief with what the level knows.

    The levels' bands hardly overlap, so what they say adds up: where the finest is all noise, the coarser ones stand.
    """
    reach = float(motion.centre.max()) + 1
    scale = 2.0**level
    for _ in range(4 if level else 2):
        measured = _Measured.of(_sums(motion, reference, moved, level), level)
        rows, columns = measured.raw.shape[:2]
        x = ((np.arange(columns) + 0.5) * TILE * scale - 0.5 - motion.centre[0]) / reach
        y = ((np.arange(rows) + 0.5) * TILE * scale - 0.5 - motion.centre[1]) / reach
        p = np.stack(np.broadcast_arrays(x[None, :], y[:, None]), -1)
        basis = np.empty((rows, columns, 2, 6))
        basis[..., :2] = np.eye(2)
        basis[..., 2:] = np.einsum("kab,yxb->yxak", _SLOPES, p)
        basis /= scale
        raw = np.einsum("yxai,yxaj->ij", basis, measured.raw @ basis, optimize=True)
        net = np.einsum("yxai,yxaj->ij", basis, measured.net @ basis, optimize=True)
        vector = np.einsum("yxai,yxa->i", basis, measured.vector)
        values, vectors = np.linalg.eigh(net)
        net = (vectors * np.maximum(values, 0)) @ vectors.T
        gain = net @ np.linalg.inv(raw + 1e-6 * np.eye(6))
        known = gain @ net
        now = np.concatenate([motion.shift, np.einsum("kab,ab->k", _SLOPES, motion.slope) * reach / 2])
        step = np.linalg.solve(known + belief.precision, gain @ vector + belief.precision @ (belief.mean - now))
        largest = float(np.abs(step).max()) / scale
        now += step * min(1.0, 2.0 / max(largest, 1e-9))
        motion.shift = now[:2]
        motion.slope = np.einsum("k,kab->ab", now[2:], _SLOPES) / reach
        if largest < 0.002:
            break
    belief.mean, belief.precision = now, belief.precision + known


def _grow(motion: _Motion, level: int, shape: tuple[int, ...]) -> None:
    """The tiles' field at the next finer level, by bilinear interpolation."""
    rows, columns = shape[0] // TILE, shape[1] // TILE
    if motion.tiles is None:
        motion.tiles = np.zeros((rows, columns, 2))
        return
    for axis, count in ((0, rows), (1, columns)):
        position = np.clip((np.arange(count) + 0.5) / 2 - 0.5, 0, motion.tiles.shape[axis] - 1)
        first = position.astype(int)
        later = np.minimum(first + 1, motion.tiles.shape[axis] - 1)
        part = (position - first).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        motion.tiles = motion.tiles.take(first, axis) * (1 - part) + motion.tiles.take(later, axis) * part


def _local_step(motion: _Motion, sums: Float64, level: int) -> None:
    """One step of the tiles' field: every tile's own measurement, made smooth by how certain each is."""
    assert motion.tiles is not None
    measured = _Measured.of(sums, level)
    values, vectors = np.linalg.eigh(measured.net)
    net = (vectors * np.maximum(values, 0)[..., None, :]) @ vectors.swapaxes(-1, -2)
    gain = net @ np.linalg.inv(measured.raw + 1e-6 * np.eye(2))
    known = gain @ net
    vector = (gain @ measured.vector[..., None])[..., 0]
    before = motion.tiles / 2.0**level
    right = vector + (known @ before[..., None])[..., 0]
    motion.tiles = _smooth(known, right, before) * 2.0**level


def _smooth(tensor: Float64, right: Float64, start: Float64) -> Float64:
    """Minimise sum (v - m)' T (v - m) + |differences of neighbours|^2 / NEIGHBOUR_SIGMA^2 + |v|^2 / PRIOR_SIGMA^2.

    `right` is T m. Conjugate gradients, preconditioned by the 2x2 diagonal.
    """
    tie, hold = NEIGHBOUR_SIGMA**-2, PRIOR_SIGMA**-2

    def apply(v: Float64) -> Float64:
        out = (tensor @ v[..., None])[..., 0] + hold * v
        for axis in (0, 1):
            d = tie * np.diff(v, axis=axis)
            lead: tuple[slice, ...] = (slice(None),) * axis
            out[(*lead, slice(1, None))] += d
            out[(*lead, slice(None, -1))] -= d
        return out

    inverse = np.linalg.inv(tensor + np.eye(2) * (4 * tie + hold))
    v = start
    residual = right - apply(v)
    ready = (inverse @ residual[..., None])[..., 0]
    direction, energy = ready, float((residual * ready).sum())
    for _ in range(60):
        if energy < 1e-10:
            break
        along = apply(direction)
        step = energy / float((direction * along).sum())
        v = v + step * direction
        residual = residual - step * along
        ready = (inverse @ residual[..., None])[..., 0]
        after = float((residual * ready).sum())
        direction, energy = ready + after / energy * direction, after
    return v


def _verdict(sums: Float64) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Per tile: whether the residual is noise and a small part of the detail, and whether there is detail at all."""
    variance = _noise_response()[0][0]
    n = np.maximum(sums[..., 7], 1)
    residual, power = sums[..., 5] / n, sums[..., 6] / n
    seen = sums[..., 7] > TILE
    detail = np.maximum(power - variance, 0)
    matched = seen & (residual - 2 * variance < 0.5 * variance + 0.3 * detail)
    return matched, seen & (detail > 0.5 * variance)


def _coarse(motion: _Motion, reference: Pyramid, moved: Pyramid, level: int) -> None:
    """Shift and rotation from the coarsest level: phase correlation at angles around the best."""
    h, w = reference.sizes[level]
    window = np.hanning(h + 2)[1:-1, None] * np.hanning(w + 2)[None, 1:-1]
    size = (1 << (h - 1).bit_length(), 1 << (w - 1).bit_length())
    still = np.fft.rfft2(reference.bands[level][:h, :w] * window, size)
    image = moved.bands[level][:h, :w]
    y, x = np.mgrid[:h, :w].astype(np.float64)
    y -= (h - 1) / 2
    x -= (w - 1) / 2

    @functools.cache
    def correlate(step: int) -> tuple[float, float, float]:
        """Height and place of the peak for a rotation by `step` steps."""
        angle = step * spacing
        cos, sin = np.cos(angle), np.sin(angle)
        turned = (
            image if step == 0 else _bilinear(image, cos * x - sin * y + (w - 1) / 2, sin * x + cos * y + (h - 1) / 2)
        )
        cross = np.fft.rfft2(turned * window, size) * np.conj(still)
        # Between correlation and phase correlation: noise has no phase worth a vote.
        surface = np.fft.irfft2(cross / np.sqrt(np.abs(cross) + 1e-9), size)
        peak = int(surface.argmax())
        py, px = divmod(peak, size[1])
        height = float(surface[py, px])
        sy = _parabola(surface[py - 1, px], height, surface[(py + 1) % size[0], px])
        sx = _parabola(surface[py, px - 1], height, surface[py, (px + 1) % size[1]])
        py -= size[0] if py > size[0] // 2 else 0
        px -= size[1] if px > size[1] // 2 else 0
        return height, px + sx, py + sy

    spacing = 1.5 / max(h, w)  # rad: the corner moves by less than a pixel
    best = 0
    for stride in (2, 1):
        while True:
            ahead = max((best - stride, best, best + stride), key=lambda s: (correlate(s)[0], s == best))
            if ahead == best or abs(ahead * spacing) > MAX_SLOPE:
                break
            best = ahead
    _, dx, dy = correlate(best)
    angle = best * spacing
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    motion.slope = rotation - np.eye(2)
    motion.shift = rotation @ np.array([dx, dy]) * 2.0**level


def _bilinear(image: Float32, x: Float64, y: Float64) -> Float64:
    """The image at (x, y), zero outside."""
    h, w = image.shape
    x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
    inside = (x0 >= 0) & (x0 < w - 1) & (y0 >= 0) & (y0 < h - 1)
    fx, fy = x - x0, y - y0
    x0, y0 = np.clip(x0, 0, w - 2), np.clip(y0, 0, h - 2)
    upper = image[y0, x0] * (1 - fx) + image[y0, x0 + 1] * fx
    lower = image[y0 + 1, x0] * (1 - fx) + image[y0 + 1, x0 + 1] * fx
    return np.asarray((upper * (1 - fy) + lower * fy) * inside)


def _parabola(before: float, peak: float, after: float) -> float:
    """Where between -1/2 and 1/2 the parabola through three samples peaks."""
    bend = 2 * peak - before - after
    return float(np.clip((after - before) / (2 * bend), -0.5, 0.5)) if bend > 0 else 0.0
