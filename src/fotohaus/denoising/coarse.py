"""Noise in large blotches, found by a coarser look at the whole picture (docs/algorithms/denoise.md)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.denoising.denoiser import LINEAR_POSITIONS, Denoiser, no_shift
from fotohaus.denoising.shrink import denoise, denoise_linear
from fotohaus.shading import Shading
from fotohaus.strips import in_threads, strips

Float32 = NDArray[np.float32]

CELL = 4
"""Quads along the side of a cell."""

_ROWS = 256  # of a strip
_LEAST = 8  # cells along the shorter side: below, there is nothing to see from afar
_LIGHTNESS, _COLOR = 0.45, 0.3  # thresholds there, of those of the full picture: far more of what is coarse is signal
_COLOR_FAR = 0.25  # the same for colour from farther still
_NOISE, _SIGNAL = 3.0, 4.5  # deviations of a cell: as much may be noise all of it, more than that none


def look_from_afar(
    denoiser: Denoiser,
    shape: tuple[int, int],
    light: Callable[[int, int], Float32],
    shading: Shading | None = None,
) -> Denoiser:
    """The denoiser with the noise of large cells known to it, so that it is taken out as well.

    shape : rows and columns of the whole mosaic (or linear raw). light : makes its rows, from the first to before the
    last, as `denoise` (or `denoise_linear`) gets them. shading : the lens-shading gains in them.

    The stabilised samples are averaged over cells of 4 x 4 quads, whose noise is white again and has a quarter of the
    deviation; that small picture is denoised as the large one is, and a still smaller one of it, for colour alone. What
    that takes away is noise too coarse for the blocks of the large picture to see, and is taken from their means;
    where it is more than noise can be, it stays. Multi-scale DCT denoising: Pierazzo, Morel and Facciolo 2017 (IPOL).
    """
    side = CELL if denoiser.linear else 2 * CELL
    if min(shape) < _LEAST * side:
        return denoiser
    rows, columns = (-(-size // side) for size in shape)
    shading = shading or Shading(np.ones((1, 1, 3 if denoiser.linear else 4), np.float32))
    cells = kernels.empty((rows, columns, 3)) if denoiser.linear else np.empty((2 * rows, 2 * columns), np.float32)
    each = 1 if denoiser.linear else 2

    def fill(strip: tuple[int, int]) -> None:
        top, bottom = strip
        # The kernel's last cell may begin above the strip.
        first = min(top, max(0, shape[0] - side) // 2 * 2)
        part = cells[top // side * each : -(-bottom // side) * each]
        _average(light(first, bottom), denoiser, shading.below(top).in_cells(side), part)

    for _ in in_threads(fill, strips(shape[0], _ROWS)):
        pass
    return replace(denoiser, shift=_shift(cells, denoiser))


def _average(light: Float32, denoiser: Denoiser, gains: Shading, cells: Float32) -> None:
    positions = LINEAR_POSITIONS if denoiser.linear else np.arange(4)
    kernels.call(
        "denoise_cells_linear" if denoiser.linear else "denoise_cells",
        **{"pixels" if denoiser.linear else "mosaic": kernels.planar(light, np.float32)},
        **denoiser.stabilising(positions, gains),
        cells=cells,
    )


def _shift(cells: Float32, denoiser: Denoiser) -> Float32:
    """(rows, columns, 4), what to add to the planes of each cell; cells : as the kernel makes them."""
    plan = _plan(denoiser, _LIGHTNESS, _COLOR)
    farther = _from_farther(cells, plan)
    clean = (denoise_linear if denoiser.linear else denoise)(cells, replace(plan, shift=farther))
    return _noise_alone(cells, clean, denoiser)


def _from_farther(cells: Float32, plan: Denoiser) -> Float32:
    side = CELL if plan.linear else 2 * CELL
    if min(cells.shape[:2]) < _LEAST * side:
        return plan.shift
    rows, columns = (-(-size // side) for size in cells.shape[:2])
    small = kernels.empty((rows, columns, 3)) if plan.linear else np.empty((2 * rows, 2 * columns), np.float32)
    _average(cells, plan, Shading(np.ones((1, 1, 3 if plan.linear else 4), np.float32)), small)
    # What is left of lightness there is signal: a threshold would take more of it than of noise.
    far = _plan(plan, _LIGHTNESS, _COLOR_FAR / _COLOR)
    shift = _noise_alone(small, (denoise_linear if plan.linear else denoise)(small, far), plan)
    shift[..., 0] = 0
    return shift


def _plan(denoiser: Denoiser, lightness: float, color: float) -> Denoiser:
    """How cells are denoised: stabilised by a root, with thresholds of these shares."""
    rise = denoiser.rise.copy(order="K")
    for plane, share in enumerate((lightness, color)):
        mean = rise[0, 0, plane]
        rise[..., plane] /= share
        rise[0, 0, plane] = mean
    ones, zeros = np.ones((2, 2), np.float32), np.zeros((2, 2), np.float32)
    return replace(
        denoiser,
        slope=ones,
        intercept=zeros,
        rise=rise,
        correction=np.zeros_like(denoiser.correction),
        first=np.zeros_like(denoiser.first),
        dark=CELL * denoiser.dark,
        shift=no_shift(),
    )


def _noise_alone(before: Float32, after: Float32, denoiser: Denoiser) -> Float32:
    """What denoising took away, in the planes of the larger picture, with its sign: added, it takes it away there."""
    taken = np.sqrt(np.abs(after))
    np.copysign(taken, after, out=taken)
    taken -= np.sqrt(before)
    if denoiser.linear:
        basis = denoiser.basis[:3, LINEAR_POSITIONS]
        samples = [taken[..., k] for k in range(3)]
    else:
        basis = denoiser.basis
        samples = [taken[i::2, j::2] for i in (0, 1) for j in (0, 1)]
    shift = np.zeros((4, *samples[0].shape), np.float32)
    for plane, weights in zip(shift, basis, strict=False):
        for sample, weight in zip(samples, weights, strict=True):
            plane += weight * sample
    size = np.sqrt(np.einsum("kyx,kyx->yx", shift, shift))
    shift *= np.clip((_SIGNAL - size) / (_SIGNAL - _NOISE), 0, 1) * np.float32(1 / CELL)
    return shift.transpose(1, 2, 0)
