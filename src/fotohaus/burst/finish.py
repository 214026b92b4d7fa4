"""From what was merged to a raw image's samples: denoised if asked for, black's and white's bias undone, in 16 bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from fotohaus import kernels
from fotohaus.burst.even import Even
from fotohaus.burst.frame import PAD, SITE_COLORS, Frame
from fotohaus.denoising.cut_off import Crest, biases, crest, cut_off_bias
from fotohaus.denoising.denoiser import DENOISE_MARGIN, NOWHERE_DARK, Denoiser, prepare_denoise
from fotohaus.denoising.shrink import denoise
from fotohaus.raw.image import PLANES, Float32, Float64, NoiseProfile, Rectangle, UInt16
from fotohaus.strips import strips

WHITE = 65535
"""White level of a merged mosaic."""

DENOISED = 0.15
"""Deviation of the noise that denoising at full strength leaves in flat light, in units of what it was."""

_ROWS = 256  # of a strip
_REACH = 6  # rows around a strip that the mean of a neighbourhood needs
_PLACES = 256  # of the table of biases
_SLIGHT = 0.01  # deviations of a frame's noise in the dark: a bias below that is none
_CRISP = 0.005  # deviation of a frame's noise at white below which clipping takes next to nothing off a mean
_SAME = 0.25  # deviations by which the frames' white levels may differ for their means to be known
_LEAST_ROOM = 1 / 64  # of the range, below black
_ALONE = 0.1  # share of the reference's own noise from which a place is denoised as the reference alone, too


@dataclass(frozen=True)
class Noise:
    """What the merge left of one frame's noise.

    profile : of the reference alone. cut : by which black cut off what was merged, the frames'
    mean. share : mean variance left, in units of a frame's. least : that where nothing moved.
    alone : (rows, columns), 0 where the noise is the least and 1 where it is that of the reference alone, at
    (first + step * column, first + step * row) px of the quads' mosaic.
    """

    profile: NoiseProfile
    cut: NoiseProfile
    share: float
    least: float
    alone: Float32
    first: float
    step: float


@dataclass(frozen=True)
class Merged:
    """16-bit samples, their black level (white is WHITE), and the noise that is left in them."""

    mosaic: UInt16
    black: int
    noise: NoiseProfile


def finish(
    frame: Frame,
    total: Float32,
    count: float,
    noise: Noise,
    strength: float,
    reconstruct: Callable[[UInt16, int, int], UInt16] | None = None,
    even: Even | None = None,
    clips: float = 1.0,
) -> Merged:
    """The merged mosaic of the reference `frame` and the sum of weighted differences from it, of
    `count` frames' weight in all.

    total : (rows, columns, 4), by quad and plane. strength : of denoising, 0 to 1. reconstruct : makes a better mosaic
    of the merged one and its black and white. even : makes the noise the same everywhere; not with denoising. clips :
    light at which the first of the frames clips.

    The sliding cosine transform of `denoising` finds what is likely there (the guide) under the noise that the
    merge left, which is more where something moved; 1 - strength of what it took away stays. Where the camera cut
    the noise off at black, dark light is too bright on average: by the guide, or without denoising by the mean of the
    neighbourhood, which E[max(x + n, floor)] is inverted for, so that the noise itself is not amplified. So is
    E[min(x + n, white)] where some frames clip and others do not.
    """
    cut = _Cut(frame, noise.cut, clips)
    # The room below black that the camera left, what the bias takes there, and some for what interpolation does.
    below = float(-cut.floor.min()) + 1.5 * cut.worst * cut.matters
    black = round(WHITE * min(max(below / (1 + below), _LEAST_ROOM), 0.25))
    unit = np.ones((2, 2), np.float32)

    def merged_light(first: int, last: int, gains: Float32) -> Float32:
        light = np.empty((last - first, frame.raw.mosaic.shape[1]), np.float32)
        kernels.call(
            "burst_light",
            reference=frame.padded,
            sum=total,
            black=frame.black,
            scale=frame.scale,
            gains=gains,
            pad=PAD,
            left=frame.left,
            top=frame.top + first,
            share=1 / count,
            light=light,
        )
        return light

    light_of = merged_light
    if reconstruct is not None:
        better = reconstruct(_encoded(frame, merged_light, _Uncut(), None, unit, 1.0, black), black, WHITE)

        def light_of(first: int, last: int, gains: Float32) -> Float32:
            light = (better[first:last].astype(np.float32) - black) * np.float32(1 / (WHITE - black))
            own = _own(frame, gains)
            for i in (0, 1):
                for j in (0, 1):
                    light[(i + first) % 2 :: 2, j::2] *= own[i, j]
            return light

    gains = frame.balance[np.array(SITE_COLORS)].reshape(2, 2) if strength else unit
    guides = _Guides(frame, noise) if strength else None
    kept = 1 - strength if guides is not None else 1.0
    mosaic = _encoded(frame, light_of, cut, guides, gains, kept, black, even)
    left = noise.share * (1 - strength + DENOISED * strength) ** 2
    return Merged(mosaic, black, replace(noise.profile.times(left), source="merged"))


def _own(frame: Frame, gains: Float32) -> Float32:
    """Gains by place in the quad, for the mosaic's own corner."""
    return np.ascontiguousarray(np.roll(gains, (-(frame.top - PAD), -(frame.left - PAD)), (0, 1)))


def _encoded(
    frame: Frame,
    light_of: Callable[[int, int, Float32], Float32],
    cut: _Uncut,
    guides: _Guides | None,
    gains: Float32,
    kept: float,
    black: int,
    even: Even | None = None,
) -> UInt16:
    """The mosaic in 16 bits, strip by strip, of what `light_of` makes of rows."""
    height, width = frame.raw.mosaic.shape
    own = _own(frame, gains)
    around = DENOISE_MARGIN if guides else _REACH
    mosaic = np.empty((height, width), np.uint16)
    for top, bottom in strips(height, _ROWS):
        uneven = even is not None and bool(even.parts(top, bottom, width))
        crests = cut.crests(frame, top, bottom)
        biased = cut.matters or crests
        margin = max(around if guides or biased else 0, even.margin if even is not None and uneven else 0)
        first, last = max(top - margin, 0), min(bottom + margin, height)
        light = light_of(first, last, gains)
        rows = slice(top - first, bottom - first)
        made = guide = light[rows]
        if even is not None and uneven:
            made = guide = even.rows(light, first, top, bottom)
        if guides is not None:
            guide = guides.rows(light, first, top, bottom)
        elif biased:
            mean = np.empty_like(light)
            kernels.call("burst_mean", light=light, mean=mean)
            guide = mean[rows]
        kernels.call(
            "burst_encode",
            light=made,
            guide=guide,
            gains=own,
            bias=cut.bias,
            first=cut.first,
            steps=cut.steps,
            lost=cut.crest.lost,
            stretch=cut.crest.stretch,
            deviation=cut.crest.deviation,
            crest_steps=cut.crest.steps if crests else 0.0,
            reference=frame.padded,
            clip=cut.clip(frame),
            left=frame.left,
            top=frame.top + top,
            kept=kept,
            black=black,
            white=WHITE,
            merged=mosaic[top:bottom],
        )
    return mosaic


class _Guides:
    """The merged mosaic without noise, strip by strip."""

    def __init__(self, frame: Frame, noise: Noise) -> None:
        self._noise = noise
        self._left, self._top = frame.left - PAD, frame.top - PAD
        cfa, multipliers = frame.raw.cfa or "RGGB", [float(v) for v in frame.balance]

        def denoiser(share: float) -> Denoiser:
            # Faint stars are of more worth here than a calm sky.
            made = prepare_denoise(cfa, noise.profile.times(share), multipliers, passes=2)
            return replace(made, dark=NOWHERE_DARK)

        self._merged, self._alone = denoiser(noise.least), denoiser(1.0)

    def rows(self, light: Float32, first: int, top: int, bottom: int) -> Float32:
        """Rows top ... bottom of the mosaic, of which `light` has the rows from `first` on, and a margin."""
        crop = Rectangle(top - first, 0, bottom - top, light.shape[1])
        guide = denoise(light, self._merged, crop=crop, origin=(first, 0))
        step = 1 / self._noise.step
        low, high = (int((row + self._top - self._noise.first) * step) for row in (top, bottom))
        # A stabilised mosaic must not know two levels of noise: their edge would be a signal. So both are made.
        if not (self._noise.alone[max(low, 0) : high + 2] > _ALONE).any():
            return guide
        alone = denoise(light, self._alone, crop=crop, origin=(first, 0))
        mixed = np.empty(guide.shape, np.float32)
        kernels.call(
            "burst_mix",
            first=guide,
            second=alone,
            part=self._noise.alone[..., None],
            origin_x=(self._left - self._noise.first) * step,
            origin_y=(self._top - self._noise.first) * step,
            step_x=step,
            step_y=step,
            top=top,
            mixed=mixed,
        )
        return mixed


class _Uncut:
    """No bias at all, and nothing that the reference has clipped."""

    matters = False
    crest = Crest(np.ones(4, np.float32), 0.0, np.zeros((4, _PLACES), np.float32), np.ones((4, _PLACES), np.float32))
    first, steps, bias = np.zeros(4, np.float32), 0.0, np.zeros((4, _PLACES), np.float32)

    def clip(self, frame: Frame) -> Float32:
        """DN at which the reference is clipped, by position in `frame.padded`."""
        return np.full((2, 2), np.inf, np.float32)

    def crests(self, frame: Frame, top: int, bottom: int) -> bool:
        """Whether clipping took something off means in these rows of the mosaic."""
        return False


class _Cut(_Uncut):
    """What cutting the noise off at the file's 0 and at its white adds to the mean, by position in the mosaic.

    floor : (4,) light that a sample of 0 stands for. bias : (4, places) table; a mean of `first` + place / steps is too
    bright by it. worst : the largest bias.
    """

    def __init__(self, frame: Frame, noise: NoiseProfile, clips: float) -> None:
        raw = frame.raw
        cfa = raw.cfa or "RGGB"
        colors = [PLANES.index(name) for name in cfa]
        black, white = raw.black.ravel().astype(np.float64), raw.white.ravel().astype(np.float64)
        self.floor: Float64 = -black / np.maximum(white - black, 1)
        scale, offset = np.array(noise.scale)[colors], np.array(noise.offset)[colors]
        of_black = np.array([cut_off_bias(*v, 0.0)[0] for v in zip(scale, offset, self.floor, strict=True)])
        self.worst = float(of_black.max())
        self.matters = bool((of_black > _SLIGHT * np.sqrt(offset)).any())
        found = biases(scale, offset, self.floor, _PLACES)
        self.first, self.bias = found.first, found.bias
        self.steps = found.steps if self.matters else 0.0
        deviation = np.sqrt(scale + offset)
        known = deviation.min() > _CRISP and 1 - clips < _SAME * deviation.min()
        # Samples over white say that the sensor clips elsewhere.
        self._clips = bool(known and frame.clip.min() <= raw.mosaic.max() <= frame.clip.max())
        if self._clips:
            self.crest = crest(scale, offset, _PLACES)

    def clip(self, frame: Frame) -> Float32:
        return frame.clip

    def crests(self, frame: Frame, top: int, bottom: int) -> bool:
        return self._clips and bool(frame.padded[frame.top + top : frame.top + bottom].max() >= frame.clip.min())
