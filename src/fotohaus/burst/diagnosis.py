"""What a merge did, frame by frame: collected while it runs, for an engineer to look at when it disappoints."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from fotohaus.burst.align import Alignment
from fotohaus.burst.motion import basis
from fotohaus.raw.image import Float32, Float64, NoiseProfile, RawImage
from fotohaus.raw.noise import noise_blocks
from fotohaus.records import record

CELL = 64
"""px of the mosaic between two places at which the field and the weights are kept."""


@record
class FrameFacts:
    """One frame of a burst, as the merge saw it; None where it did not look.

    outcome : "reference", "merged", or why the frame was left out. sharpness : energy of detail, of the same scene.
    field : (rows, columns, 2) displacement (dx, dy) in px at the middle of each cell. beyond : what of it a global
    motion does not explain. matched, textured : (rows, columns) bool, as in `Alignment`. weights : (rows, columns)
    float32, the mean weight over all frequencies of the tile in the middle of the cell, 0 to 1.
    """

    name: str
    outcome: str
    sharpness: float | None = None
    field: Float32 | None = None
    beyond: Float32 | None = None
    matched: NDArray[np.bool_] | None = None
    textured: NDArray[np.bool_] | None = None
    weights: Float32 | None = None

    @property
    def merged(self) -> bool:
        """Whether the frame went in."""
        return self.outcome in ("reference", "merged")

    @property
    def shift(self) -> tuple[float, float] | None:
        """Median displacement (dx, dy) in px."""
        if self.field is None:
            return None
        dx, dy = np.median(self.field.reshape(-1, 2), axis=0)
        return float(dx), float(dy)

    @property
    def rotation(self) -> float | None:
        """Degrees by which the field turns, from x towards y; its sign is that of the content's turn."""
        if self.field is None or min(self.field.shape[:2]) < 2:
            return None
        across = np.diff(self.field[..., 1], axis=1).mean() - np.diff(self.field[..., 0], axis=0).mean()
        return float(np.degrees(across / (2 * CELL)))


@record
class NoiseFacts:
    """The noise of one raw image: its model, and what blocks of its samples show.

    blocks : for each of R, G, B (2, n), mean and variance of blocks in units of the white level after black; texture
    adds to the variance, so that it is the lower end of the cloud which tells the noise.
    """

    name: str
    model: NoiseProfile
    blocks: tuple[Float64, Float64, Float64]


class Diagnosis:
    """A merge's facts: give one to `merge`, and look at it afterwards.

    frames : in the order in which they came, the reference first. picture : (rows, columns) uint8, the reference in
    grey, to find one's way. noise : of the reference and of the result. size : (h, w) of the mosaic. variance : mean
    variance of the result's noise in units of the reference's, to which interpolation adds its share. worth : how many
    frames' mean the weights amount to, never more than there are.
    """

    def __init__(self) -> None:
        self.frames: list[FrameFacts] = []
        self.picture: NDArray[np.uint8] | None = None
        self.noise: list[NoiseFacts] = []
        self.size = (0, 0)
        self.method = "off"
        self.variance: float | None = None
        self.worth: float | None = None

    def begin(self, raw: RawImage, method: str, *, sharpness: float | None = None) -> None:
        """The reference is chosen; what was there before is forgotten."""
        self.__init__()  # type: ignore[misc]
        self.size = (raw.mosaic.shape[0], raw.mosaic.shape[1])
        self.method = method
        self.picture = _grey(raw)
        self.frames.append(FrameFacts(os.path.basename(raw.name), "reference", sharpness))

    def alone(self, raw: RawImage) -> None:
        """There is one frame, and nothing to merge."""
        self.begin(raw, "off")
        self.see_noise(raw, os.path.basename(raw.name))

    def see_noise(self, raw: RawImage, name: str, model: NoiseProfile | None = None) -> None:
        """Compare the samples of a Bayer mosaic with the noise that they are said to have."""
        model = model or raw.noise
        if raw.cfa is None or raw.mosaic.dtype != np.uint16 or model is None:
            return
        self.noise.append(NoiseFacts(name, model, noise_blocks(raw)))

    def add(
        self,
        raw: RawImage,
        outcome: str,
        *,
        sharpness: float | None = None,
        found: Alignment | None = None,
        weights: Float32 | None = None,
    ) -> None:
        """A frame was merged, or left out.

        weights : (16, 16, columns, rows) of every fourth tile, as the kernel `burst_weights` gives them.
        """
        rows, columns = (-(-n // CELL) for n in self.size)
        facts: dict[str, NDArray[np.generic]] = {}
        if found is not None:
            nodes = found.nodes[: rows + 1, : columns + 1].astype(np.float64)
            middle = (nodes[1:, 1:] + nodes[1:, :-1] + nodes[:-1, 1:] + nodes[:-1, :-1]) / 4
            reliable = (found.matched & found.textured)[:rows, :columns]
            facts["field"] = middle.astype(np.float32)
            facts["beyond"] = (middle - _global(middle, reliable)).astype(np.float32)
            facts["matched"] = found.matched[:rows, :columns].copy()
            facts["textured"] = found.textured[:rows, :columns].copy()
        if weights is not None:
            facts["weights"] = weights.mean((0, 1), dtype=np.float32).T[:rows, :columns].copy()
        self.frames.append(FrameFacts(os.path.basename(raw.name), outcome, sharpness, **facts))  # type: ignore[arg-type]

    @property
    def frames_worth(self) -> Float32 | None:
        """(rows, columns), how many frames the result is made of in each cell; None where nothing was merged."""
        weights = [f.weights for f in self.frames if f.weights is not None and f.merged]
        return np.asarray(1 + np.sum(weights, axis=0, dtype=np.float32)) if weights else None


def _grey(raw: RawImage) -> NDArray[np.uint8]:
    """The raw image at a few hundred pixels, encoded for a display, the median at a middle grey."""
    seen = raw.mosaic
    step = max(2, max(seen.shape[:2]) // 720 * 2)
    rows, columns = (n // step for n in seen.shape[:2])
    whole = seen[: rows * step, : columns * step].reshape(rows, step, columns, step, -1)
    light = np.maximum(whole.mean((1, 3, 4), dtype=np.float32) - raw.black.mean(), 0)
    share = light * (0.18 / max(float(np.median(light)), 0.3 * float(light.mean()), 1e-6))
    return np.asarray(np.rint(255 * np.clip(share / (1 + share) * 1.3, 0, 1) ** (1 / 2.2)), np.uint8)


def _global(field: Float64, reliable: NDArray[np.bool_]) -> Float64:
    """The hand's motion that fits a field best, by least squares over the reliable cells, or all if they are few."""
    rows, columns = field.shape[:2]
    y, x = (
        np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j] if min(rows, columns) > 1 else np.zeros((2, rows, columns))
    )
    design = basis(x, y)
    chosen = reliable if reliable.shape == field.shape[:2] and reliable.sum() >= 16 else np.ones((rows, columns), bool)
    fit = np.linalg.lstsq(design[chosen].reshape(-1, design.shape[-1]), field[chosen].ravel(), rcond=None)[0]
    return np.asarray(design @ fit)
