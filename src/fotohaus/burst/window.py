"""One window of a reconstruction: the picture of three colours that explains every frame's samples of it best."""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.burst.frame import PAD, Frame
from fotohaus.raw.image import Float32, Float64, NoiseProfile

CORE = 352
"""px of the mosaic's side that one window makes."""

REACH = 16  # px of a window beyond its core
WINDOW = CORE + 2 * REACH
CHROMA = 3.0  # times the luma's: differences of colour are smoother

KNEE = 0.5
"""Difference in units of the noise from which on it costs in proportion, not by its square."""

ROUNDS = 2  # of the prior's weights
STEPS = 5  # conjugate gradients in each

TAPS, LANES, PHASES = 6, 8, 128  # as in kernels/burst_reconstruct_gen.py
CELL, AGREEMENT = 64, 8
BAND = 0.36  # cycles per px below which the interpolation is nearly exact


@functools.cache
def interpolation() -> Float32:
    """(PHASES, LANES) taps at floor(position) - 2 ... + 3 for every 1/PHASES px; the last two are zero.

    Least squares (Laakso et al. 1996, "Splitting the unit delay"): the smallest error below BAND, exact for cubics.
    """
    rest, exact = 0.005, 4

    def correlation(distance: Float64) -> Float64:
        return np.asarray((1 - rest) * 2 * BAND * np.sinc(2 * BAND * distance) + rest * np.sinc(distance))

    taps = np.arange(TAPS) - (TAPS // 2 - 1.0)
    phase = np.arange(PHASES) / PHASES
    powers = np.arange(exact)[:, None]
    moments = (taps / 3) ** powers
    system = np.block([[correlation(taps[:, None] - taps), moments.T], [moments, np.zeros((exact, exact))]])
    target = np.concatenate([correlation(taps[:, None] - phase), (phase / 3) ** powers])
    table = np.zeros((PHASES, LANES), np.float32)
    table[:, :TAPS] = np.linalg.solve(system, target)[:TAPS].T
    return table


@dataclass
class Held:
    """A frame with its way to the reference: displacement nodes from frame to reference, and weights per cell."""

    frame: Frame
    nodes: Float32  # from the reference to the frame
    back: Float32
    agreement: Float32

    @functools.cached_property
    def piece(self) -> int:
        """px of the frame's side that may lie in a window, from how much the displacement changes within one."""
        slope = max(float(np.abs(np.diff(self.nodes, axis=axis)).sum(-1).max(initial=0)) / CELL for axis in (0, 1))
        return WINDOW + 8 + 2 * math.ceil(min(slope, 0.2) * WINDOW / 2)


class Space(threading.local):
    """A thread's own arrays, used for one window after another."""

    def __init__(self) -> None:
        self._arrays: dict[tuple[str, tuple[int, ...]], NDArray[Any]] = {}

    def __call__(self, name: str, *shape: int, dtype: type = np.float32) -> NDArray[Any]:
        """The array of that name and shape, with whatever it held last; planes one after another."""
        key = (name, shape)
        if key not in self._arrays:
            self._arrays[key] = kernels.empty(shape, dtype)
        return self._arrays[key]


@dataclass(frozen=True)
class Burst:
    """What all windows share: the frames, the merge to begin with, and how strong the prior is."""

    frames: Sequence[Held]
    merged: Frame
    noise: NoiseProfile
    balance: Float32
    strength: float
    space: Space


@dataclass(frozen=True)
class _Samples:
    """A frame's samples in a window."""

    place: NDArray[np.int32]
    value: Float32
    weight: Float32


class Window:
    """One window of the reference's grid, solved by conjugate gradients."""

    def __init__(self, burst: Burst, left: int, top: int) -> None:
        self.burst, self.left, self.top = burst, left, top
        space = burst.space
        self.space = space
        self.picture: Float32 = space("picture", WINDOW, WINDOW, 3)
        self.precision: Float32 = space("precision", WINDOW, WINDOW, 3)
        merged = burst.merged
        kernels.call(
            "reconstruct_start",
            mosaic=merged.padded,
            black=float(merged.black[0, 0]),
            scale=float(merged.scale[0, 0]),
            balance=burst.balance,
            noise_scale=np.array(burst.noise.scale, np.float32),
            noise_offset=np.array(burst.noise.offset, np.float32),
            left=left,
            top=top,
            picture=self.picture,
            precision=self.precision,
        )
        self.samples = [s for k, held in enumerate(burst.frames) if (s := self._place(k, held)) is not None]

    def _place(self, k: int, held: Held) -> _Samples | None:
        """The frame's samples that lie here; None if there are none."""
        frame, side, space = held.frame, held.piece, self.space
        middle = np.array([self.left, self.top]) - PAD + WINDOW / 2
        node = np.clip((middle / CELL).astype(int), 0, np.array(held.nodes.shape[1::-1]) - 1)
        begin = middle + held.nodes[node[1], node[0]] + PAD - held.piece / 2
        left, top = (int(np.clip(b, -1e6, 1e6)) & ~1 for b in begin)
        first_y, last_y, first_x, last_x = frame.bounds
        place: NDArray[np.int32] = space(f"place {k}", side, side, dtype=np.int32)
        value: Float32 = space(f"value {k}", side, side)
        weight: Float32 = space(f"weight {k}", side, side)
        kernels.call(
            "reconstruct_place",
            frame=frame.padded,
            black=frame.black,
            scale=frame.scale,
            clip=frame.clip,
            balance=self.burst.balance,
            grid=held.back,
            agreement=held.agreement,
            precision=self.precision,
            pad=PAD,
            left=left,
            top=top,
            window_left=self.left,
            window_top=self.top,
            first_x=first_x,
            first_y=first_y,
            last_x=last_x,
            last_y=last_y,
            place=place,
            value=value,
            weight=weight,
        )
        return _Samples(place, value, weight) if weight.any() else None

    def pull(self, picture: Float32, share: float, out: Float32) -> None:
        """out = what samples and prior pull a picture towards; with a share of 0 the operator, negated."""
        kernels.call("reconstruct_prior", picture=picture, edges=self.edges, pull=out)
        for s in self.samples:
            kernels.call(
                "reconstruct_normal",
                picture=picture,
                start=out,
                place=s.place,
                value=s.value,
                weight=s.weight,
                table=interpolation(),
                share=share,
                total=out,
            )

    def solve(self) -> Float32:
        """The picture, (WINDOW, WINDOW, 3) white-balanced light."""
        space = self.space
        diagonal: Float32 = space("diagonal", WINDOW, WINDOW, 3)
        diagonal[...] = 0
        squares = np.square(interpolation())
        for s in self.samples:
            kernels.call(
                "reconstruct_diagonal", start=diagonal, place=s.place, weight=s.weight, table=squares, total=diagonal
            )
        self.edges: Float32 = space("edges", WINDOW, WINDOW, 4)
        self.inverse: Float32 = space("inverse", WINDOW, WINDOW, 6)
        for _ in range(ROUNDS):
            kernels.call(
                "reconstruct_edges",
                picture=self.picture,
                precision=self.precision,
                luma=self.burst.strength,
                chroma=CHROMA * self.burst.strength,
                knee=KNEE,
                edges=self.edges,
            )
            kernels.call("reconstruct_inverse", diagonal=diagonal, edges=self.edges, inverse=self.inverse)
            self.descend(self.picture)
        return self.picture

    def descend(self, picture: Float32) -> None:
        """Conjugate gradients, preconditioned by each pixel's own block, in place."""
        space = self.space
        residual, ready, direction, along, scratch = (
            space(name, WINDOW, WINDOW, 3) for name in ("residual", "ready", "direction", "along", "scratch")
        )
        self.pull(picture, 1.0, residual)
        kernels.call("reconstruct_precondition", residual=residual, inverse=self.inverse, step=ready)
        direction[...] = ready
        energy = _dot(residual, ready)
        for k in range(STEPS):
            self.pull(direction, 0.0, along)
            bend = -_dot(direction, along)
            if energy <= 0 or bend <= 0:
                break
            step = np.float32(energy / bend)
            picture += np.multiply(direction, step, out=scratch)
            if k == STEPS - 1:
                break
            residual += np.multiply(along, step, out=scratch)
            kernels.call("reconstruct_precondition", residual=residual, inverse=self.inverse, step=ready)
            after = _dot(residual, ready)
            direction *= np.float32(after / energy)
            direction += ready
            energy = after


def _dot(a: Float32, b: Float32) -> float:
    """Sum of products; not by a linear algebra library, whose threads would decide on its last digits."""
    flat = (planes.transpose(2, 0, 1).reshape(-1) for planes in (a, b))
    return float(np.einsum("i,i->", *flat))


def sites(picture: Float32) -> Float32:
    """The samples that a mosaic has of a picture; R at even columns of even rows."""
    mosaic = np.empty(picture.shape[:2], np.float32)
    for i, j in np.ndindex(2, 2):
        mosaic[i::2, j::2] = picture[i::2, j::2, i + j]
    return mosaic
