"""Where each part of a frame lies in the reference: global motion first, then tiles, to a few hundredths of a pixel.

Coarse to fine on a pyramid of half-resolution luma in units of its noise, band-passed so that neither shading nor hot
pixels hold it at zero. The coarsest level gives shift and rotation by phase correlation (Kuglin and Hines 1975) over a
few angles; every level then refines a global motion by Gauss-Newton steps (Lucas and Kanade 1981), the finer ones also
what single tiles do beyond it, as a smooth field: each tile weighs by the certainty of its own measurement, so that
flat or moving tiles follow their neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.burst.belief import Belief
from fotohaus.burst.consensus import DECIDED, Trust, consensus
from fotohaus.burst.motion import MAX_SLOPE, Motion, coarse_motion
from fotohaus.burst.pyramid import CORRELATION, FINEST_CORRELATION, TILE, Pyramid, noise_response
from fotohaus.raw.image import Float32, Float64

LOCAL_LEVELS = 3  # finest levels that refine tiles
NEIGHBOUR_SIGMA = 0.1  # px of the level by which neighbouring tiles differ where the global motion does not hold
PRIOR_SIGMA = 1.0  # px of the level by which a tile is expected to differ from the global motion
WINDOWS = (1, 4)  # tiles around one that must prove a displacement of their own
PROOF = 8.0  # log of the likelihood ratio at which they are believed
SYSTEMATIC = 0.02  # px of a level to which what it measures can be trusted at best
SYSTEMATIC_TOGETHER = 0.004  # the same against a mean, in which what is no noise averages out, too
SURE = 1.5  # variance of a difference, in units of a frame's, below which the reference's own gradients tell the detail
CHANCE = 0.1  # of the gradients around a tile that noise alone may take from what both frames have
MIN_SHARE = 0.01  # of a tile's gradients that is taken to be detail
MIN_MATCHED = 0.35  # share of the detail that must match
MIN_TRUSTED = 0.6  # the same of what is trusted, where something moves by itself
EXPLAINED = 0.95  # share of the detail that matches where nothing moves by itself
DIM = 0.1  # px that noise leaves of an alignment, from which what matches may be a subject alone
APART = 1.25  # px of the voting level between what was found first and what most agree on
MIN_OVERLAP = 0.2  # of the image
MANY = 1500  # tiles of a level, of which a quarter is enough for a first step
STIFF = 0.003  # px: the deviation in shape of a frame that only shifts and turns


@dataclass(frozen=True)
class Alignment:
    """Where the reference's pixels lie in a frame.

    nodes : (rows + 1, columns + 1, 2) float32, displacement (dx, dy) in px of the mosaic at the corners of the tiles of
        64 px, bilinear between: what the reference has at p, the frame has at p + d(p).
    matched : (rows, columns) bool, tiles whose residual is explained by noise.
    textured : (rows, columns) bool, tiles with enough detail to tell.
    ok : whether the frames show the same scene.
    motion : what the nodes were made of.
    error : px of the mosaic that the noise alone leaves, RMS over the image, if the frame only shifts and turns.
    explained : share of what has detail that matches, over the levels that tiles refine.
    trust : the parts that told the global motion; None where nothing was seen to move by itself.
    """

    nodes: Float32
    matched: NDArray[np.bool_]
    textured: NDArray[np.bool_]
    ok: bool
    motion: Motion
    error: float
    explained: float
    trust: Trust | None


def align(
    reference: Pyramid, moved: Pyramid, blocks: tuple[int, int], own: float = 1.0, trust: Trust | None = None
) -> Alignment:
    """Find the displacement of `moved` against `reference`.

    blocks : (rows, columns) of quads that the displacement must cover. own : variance of the reference's noise in units
    of the moved frame's. trust : what of the reference is known not to move by itself, if something does.
    """
    found = None
    if trust is None:
        found = refine(coarse_motion(reference, moved), reference, moved, blocks, own)
        calm = found.ok and found.explained > EXPLAINED
        if calm and found.error < DIM:
            return found
    motion, most, clear = consensus(reference, moved)
    if found is not None and calm:
        # In the dark a subject may be all that shows: then most lies elsewhere.
        apart = (motion.coefficients - found.motion.coefficients)[:2] / 2.0**most.level
        if np.hypot(*apart) < APART:
            return found
    # Something moves by itself, and may have been followed.
    least = 0.0 if clear > DECIDED else MIN_MATCHED
    agreed = refine(motion, reference, moved, blocks, own, most.both(trust), least)
    return agreed if found is None or agreed.ok or not found.ok else found


def refine(
    motion: Motion,
    reference: Pyramid,
    moved: Pyramid,
    blocks: tuple[int, int],
    own: float = 1.0,
    trust: Trust | None = None,
    least: float = MIN_MATCHED,
) -> Alignment:
    """As `align`, from a first guess of the global motion, which is changed.

    trust : parts of the reference that tell the global motion; the guess must then be good to a pixel of its level.
    least : share of the detail that must match.
    """
    top = len(reference.bands) - 1 if trust is None else trust.level
    h, w = reference.sizes[0]
    belief = Belief.about(motion, 2.0 * 2.0**top)
    noise = 1 + own
    seen = np.diag([0.0] * 3 + [STIFF**-2] * (len(motion.coefficients) - 3))
    explained = np.zeros(4)
    for level in range(top, -1, -1):
        if level < LOCAL_LEVELS:
            motion.grow(*(n // TILE for n in reference.bands[level].shape))
        sums, step, known = _global_steps(motion, belief, reference, moved, level, noise, trust)
        seen += known
        if level < LOCAL_LEVELS:
            fits, tells = _verdict(sums, noise, level)
            trusted = tells if trust is None else tells & (trust.tiles(level, *tells.shape) > 0)
            counts = [(fits & tells).sum(), tells.sum(), (fits & trusted).sum(), trusted.sum()]
            explained += np.array(counts) * 4.0**level
            _local_step(motion, sums, step, level, noise)
    if moved.fine is not None:
        # Level -1 moves the whole; what tiles do beyond it is level 0's.
        finer = motion.finer()
        seen += _global_steps(finer, belief, reference, moved, -1, noise, trust)[2]
        motion.coefficients = finer.coefficients
    matched, textured = _verdict(sums, noise, 0)
    nodes = motion.nodes(0, blocks[0] // TILE, blocks[1] // TILE)
    share, of_trusted = (float(a / b) if b else 1.0 for a, b in (explained[:2], explained[2:]))
    ok = share >= least and (trust is None or of_trusted >= MIN_TRUSTED)
    ok = ok and sums[..., 7].sum() >= MIN_OVERLAP * h * w
    ok = ok and all(np.abs(np.diff(nodes, axis=axis)).max() <= MAX_SLOPE * TILE for axis in (0, 1))
    spread = 2 * _spread(motion, seen, h, w)
    return Alignment(2 * nodes, matched, textured, bool(ok), motion, spread, share, trust)


def _spread(motion: Motion, precision: Float64, height: int, width: int) -> float:
    """Deviation of the displacement over an image, px of the finest level per axis, of coefficients so well known."""
    rows, columns = max(height // TILE, 1), max(width // TILE, 1)
    at = motion.basis(0, rows, columns, 0.5).reshape(-1, len(precision))
    covariance = np.linalg.inv(precision + 1e-12 * np.eye(len(precision)))
    return float(np.sqrt(np.einsum("ni,ij,nj->n", at, covariance, at, optimize=True).mean()))


def _sums(motion: Motion, reference: Pyramid, moved: Pyramid, level: int, every: int = 1) -> Float64:
    """(rows, columns, 11) sums of a Lucas-Kanade step per tile (see the kernel), of one in `every` along both axes."""
    band = reference.band(level)
    rows, columns = band.shape[0] // TILE, band.shape[1] // TILE
    sums = kernels.empty((rows // every, columns // every, 11))
    h, w = reference.size(level)
    kernels.call(
        "burst_tiles",
        reference=band.ravel(),
        moved=moved.band(level).ravel(),
        grid=motion.nodes(level, rows, columns),
        width=w,
        height=h,
        every=every,
        sums=sums,
    )
    return sums.astype(np.float64)


@dataclass(frozen=True)
class _Measured:
    """What a level says about each tile's displacement: (rows, columns[, 2[, 2]]), in px of the level.

    Lucas-Kanade's normal equations are raw v = vector; but part of that tensor is the reference's own noise. The
    product of both frames' gradients (net) has none, and is the vector's response to a true displacement; the vector's
    covariance stays the raw tensor.
    """

    raw: Float64
    net: Float64  # may be indefinite: a sum over tiles has a smaller error than each
    vector: Float64

    @classmethod
    def of(
        cls,
        sums: Float64,
        level: int,
        noise: float,
        believed: float | Float64 = 1.0,
        correlation: float = CORRELATION,
    ) -> _Measured:
        """From the kernel's sums; tiles whose residual stands out lose their weight.

        noise : variance of a difference that is only noise, in units of a frame's. believed : 0 ... 1, per tile.
        correlation : px over which its noise is one sample.
        """
        variance, gradient = noise_response(level)
        n = np.maximum(sums[..., 7], 1)
        seen = sums[..., 7] > TILE
        residual = sums[..., 5] / n
        excess = np.maximum(residual - noise * variance, 0)
        typical = float(np.median(excess[seen])) if seen.any() else 0.0
        weight = seen / (1 + (excess / (2 * typical + variance)) ** 2)
        weight /= correlation * np.maximum(0.5 * variance, residual)
        raw = np.stack([sums[..., 0], sums[..., 1], sums[..., 1], sums[..., 2]], -1).reshape(*n.shape, 2, 2)
        net = np.stack([sums[..., 8], sums[..., 9], sums[..., 9], sums[..., 10]], -1).reshape(*n.shape, 2, 2)
        # Flat tiles add noise to a sum and nothing else: each counts by its share of detail.
        total = raw[..., 0, 0] + raw[..., 1, 1]
        around = _window(total, 1)
        both = _window(net[..., 0, 0] + net[..., 1, 1], 1)
        if noise < SURE:
            # The residual tells the noise, and so how much of the reference's gradients is; the rest must be in both.
            detail = total - sums[..., 5] * (gradient / variance * (noise - 1) / noise)
            share = np.clip(detail / np.maximum(total, 1e-12), MIN_SHARE, 1)
            share = share * np.clip((both + CHANCE * around) / np.maximum(_window(detail, 1), 1e-12), MIN_SHARE, 1)
        else:
            share = np.clip(both / np.maximum(around, 1e-12), MIN_SHARE, 1)
        weight = weight * share * believed
        raw = raw * (weight * share)[..., None, None]
        return cls(raw, net * weight[..., None, None], -sums[..., 3:5] * weight[..., None])


def _global_steps(
    motion: Motion,
    belief: Belief,
    reference: Pyramid,
    moved: Pyramid,
    level: int,
    noise: float,
    trust: Trust | None,
) -> tuple[Float64, Float64, Float64]:
    """Refine the global motion on one level, and the belief with what the level knows.

    Gives the last sums and step, and the coefficients' precision as far as noise goes.

    The levels' bands hardly overlap, so what they say adds up: where the finest is all noise, the coarser ones stand.
    """
    scale = 2.0**level
    rows, columns = (n // TILE for n in reference.band(level).shape)
    # From where the first step leads, the second finds what all tiles together say: a quarter can show the way.
    few = level <= 0 and rows * columns >= MANY
    # Between single frames aliasing, which is no noise, takes as much from the finest level.
    calm = level <= 0 and noise < SURE and trust is None
    correlation = FINEST_CORRELATION if calm else CORRELATION
    for i in range(4 if level > 0 else 2):
        every = 2 if few and i == 0 else 1
        sums = _sums(motion, reference, moved, level, every)
        part = tuple(slice(every // 2, n * every, every) for n in sums.shape[:2])
        believed = 1.0 if trust is None else trust.tiles(level, rows, columns)[part]
        measured = _Measured.of(sums, level, noise, believed, correlation)
        basis = motion.basis(level, rows, columns, 0.5)[part] / scale
        raw = np.einsum("yxai,yxaj->ij", basis, measured.raw @ basis, optimize=True)
        net = np.einsum("yxai,yxaj->ij", basis, measured.net @ basis, optimize=True)
        vector = np.einsum("yxai,yxa->i", basis, measured.vector)
        gain, exact = _certain(raw, net)
        now = motion.coefficients
        # What is no noise (aliasing, interpolation) is a share of the level's pixel, however much detail there is.
        systematic = SYSTEMATIC_TOGETHER if noise < SURE else SYSTEMATIC
        damp = np.linalg.inv(np.eye(len(now)) + (systematic * scale) ** 2 * exact)
        says, known = damp @ (gain @ vector + exact @ now), damp @ exact
        step = belief.mean(now, known, says) - now
        largest = float(np.abs(step).max()) / scale
        step *= min(1.0, 2.0 / max(largest, 1e-9))
        motion.coefficients = now + step
        if every == 1 and largest < 0.003:
            break
    belief.learn(known, says)
    return sums, step, exact


def _certain(raw: Float64, net: Float64) -> tuple[Float64, Float64]:
    """(..., n, n) gain and precision of normal equations whose response is `net` and whose covariance is `raw`."""
    values, vectors = np.linalg.eigh((net + net.swapaxes(-1, -2)) / 2)
    net = (vectors * np.maximum(values, 0)[..., None, :]) @ vectors.swapaxes(-1, -2)
    gain = net @ np.linalg.inv(raw + 1e-6 * np.eye(raw.shape[-1]))
    return gain, gain @ net


def _local_step(motion: Motion, sums: Float64, step: Float64, level: int, noise: float) -> None:
    """One step of the tiles' field: every tile's own measurement, made smooth by how certain each is.

    `step` is how far the global motion has gone since the sums were made.
    """
    assert motion.tiles is not None
    measured = _Measured.of(sums, level, noise)
    gain, known = _certain(measured.raw, measured.net)
    vector = (gain @ measured.vector[..., None])[..., 0]
    before = motion.tiles / 2.0**level
    rows, columns = before.shape[:2]
    done = motion.basis(level, rows, columns, 0.5) @ step / 2.0**level
    right = vector + (known @ (before - done)[..., None])[..., 0]
    proven = _proven(known, right)
    if proven.max() < 0.01:
        motion.tiles[...] = 0
        return
    motion.tiles = _smooth(known, right, before) * proven[..., None] * 2.0**level


def _proven(known: Float64, right: Float64) -> Float64:
    """(rows, columns) 0 ... 1: whether tiles around really do something else than the global motion.

    `right` = known m, whose variance is `known` if they do not. Likelihood ratio of one displacement for the tiles of a
    window, of two sizes: half of chi squared with two degrees of freedom.
    """
    gate = np.zeros(right.shape[:2])
    for reach in WINDOWS:
        precision = _window(known, reach) + 1e-9 * np.eye(2)
        vector = _window(right, reach)[..., None]
        variance = precision + SYSTEMATIC**2 / reach * precision @ precision
        ratio = (vector.swapaxes(-1, -2) @ np.linalg.solve(variance, vector))[..., 0, 0] / 2
        gate = np.maximum(gate, 1 / (1 + np.exp(np.clip(PROOF - ratio, -30, 30))))
    return _window(gate, 1) / _window(np.ones_like(gate), 1)


def _window(values: Float64, reach: int) -> Float64:
    """Sum over the tiles up to `reach` rows and columns away."""
    for axis in (0, 1):
        total = np.cumsum(values, axis)
        total = np.concatenate([np.zeros_like(total.take([0], axis)), total], axis)
        last = values.shape[axis]
        i = np.arange(last)
        values = total.take(np.minimum(i + reach + 1, last), axis) - total.take(np.maximum(i - reach, 0), axis)
    return values


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


def _verdict(sums: Float64, noise: float, level: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Per tile: whether the residual is noise and a small part of the detail, and whether there is detail at all."""
    variance, _ = noise_response(level)
    n = np.maximum(sums[..., 7], 1)
    residual, power = sums[..., 5] / n, sums[..., 6] / n
    seen = sums[..., 7] > TILE
    detail = np.maximum(power - noise / 2 * variance, 0)
    matched = seen & (residual - noise * variance < 0.5 * variance + 0.3 * detail)
    return matched, seen & (detail > 0.5 * variance)
