"""The most probable picture behind a burst: all three colours at once, from the samples of all frames.

Each frame's samples are what a picture X of three colours shows where they lie: y = mosaic(warp X) + noise. The picture
that explains them best, and is as smooth as pictures are, is the maximum a posteriori (Hardie, Barnard and Armstrong
1997; for colour mosaics Farsiu, Elad and Milanfar 2006). No frame is demosaicked on the way.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from fotohaus import kernels
from fotohaus.burst.frame import PAD, Frame, make_frame, padded_like
from fotohaus.burst.window import AGREEMENT, CELL, CORE, REACH, WINDOW, Burst, Held, Space, Window, sites
from fotohaus.raw.image import Float32, NoiseProfile, UInt16

FADE = 10  # px to either side of a core's border over which windows are cross-faded

CONTRAST = 24.0
"""Strength of the prior on luma per relative noise (deviation over mean light): the noisier, the smoother."""

LUMA = (0.5, 2.0)
"""Its bounds. What a difference of neighbours costs beside what a sample does, both in units of noise; beyond the upper
one a reconstruction looks better by itself, but no better than a weaker one that is denoised afterwards."""

_DOUBT = (0.15, 0.35)  # estimated error of what was found, in variances of one frame's noise: all faith, none


def inverse_nodes(nodes: Float32) -> Float32:
    """Displacement from the frame to the reference, at nodes of the frame: that of `nodes`, the other way round."""
    rows, columns = nodes.shape[:2]
    v, u = np.mgrid[:rows, :columns].astype(np.float64)
    back = np.zeros(nodes.shape)
    for _ in range(6):
        y, x = v + back[..., 1] / CELL, u + back[..., 0] / CELL
        i, j = (np.clip(np.floor(p).astype(int), 0, n - 2) for p, n in ((y, rows), (x, columns)))
        # Beyond the last nodes the displacement goes on as it came.
        fy, fx = (np.clip(p - k, -2, 3)[..., None] for p, k in ((y, i), (x, j)))
        upper = nodes[i, j] * (1 - fx) + nodes[i, j + 1] * fx
        lower = nodes[i + 1, j] * (1 - fx) + nodes[i + 1, j + 1] * fx
        back = -(upper * (1 - fy) + lower * fy)
    return kernels.planar(back.astype(np.float32))


def agreement_of(difference: Float32, inverse_sigma: Float32, reference: Frame, margin: int) -> Float32:
    """Weight of a frame, 0 ... 1, per cell of 8x8 px: where it shows something else than the reference, it has none.

    difference : frame less reference by quad and plane, with `margin` quads around it.
    """
    rows, columns = ((n - 2 * margin) // (AGREEMENT // 2) for n in difference.shape[:2])
    cells = kernels.empty((rows, columns, 3))
    kernels.call(
        "reconstruct_agreement",
        difference=difference,
        inverse_sigma=inverse_sigma,
        reference=reference.padded,
        scale=reference.scale,
        margin=margin,
        pad=PAD,
        cells=cells,
    )
    coarse, fine, activity = (_around(cells[..., k], np.add) / np.float32(9) for k in range(3))
    # Demosaicking errs where there is detail, more so in the fine than in the coarse.
    activity = np.maximum(activity - 1, 0)
    coarse = np.maximum(coarse - 2.5, 0) / (1 + 0.05 * activity)
    fine = np.maximum(fine - 2.2, 0) / (1 + 0.4 * activity)
    return _around(1 / (1 + coarse * coarse + fine * fine), np.minimum)


def _around(cells: Float32, join: np.ufunc) -> Float32:
    """Each cell joined with its eight neighbours."""
    padded = np.pad(cells, 1, mode="edge")
    rows = join(join(padded[:-2], padded[1:-1]), padded[2:])
    return np.ascontiguousarray(join(join(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:]), np.float32)


def _smooth(image: Float32, size: int) -> Float32:
    """Mean over a square of `size` px, twice; borders repeat."""
    for axis in (0, 1, 0, 1):
        pads = [(0, 0), (0, 0)]
        pads[axis] = (size // 2 + 1, size // 2)
        sums = np.cumsum(np.pad(image, pads, mode="edge"), axis, dtype=np.float64)
        lead: tuple[slice, ...] = (slice(None),) * axis
        n = image.shape[axis]
        image = ((sums[(*lead, slice(size, size + n))] - sums[(*lead, slice(0, n))]) / size).astype(np.float32)
    return image


class Reconstruction:
    """A burst whose frames are held, to be solved window by window."""

    def __init__(self, reference: Frame, noise: NoiseProfile) -> None:
        rows, columns = (n // AGREEMENT for n in reference.padded.shape)
        nodes = np.zeros((rows * AGREEMENT // CELL + 2, columns * AGREEMENT // CELL + 2, 2), np.float32)
        still = kernels.planar(nodes)
        self.reference, self.noise = reference, noise
        self.balance = reference.balance
        self.frames = [Held(reference, still, still, np.ones((rows, columns), np.float32))]

    def add(self, frame: Frame, nodes: Float32, agreement: Float32) -> None:
        """Hold one aligned frame; its padded mosaic is copied."""
        held = replace(frame, padded=frame.padded.copy())
        self.frames.append(Held(held, nodes, inverse_nodes(nodes), agreement))

    def finish(self, merged: UInt16, black: float, white: float) -> UInt16:
        """The mosaic of the robust merge, reconstructed."""
        raw = self.reference.raw
        first = replace(
            raw,
            mosaic=merged,
            black=np.full((2, 2), black, np.float32),
            white=np.full((2, 2), white, np.float32),
        )
        burst = Burst(
            self.frames,
            make_frame(first, self.noise, padded_like(raw)),
            self.noise,
            self.balance,
            _strength(self.reference, self.noise),
            Space(),
        )
        corners = list(self._corners())
        with ThreadPoolExecutor(kernels.threads()) as pool:
            work = functools.partial(self._piece, burst)
            return self._assemble(merged.shape, (black, white), pool.map(work, corners), corners)

    def _corners(self) -> Iterator[tuple[int, int]]:
        rows, columns = (2 * n for n in self.reference.quads)
        return ((top, left) for top in range(0, rows, CORE) for left in range(0, columns, CORE))

    def _assemble(
        self,
        shape: tuple[int, int],
        levels: tuple[float, float],
        pieces: Iterable[Float32],
        corners: list[tuple[int, int]],
    ) -> UInt16:
        """Cross-fade the windows' mosaics, in their order, so that the sums are always the same."""
        rows, columns = (2 * n for n in self.reference.quads)
        total = np.zeros((rows, columns), np.float32)
        for (top, left), mosaic in zip(corners, pieces, strict=True):
            weight_y, in_y = _fade(top, rows)
            weight_x, in_x = _fade(left, columns)
            y, x = in_y.start - top + REACH, in_x.start - left + REACH
            part = mosaic[y : y + len(weight_y), x : x + len(weight_x)]
            total[in_y, in_x] += part * weight_y[:, None] * weight_x
        reference = self.reference
        (h, w), (black, white) = shape, levels
        above, beside = reference.top - PAD, reference.left - PAD
        out = np.empty((h, w), np.uint16)
        for y in range(0, h, 64):
            light = total[above + y : min(above + y + 64, above + h), beside : beside + w]
            out[y : y + 64] = np.clip(np.rint(light * np.float32(white - black) + np.float32(black)), 0, white)
        return out

    def _piece(self, burst: Burst, corner: tuple[int, int]) -> Float32:
        """A window's mosaic in light."""
        top, left = corner
        window = Window(burst, left - REACH + PAD, top - REACH + PAD)
        robust = sites(window.picture)
        found = sites(window.solve())
        mosaic = self._trusted(window, robust, found)
        balance = sites(np.broadcast_to(self.balance, (2, 2, 3)))
        for i, j in np.ndindex(2, 2):
            mosaic[i::2, j::2] /= balance[i, j]
        return mosaic

    def _trusted(self, window: Window, robust: Float32, found: Float32) -> Float32:
        """What was found, but the robust merge where the reference contradicts it or is about to clip."""
        frame = self.reference
        y = np.clip(np.arange(WINDOW) + window.top, 0, frame.padded.shape[0] - 1)
        x = np.clip(np.arange(WINDOW) + window.left, 0, frame.padded.shape[1] - 1)
        own = frame.padded[y[0] : y[-1] + 1, x[0] : x[-1] + 1].astype(np.float32)
        own = own[y - y[0]][:, x - x[0]]
        near = np.zeros_like(own)
        for i, j in np.ndindex(2, 2):
            site = np.s_[i::2, j::2]
            gain = frame.scale[i, j] * self.balance[i + j]
            limit = (frame.clip[i, j] - frame.black[i, j]) * gain
            own[site] = (own[site] - frame.black[i, j]) * gain
            # Of noise that clips the samples below say too little: what is cut off only a mean of all tells.
            deviation = np.sqrt(self.noise.scale[i + j] + self.noise.offset[i + j])
            first, last = min(0.94, 1 - 2.5 * deviation), min(0.98, 1 - 2 * deviation)
            near[site] = np.clip((np.maximum(robust, own)[site] / limit - first) / (last - first), 0, 1)
        # Stein 1981: a fit's error is what it leaves of a sample, less the noise, plus twice what it takes from it.
        precision = sites(window.precision)
        leverage = precision * sites(window.inverse[..., [0, 3, 5]])
        error = np.square(own - found) * precision - 1 + 2 * leverage
        doubt = np.clip((_smooth(error, 9) - _DOUBT[0]) / (_DOUBT[1] - _DOUBT[0]), 0, 1)
        return np.asarray(found + np.maximum(doubt, near) * (robust - found), np.float32)


def _strength(reference: Frame, noise: NoiseProfile) -> float:
    """Strength of the prior on luma for a reference of this noise and brightness."""
    site = np.s_[PAD + 1 : -PAD : 16, PAD:-PAD:16]  # green in the blue's rows
    light = float(np.mean(reference.padded[site], dtype=np.float64) - reference.black[1, 0]) * reference.scale[1, 0]
    light = max(light, 1e-4)
    deviation = np.sqrt(max(noise.scale[1] * light + noise.offset[1], 0.0))
    return float(np.clip(CONTRAST * deviation / light, *LUMA))


def _fade(start: int, length: int) -> tuple[Float32, slice]:
    """Weights of a window's rows, or columns, whose core begins at `start`, and which of the image's they are."""
    first = start - FADE if start else 0
    last = start + CORE + FADE if start + CORE < length else length
    position = np.arange(first, last) + 0.5
    rise = (position - (start - FADE)) / (2 * FADE) if start else np.ones(len(position))
    fall = (start + CORE + FADE - position) / (2 * FADE) if start + CORE < length else np.ones(len(position))
    return np.clip(np.minimum(rise, fall), 0, 1).astype(np.float32), slice(first, last)
