"""A simulated burst: frames made one by one, and what is true about them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw.image import CFA_PATTERNS, CaptureInfo, CfaPattern, NoiseProfile, RawImage, Rectangle
from fotohaus.simulate.motion import Motion, Mover, hand, reach
from fotohaus.simulate.sensor import CAMERA_FROM_SRGB, Sensor, phone_noise
from fotohaus.simulate.world import Photo, linear_photo, to_camera, view

Float32 = NDArray[np.float32]

EXPOSURE_TIME = 0.02
"""Seconds of the reference's exposure."""

MAX_STEP = 10
"""EV by which a frame of a bracket may differ."""

BLUR_STEP = 0.5  # px between the poses whose mean is a blurred exposure


@dataclass(frozen=True)
class _Subject:
    """A mover ready to be seen: (H, W, 4) camera colours times opacity, and opacity, with an empty border."""

    mover: Mover
    layer: Float32
    border: int  # px of the sensor


class Burst:
    """A burst of raw frames and its truth. Frames are made when asked for: the burst holds the world only.

    Iterating gives the frames in order; `frame(i)` makes one of them, always the same. Frame `reference` holds still.
    `steps` has each frame's exposure time in EV against the one that `exposure` stands for.
    """

    def __init__(
        self,
        world: Float32,
        border: int,
        subjects: Sequence[_Subject],
        sensor: Sensor,
        motions: Sequence[Motion],
        reference: int,
        oversample: int,
        inset: int,
        capture: CaptureInfo,
        steps: Sequence[float],
    ) -> None:
        self._world, self._border, self._subjects, self._oversample = world, border, subjects, oversample
        self._inset, self._capture = inset, capture
        self.steps = tuple(steps)
        self.sensor = sensor
        self.motions = tuple(motions)
        self.reference = reference

    def __len__(self) -> int:
        return len(self.motions)

    def __iter__(self) -> Iterator[RawImage]:
        return (self.frame(i) for i in range(len(self)))

    @property
    def frames(self) -> Iterator[RawImage]:
        """The frames one after another, each made when it is taken."""
        return iter(self)

    @property
    def size(self) -> tuple[int, int]:
        """(h, w) of a frame in px."""
        return self.sensor.size

    @property
    def noise(self) -> NoiseProfile:
        """The true noise of every frame."""
        return self.sensor.noise

    @cached_property
    def truth(self) -> Float32:
        """(h, w) float32 mosaic of the reference without noise, 0 = black level, 1 = white level."""
        return self.clean(self.reference)

    @cached_property
    def truth_rgb(self) -> Float32:
        """(h, w, 3) float32 linear sRGB of the reference, neither shaded nor noisy; 1 = white level of green."""
        planes = [self._light(self.reference, np.full((2, 2), c, np.int32)) for c in range(3)]
        rgb = np.stack(planes, -1)
        to_camera(rgb, np.linalg.inv(CAMERA_FROM_SRGB))
        return rgb

    def clean(self, index: int) -> Float32:
        """(h, w) float32 mosaic of one frame without noise, hot pixels or quantisation, within 0 ... 1.

        A frame's own exposure is in it, so that what it clips is at 1.
        """
        light = self._light(index, self.sensor.planes)
        self.sensor.shade(light)
        return np.clip(light, 0, 1, out=light)

    def frame(self, index: int) -> RawImage:
        """One frame as its camera writes it. Raises IndexError for a frame that the burst does not have."""
        if not 0 <= index < len(self):
            raise IndexError(f"the burst has frames 0 to {len(self) - 1}, not {index}")
        light = self._light(index, self.sensor.planes)
        self.sensor.shade(light)
        taken = datetime(2026, 1, 2, 18, 30) + index * timedelta(seconds=1 / 30)
        (h, w), inset = self.size, self._inset
        return RawImage(
            mosaic=self.sensor.expose(light, index),
            cfa=self.sensor.cfa,
            black=np.full((2, 2), self.sensor.black, np.float32),
            white=np.full((2, 2), self.sensor.white, np.float32),
            color=self.sensor.color,
            crop=Rectangle(inset, inset, h - 2 * inset, w - 2 * inset),
            noise=self.noise,
            opcodes_2=self.sensor.gain_maps,
            capture=CaptureInfo(
                **{
                    **vars(self._capture),
                    "taken": taken.replace(microsecond=0),
                    "exposure_time": EXPOSURE_TIME * 2.0 ** self.steps[index],
                    "exposure_bias": self.steps[index] if any(self.steps) else None,
                    "subsecond": f"{taken.microsecond // 1000:03d}",
                }
            ),
            path=f"frame_{index:03d}",
        )

    def moved(self) -> NDArray[np.bool_]:
        """(h, w) bool: pixels of the reference that a mover covers in any frame, as that frame sees it."""
        covered = np.zeros(self.size, bool)
        for index, motion in enumerate(self.motions):
            for subject in self._subjects:
                corner = subject.mover.corner(index - self.reference, self.size)
                # Parallax moves a subject against the world by what its shift exceeds the world's.
                extra = subject.mover.parallax - 1
                top, left = corner[0] - motion.dy * extra, corner[1] - motion.dx * extra
                rows = slice(max(int(top) - 1, 0), max(int(np.ceil(top)) + subject.mover.size[0] + 1, 0))
                columns = slice(max(int(left) - 1, 0), max(int(np.ceil(left)) + subject.mover.size[1] + 1, 0))
                covered[rows, columns] = True
        return covered

    def _light(self, index: int, planes: NDArray[np.int32]) -> Float32:
        """Light on the sensor in one frame, before the lens' shading: one camera colour per position of the CFA."""
        motion = self.motions[index]
        blur = np.array(motion.blur)
        poses = 1 + int(np.hypot(*blur) / BLUR_STEP)
        light: Float32 | None = None
        for k in range(poses):
            offset = blur * (k / (poses - 1) - 0.5) if poses > 1 else blur * 0
            seen = self._look(motion, offset, index - self.reference, planes)
            light = seen if light is None else np.add(light, seen, out=light)
        assert light is not None
        if poses > 1:
            light /= np.float32(poses)
        if self.steps[index]:
            light *= np.float32(2.0 ** self.steps[index])
        return np.maximum(light, 0, out=light)

    def _look(self, motion: Motion, offset: NDArray[np.float64], step: int, planes: NDArray[np.int32]) -> Float32:
        """The world with its subjects, seen in one instant."""
        matrix = motion.matrix(self.size)
        matrix[:, 2] += offset
        o = self._oversample
        seen = view(self._world, planes, matrix, self.size, o, (self._border, self._border))
        for subject in self._subjects:
            mover = subject.mover
            near = motion.matrix(self.size, parallax=mover.parallax)
            near[:, 2] += offset * mover.parallax
            corner = mover.corner(step, self.size)
            box = _bounds(near, corner, mover.size, self.size)
            if box.height <= 0 or box.width <= 0:
                continue
            near[:, 2] += near[:, :2] @ (box.left, box.top)
            border = (subject.border - corner[0], subject.border - corner[1])
            extent = box.height, box.width
            opacity = view(subject.layer, np.full((2, 2), 3, np.int32), near, extent, o, border)
            part = seen[box.slices]
            part *= 1 - opacity
            part += view(subject.layer, planes, near, extent, o, border)
        return seen


def _bounds(
    matrix: NDArray[np.float64], corner: tuple[float, float], size: tuple[int, int], sensor: tuple[int, int]
) -> Rectangle:
    """The pixels of a frame that may show a subject, starting at an even row and column."""
    (top, left), (h, w) = corner, size
    corners = np.array([[left + x, top + y] for x in (-2, w + 2) for y in (-2, h + 2)], np.float64)
    x, y = np.linalg.solve(matrix[:, :2], (corners - matrix[:, 2]).T)
    top0, left0 = max(int(y.min()) // 2 * 2, 0), max(int(x.min()) // 2 * 2, 0)
    bottom, right = min(int(y.max()) + 2, sensor[0]), min(int(x.max()) + 2, sensor[1])
    return Rectangle(top0, left0, bottom - top0, right - left0)


def _subject(mover: Mover, exposure: float, oversample: int) -> _Subject:
    border = 8
    h, w = (n * oversample for n in mover.size)
    layer = np.zeros((h + 2 * border * oversample, w + 2 * border * oversample, 4), np.float32)
    inner = layer[border * oversample : -border * oversample, border * oversample : -border * oversample]
    inner[..., :3] = linear_photo(mover.photo, (h, w), (h, w), whole=False)
    to_camera(inner[..., :3], CAMERA_FROM_SRGB * exposure)
    if mover.oval:
        v, u = np.ogrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j]
        edge = (1 - np.hypot(v, u)) * min(h, w) / 2
        inner[..., 3] = np.clip(edge / (2 * oversample) + 0.5, 0, 1)
        inner[..., :3] *= inner[..., 3:]
    else:
        inner[..., 3] = 1
    planes = np.ascontiguousarray(layer.transpose(2, 0, 1))
    return _Subject(mover, planes.transpose(1, 2, 0), border)


def simulate_burst(
    photo: Photo,
    *,
    frames: int = 8,
    size: tuple[int, int] = (1536, 2048),
    iso: float = 1600,
    noise: NoiseProfile | tuple[float, float] | None = None,
    bits: int = 10,
    exposure: float = 0.5,
    baseline_exposure: float = 0.0,
    cfa: CfaPattern = "RGGB",
    shake: float = 6.0,
    rotation: float = 0.15,
    rolling: float = 0.0,
    blur: float = 0.0,
    shading: float = 1.0,
    hot: float = 0.0,
    movers: Sequence[Mover] = (),
    reference: int = 0,
    whole: bool = False,
    oversample: int = 2,
    inset: int = 0,
    bracket: Sequence[float] = (),
    seed: int = 1,
) -> Burst:
    """A hand-held burst of one scene, with its truth.

    photo: path of a picture (taken as sRGB), or (H, W, 3) linear sRGB. It is the world at `oversample` times the
        sensor's resolution, averaged down: 2 gives clean, slightly aliased frames as a sharp lens does; 1 saves three
        quarters of the memory. Cropped from the centre, or seen `whole`; enlarged if it is too small.
    size: (h, w) of the sensor in px, even numbers.
    noise: (S, O) or a profile; by default that of a phone at `iso` (`phone_noise`), variance = S x + O.
    exposure: linear factor between the photo's white and the sensor's white level; above 1 the highlights clip.
    baseline_exposure: EV that the files ask a developer to add.
    shake, rotation: standard deviations of the frames' shifts (px) and turns (degrees). rolling, blur: those of the
        movement from the first row to the last, and during the exposure (px).
    shading: how many times darker the corners are; the frames then carry gain maps. hot: share of hot pixels.
    inset: px that the default crop leaves out on every side, as cameras do for a demosaic's sake.
    movers: subjects that walk in front of the world. reference: the frame that holds still.
    bracket: EV of the frames in turn, the reference having the first: their exposure times against the one that
        `exposure` stands for. (0, -2, 2) makes three frames of a bracket. What moves blurs by as much more or less.

    The same arguments give the same frames. Raises ValueError for arguments that make no camera, OSError for a photo
    that can't be read.
    """
    if frames < 1 or not 0 <= reference < frames:
        raise ValueError(f"need at least one frame, and a reference among them: {frames} frames, reference {reference}")
    if min(size) < 16 or size[0] % 2 or size[1] % 2:
        raise ValueError(f"size must be even and at least 16 px, got {size}")
    if not 0 <= inset < min(size) // 2:
        raise ValueError(f"inset must be at least 0 and leave an image, got {inset}")
    if not 10 <= bits <= 14:
        raise ValueError(f"bits must be 10 to 14, got {bits}")
    if cfa not in CFA_PATTERNS:
        raise ValueError(f"cfa must be one of {', '.join(CFA_PATTERNS)}, got {cfa!r}")
    if not 1 <= oversample <= 2:
        raise ValueError(f"oversample must be 1 or 2, got {oversample}")
    if any(not -MAX_STEP <= ev <= MAX_STEP for ev in bracket):
        raise ValueError(f"bracket must be within {MAX_STEP} EV of the reference, got {', '.join(map(str, bracket))}")
    if shading < 1:
        raise ValueError(f"shading must be 1 or more, got {shading}")
    if noise is None:
        noise = phone_noise(iso)
    elif isinstance(noise, tuple):
        noise = NoiseProfile((noise[0],) * 3, (noise[1],) * 3)

    rng = np.random.default_rng([seed, 0])
    motions = hand(rng, frames, shake=shake, rotation=rotation, rolling=rolling, blur=blur, reference=reference)
    # Counted from the reference, which is what the others are compared with.
    steps = [bracket[(i - reference) % len(bracket)] for i in range(frames)] if bracket else [0.0] * frames
    motions = [
        replace(m, blur=(m.blur[0] * 2.0**ev, m.blur[1] * 2.0**ev)) for m, ev in zip(motions, steps, strict=True)
    ]
    border = reach(motions, size) + 4
    least = (size[0] * oversample, size[1] * oversample)
    full = ((size[0] + 2 * border) * oversample, (size[1] + 2 * border) * oversample)
    world = linear_photo(photo, full, least, whole)
    to_camera(world, CAMERA_FROM_SRGB * exposure)
    name = "" if isinstance(photo, np.ndarray) else os.path.basename(os.fspath(photo))
    capture = CaptureInfo(
        make="fotohaus",
        model="simulated",
        unique_model="fotohaus simulated",
        exposure_time=EXPOSURE_TIME,
        f_number=1.9,
        iso=round(iso),
        focal_length=8.7,
        focal_length_35mm=24,
        description=f"simulated from {name}" if name else None,
    )
    sensor = Sensor(
        size=size,
        cfa=cfa,
        bits=bits,
        noise=noise,
        baseline_exposure=baseline_exposure,
        shading=shading,
        hot=hot,
        seed=seed,
    )
    subjects = [_subject(mover, exposure, oversample) for mover in movers]
    return Burst(world, border, subjects, sensor, motions, reference, oversample, inset, capture, steps)
