"""What one burst's merge holds: the reference, the sum of what the other frames add to it, and buffers."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from fotohaus import kernels
from fotohaus.burst.aligner import Aligned, Aligner, Seen
from fotohaus.burst.colored_noise import measured_floor
from fotohaus.burst.even import SOLVED, Even, is_visible
from fotohaus.burst.finish import WHITE, Noise, finish
from fotohaus.burst.frame import PAD, Frame, block_size, make_frame, noise_of_quads, padded_like, with_noise
from fotohaus.burst.hot_pixels import HotPixels
from fotohaus.burst.own_noise import Noises, Own, mean_deviation
from fotohaus.burst.point_lights import slack_of
from fotohaus.burst.reach import Reach
from fotohaus.burst.reconstruct import Reconstruction, agreement_of
from fotohaus.burst.warp import warp, warp_planes
from fotohaus.raw.composite import composite_of
from fotohaus.raw.frame_facts import MAX_EV, exposure_value
from fotohaus.raw.image import Float32, NoiseProfile, RawImage, UInt16
from fotohaus.raw.noise import noise_of
from fotohaus.report import Report

if TYPE_CHECKING:
    from fotohaus.burst.diagnosis import Diagnosis

Method = Literal["robust", "mean", "max", "off"]
LeaveOut = Callable[[RawImage, str], None]

STRENGTH = 1.5
"""c of the filter: a difference whose variance exceeds the noise's by c variances of a frame counts half."""

FLOOR = 2.0
"""Variance of a difference that is only noise, in units of a frame's: 1.55 to 1.85 after the warp, and its spread."""

INTERPOLATED = 4.0
"""Times the finest frequencies' noise that coarse ones have where pixels were interpolated: 20 and more of X-Trans,
under 2 of pixels that are themselves."""

_EVERY = 4  # tiles between those whose weights are looked at
_EVERY_DENOISED = 2  # where the noise left is wanted from place to place
_WARPED = 0.64  # variance of a warped frame's noise in units of the frame's: the mean over all phases
_ALONE = 0.75  # of the way, in decibels, from the least noise to one frame's: from there on it is taken for that
_BORDER = 4  # px along the picture's border by which it is told how many frames show it
_MARGIN = 8  # samples of a plane before and after the differences


@dataclass(frozen=True)
class _Units:
    """The noise in whose units the filter sees differences.

    inverse_sigma : (tiles, 4), one over its deviation. slack : (tiles), see `slack_of`.
    """

    noise: NoiseProfile
    inverse_sigma: Float32
    slack: Float32

    @classmethod
    def of(cls, reference: Frame, noise: NoiseProfile, analysis: Float32) -> _Units:
        rows, columns = block_size(reference.raw)
        inverse_sigma: Float32 = kernels.empty((rows // 8 + 1, columns // 8 + 1, 4))
        seen = with_noise(reference, noise)
        kernels.call(
            "burst_sigma",
            mosaic=seen.padded,
            black=seen.black,
            scale=seen.scale,
            noise_scale=seen.noise_scale,
            noise_offset=seen.noise_offset,
            pad=PAD,
            width=seen.quads[1],
            height=seen.quads[0],
            inverse_sigma=inverse_sigma,
        )
        return cls(noise, inverse_sigma, slack_of(reference, inverse_sigma, analysis))


class _Gain:
    """What the merge does to the noise: sums over the frames of the filter's weights, on a sample of the tiles."""

    def __init__(self, tiles: tuple[int, int], every: int) -> None:
        self.tiles = rows, columns = max(tiles[0] // every, 1), max(tiles[1] // every, 1)
        self.every = every
        self.weights = kernels.empty((16, 16, columns, rows))
        self.first = np.zeros_like(self.weights)
        self.second = np.zeros_like(self.weights)

    def add(self, share: float) -> None:
        """Count the frame whose weights were just computed.

        share : what the frame counts for each 1 of the reference, whose noise has as much times the frame's variance.
        """
        weights, squares = self.weights, np.square(self.weights)
        if share != 1:
            weights, squares = (np.float32(share) * v for v in (weights, squares))
        self.first += weights
        self.second += squares

    def worth(self, count: float) -> float:
        """How many frames' mean has as little noise: the weights' say alone, 1 to `count`.

        Interpolation averages neighbours as well, so that the noise itself may be less; but no frame is worth two.
        """
        left = np.square(1 - self.first / count) + self.second / count**2
        return min(1 / float(left.mean(dtype=np.float64)), count)

    def noise(self, count: float, profile: NoiseProfile, cut: NoiseProfile, shown: Float32 | None) -> Noise:
        """What is left of the reference's noise, everywhere and from place to place, by frames that count `count`.

        shown : what share of them shows each of the tiles, if that is of interest.
        """

        def left_of(shown: Float32) -> Float32:
            own = np.square(1 - self.first * shown / count)
            return np.asarray(own + _WARPED / count**2 * self.second * shown, np.float32)

        left = left_of(np.ones(self.first.shape[2:], np.float32))
        least = 1 / count**2 + _WARPED * (count - 1) / count**2
        # Where detail was left out at some frequencies the noise has its mean, where something moved it is everywhere.
        here = left if shown is None else left_of(shown.T)
        alone = 1 - np.log(here).mean((0, 1), dtype=np.float64).T / math.log(least)
        step = 16.0 * self.every  # a tile's middle is where the next begins
        first = 16.0 * (self.every // 2) - 0.5
        share = float(left.mean(dtype=np.float64))
        alone = np.ascontiguousarray(np.clip(alone / _ALONE, 0, 1), np.float32)
        return Noise(profile, cut, share, least, alone, first, step)


class Merger:
    """The reference, what is merged so far, and the buffers that every frame uses again."""

    def __init__(
        self,
        reference: RawImage,
        method: Method,
        report: Report,
        leave_out: LeaveOut,
        denoise: float = 0.0,
        *,
        planes: bool = False,
        diagnosis: Diagnosis | None = None,
        seen: Seen | None = None,
        even: bool = True,
        balance: Float32 | None = None,
    ) -> None:
        """planes : the frames' quads are pixels (`as_quads`) that have all colours. seen : the reference, as known.

        even : whether the noise becomes the same everywhere. balance : of the burst, if not the reference's own.
        """
        self.report, self.method, self.leave_out, self.denoise = report, method, leave_out, denoise
        self.planes, self.diagnosis = planes, diagnosis
        self.noise = noise_of(reference)
        if self.noise.source != "file":
            scale, offset = self.noise.scale[1], self.noise.offset[1]
            report.note(f"noise ({self.noise.source}): scale {scale:.3g}, offset {offset:.3g}")
        of_quads = noise_of_quads(reference, self.noise, planes=planes)
        self.reference: Frame = make_frame(reference, of_quads, padded_like(reference))
        if balance is not None:
            self.reference = replace(self.reference, balance=balance)
        asked = even and method in ("robust", "max") and not denoise
        self._evens = asked and is_visible(self.reference, self.noise, planes=planes)
        self.aligner = Aligner(
            self.reference, of_quads, report, measure=diagnosis is not None, planes=planes, seen=seen
        )
        rows, columns = block_size(reference)
        self.difference: Float32 = kernels.empty((rows + 2 * _MARGIN, columns + 2 * _MARGIN, 4))
        for margin in (slice(_MARGIN), slice(-_MARGIN, None)):
            self.difference[margin] = 0
            self.difference[:, margin] = 0
        self.sum: Float32 = kernels.empty((rows, columns, 5))
        self.sum[...] = 0
        self.analysis, self.synthesis, self.floor = _filter()
        self.units = _Units.of(self.reference, self.noise, self.analysis)
        self.slack = self.units.slack
        self._noises = Noises(reference, self.noise, planes=planes)
        self._cut = self.noise
        self._other = self.units  # of frames whose noise is their own
        self.gain = _Gain((rows // 8 + 1, columns // 8 + 1), _EVERY_DENOISED if denoise else _EVERY)
        self.reach: Reach | None = None  # where the noise left is dealt with from place to place
        if denoise:
            self.reach = Reach(self.reference, self.gain.tiles, self.gain.every)
        elif self._evens:
            self.reach = Reach(self.reference, (rows // 8, columns // 8), border=_BORDER)
        self.strength = STRENGTH
        # Of one colour four planes say what one does: such power is a lottery, whose spread is measured, too.
        self.measured = planes and (self.noise.source == "estimated" or reference.monochrome)
        # Interpolated colours share their neighbours' noise, whatever a profile says of it.
        self.colored = planes
        self.hot = None if planes else HotPixels(self.reference)
        self.reconstruction = Reconstruction(self.reference, self.noise) if method == "max" and not planes else None
        self.names = [reference.path]
        self.seen = [(reference.capture, True)]
        self.count, self.clips = 1, 1.0
        self.total = 1.0  # of what the frames count, the reference 1
        self.exposure = exposure_value(reference.capture)
        report.note(f"reference: {reference.name}")
        if diagnosis is not None:
            diagnosis.begin(reference, method, sharpness=self.aligner.pyramid.sharpness)
            diagnosis.see_noise(reference, os.path.basename(reference.name), self.noise)

    def add(self, raw: RawImage, seen: Seen | None = None) -> None:
        """Align one frame and merge it, or leave it out with a warning; in strong noise some wait for each other.

        seen : the frame's pyramid, if it was made before.
        """
        ev = exposure_value(raw.capture)
        step = 0.0 if ev is None or self.exposure is None else ev - self.exposure
        if abs(step) > MAX_EV:
            self._leave_out(raw, f"exposure {step:+.1f} EV", f"its exposure differs by {step:+.1f} EV")
            return
        for aligned in self.aligner.add(raw, 2.0**-step, seen, self._noises.of(raw)):
            self._take(aligned)

    def _leave_out(self, raw: RawImage, verdict: str, reason: str, aligned: Aligned | None = None) -> None:
        if self.diagnosis is not None:
            found, sharpness = (None, None) if aligned is None else (aligned.found, aligned.sharpness)
            self.diagnosis.add(raw, verdict, sharpness=sharpness, found=found)
        self.seen.append((raw.capture, False))
        self.leave_out(raw, reason)

    def _take(self, aligned: Aligned) -> None:
        raw, frame, found, sharpness, own = aligned
        if not found.ok:
            self._leave_out(raw, "does not match", f"it does not match {self.reference.raw.name}", aligned)
            return
        if self.hot is not None:
            self.hot.remove(frame, found.nodes)
        inside = self.difference[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
        (warp_planes if self.planes else warp)(frame, self.reference, found, inside)
        units, share = self._units_of(own), 1.0 if own is None else own.share
        if self.colored:
            self._measure_floor(inside, units, frame.quads)
        if self.method == "mean":
            self._add_whole(inside, share)
        else:
            self._add_alike(units, share)
        self.gain.add(share)
        if self.reach is not None:
            self.reach.add(frame, found.nodes, share)
        if self.reconstruction is not None:
            agreement = agreement_of(self.difference, units.inverse_sigma, self.reference, _MARGIN)
            self.reconstruction.add(frame, found.nodes, agreement * np.float32(share))
        if self.diagnosis is not None:
            self.diagnosis.add(raw, "merged", sharpness=sharpness, found=found, weights=self.gain.weights)
        if own is not None:
            self.report.note(f"{raw.name}: {1 / share:.2g} times the variance of the reference's noise")
        self.count += 1
        self.clips = min(self.clips, float(((frame.clip - frame.black) * frame.scale).min()))
        self.total += share
        if own is not None or self._cut != self.noise:
            self._cut = mean_deviation(self._cut, self.noise if own is None else own.noise, share / self.total)
        self.names.append(raw.path)
        self.seen.append((raw.capture, True))

    def _units_of(self, own: Own | None) -> _Units:
        """Those of a difference between a frame and the reference."""
        if own is None:
            return self.units
        if self._other.noise != own.both:
            self._other = _Units.of(self.reference, own.both, self.analysis)
        return self._other

    def _measure_floor(self, inside: Float32, units: _Units, quads: tuple[int, int]) -> None:
        """Learn from the first difference at which frequencies interpolated colours have their noise."""
        floor = measured_floor(inside, units.inverse_sigma, self.analysis, quads)
        if self.measured or floor[1, 1] > INTERPOLATED * floor[8, 8]:
            self.floor = floor
            # In units of the noise where most of its power is.
            self.strength = STRENGTH * float(np.square(floor).sum() / floor.sum()) / FLOOR
        self.colored = False

    def _add_whole(self, inside: Float32, share: float) -> None:
        self.sum[..., :4] += inside if share == 1 else inside * np.float32(share)
        self.gain.weights[...] = 1

    def _add_alike(self, units: _Units, share: float) -> None:
        """Add what of the difference may be noise; the filter's weights are looked at on a sample of the tiles."""
        seen = {
            "difference": self.difference,
            "inverse_sigma": units.inverse_sigma,
            "analysis": self.analysis,
            "floor": self.floor,
            "strength": self.strength,
            "slack": units.slack,
        }
        kernels.call("burst_weights", **seen, every=self.gain.every, weights=self.gain.weights)
        kernels.call("burst_merge", **seen, synthesis=self.synthesis, share=share, sum=self.sum, merged=self.sum)

    def finish(self) -> RawImage:
        """The merged raw image."""
        for aligned in self.aligner.rest():
            self._take(aligned)
        raw = self.reference.raw
        if self.count == 1:
            self.report.warn(f"no frame could be merged with {raw.name}: it stands alone")
            return raw
        shown = None if self.reach is None else self.reach.mean(self.total)
        noise = self.gain.noise(self.total, self.noise, self._cut, shown if self.denoise else None)
        worth = self.gain.worth(self.total)
        self.report.note(f"merged {self.count} frames, worth {worth:.1f}")
        if self.hot is not None and self.hot.known.size:
            self.report.note(f"{self.hot.known.size} hot pixels removed")
        total = self.sum[..., :4]
        better, even = self._reconstruct(), self._even(noise, shown)
        # A finished photo's tones tell nothing of its noise near white.
        clips = 0.0 if self.planes and self.noise.source == "estimated" else self.clips
        merged = finish(self.reference, total, self.total, noise, self.denoise, better, even, clips)
        used = [os.path.basename(path) for path in self.names if path]
        result = replace(
            raw,
            mosaic=merged.mosaic,
            black=np.full((2, 2), merged.black, np.float32),
            white=np.full((2, 2), WHITE, np.float32),
            noise=merged.noise,
            capture=replace(raw.capture, frames=self.count, sources=tuple(used), composite=composite_of(self.seen)),
        )
        if self.diagnosis is not None:
            self.diagnosis.variance, self.diagnosis.worth = noise.share, worth
            self.diagnosis.see_noise(result, "merged")
        return result

    def _even(self, noise: Noise, shown: Float32 | None) -> Even | None:
        """What evens the noise out; None where no place is to be denoised, or everything is."""
        if not self._evens or shown is None:
            return None
        return Even(
            self.reference,
            self.sum[..., 4],
            shown,
            self.total,
            (_WARPED, noise.least),
            self.noise,
            share=1.0 if self.reconstruction is None else SOLVED,
            planes=self.planes,
            spectrum=self.floor / np.float32(FLOOR) if self.measured else None,
        )

    def _reconstruct(self) -> Callable[[UInt16, int, int], UInt16] | None:
        reconstruction = self.reconstruction
        if reconstruction is None:
            return None

        def reconstruct(mosaic: UInt16, black: int, white: int) -> UInt16:
            with self.report.stage("reconstruct"):
                return reconstruction.finish(mosaic, black, white)

        return reconstruct


def _filter() -> tuple[Float32, Float32, Float32]:
    """Analysis and synthesis window, and the power by frequency of a difference that is only noise."""
    position = (np.arange(16) + 0.5) / 16
    sine = np.sin(np.pi * position).astype(np.float32)
    floor = np.full((16, 16), FLOOR, np.float32)
    unit = np.float32(math.sqrt(8))  # so that white noise keeps its variance in every frequency
    return sine / unit, sine * unit, floor
