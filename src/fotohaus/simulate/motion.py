"""How the camera moves from frame to frame and within one, and what moves in front of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Motion:
    """Where one frame looks: pixel p of the frame shows the reference's pixel c + R (p - c) + (dx, dy).

    Coordinates are (x, y) in px of the sensor, integers at pixel centres; c is the centre of the sensor and R turns by
    `degrees` from x towards y. `rolling` is how far (x, y) the camera moves on from the first row to the last, the
    middle row being where (dx, dy) says; `blur` how far it moves during the exposure of one row.
    """

    dx: float = 0.0
    dy: float = 0.0
    degrees: float = 0.0
    rolling: tuple[float, float] = (0.0, 0.0)
    blur: tuple[float, float] = (0.0, 0.0)

    def matrix(self, size: tuple[int, int], *, parallax: float = 1.0) -> NDArray[np.float64]:
        """(2, 3) affine matrix from this frame's (x, y, 1) to the reference's (x, y), rolling shutter included.

        size: (h, w) of the sensor. parallax: how many times farther than the background a subject shifts when the
        camera shifts (its distance being the background's divided by this number).
        """
        h, w = size
        angle = np.deg2rad(self.degrees)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        center = np.array([(w - 1) / 2, (h - 1) / 2])
        linear = turn + np.array([[0, self.rolling[0]], [0, self.rolling[1]]]) * parallax / max(h - 1, 1)
        return np.column_stack([linear, center - linear @ center + np.array([self.dx, self.dy]) * parallax])


@dataclass(frozen=True)
class Mover:
    """A subject in front of the world: it occludes it, and walks by `velocity` from frame to frame.

    photo: path or (H, W, 3) linear sRGB, cropped from its centre to `size` (h, w) px of the sensor. position: (top,
    left) in px of the sensor when the reference frame is taken; by default the subject is then in the middle.
    velocity: (down, right) in px per frame. parallax > 1 stands for a subject nearer than the world. An `oval` subject
    has a soft, curved outline; otherwise it is a rectangle.
    """

    photo: str | os.PathLike[str] | NDArray[np.floating]
    size: tuple[int, int]
    velocity: tuple[float, float] = (0.0, 14.0)
    position: tuple[float, float] | None = None
    parallax: float = 1.0
    oval: bool = False

    def corner(self, step: int, sensor: tuple[int, int]) -> tuple[float, float]:
        """(top, left) in the reference's px, `step` frames after the reference."""
        top, left = self.position or ((sensor[0] - self.size[0]) / 2, (sensor[1] - self.size[1]) / 2)
        return top + self.velocity[0] * step, left + self.velocity[1] * step


def hand(
    rng: np.random.Generator, frames: int, *, shake: float, rotation: float, rolling: float, blur: float, reference: int
) -> list[Motion]:
    """Random poses of a hand, normal with the given standard deviations (px, degrees); the reference holds still."""
    draws = rng.standard_normal((frames, 7))
    return [
        Motion()
        if i == reference
        else Motion(
            dx=shake * d[0],
            dy=shake * d[1],
            degrees=rotation * d[2],
            rolling=(rolling * d[3], rolling * d[4]),
            blur=(blur * d[5], blur * d[6]),
        )
        for i, d in enumerate(draws.tolist())
    ]


def reach(motions: Sequence[Motion], size: tuple[int, int]) -> int:
    """How many px beyond the sensor's border the frames look at most."""
    h, w = size
    corners = np.array([[0, 0, 1], [w - 1, 0, 1], [0, h - 1, 1], [w - 1, h - 1, 1]], np.float64)
    far = 0.0
    for motion in motions:
        seen = corners @ motion.matrix(size).T
        beyond = np.maximum(-seen, seen - np.array([w - 1, h - 1])).max()
        far = max(far, float(beyond) + max(map(abs, motion.blur)) / 2)
    return int(np.ceil(far))
