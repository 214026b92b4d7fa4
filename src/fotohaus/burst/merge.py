"""Many frames of one photo to one raw image."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice
from typing import TYPE_CHECKING, Literal

import numpy as np

from fotohaus import kernels
from fotohaus.burst.align import Alignment, align
from fotohaus.burst.colored_noise import measured_floor, noise_of_frames
from fotohaus.burst.frame import PAD, Frame, as_pixels, as_quads, block_size, make_frame, padded_like
from fotohaus.burst.noise import estimate_noise
from fotohaus.burst.pyramid import TILE, Pyramid, pyramid
from fotohaus.errors import MergeError
from fotohaus.raw.frame_facts import MAX_EV, exposure_value, facts_of, mismatch
from fotohaus.raw.image import Float32, NoiseProfile, RawImage, UInt16
from fotohaus.report import Report

if TYPE_CHECKING:
    from fotohaus.burst.diagnosis import Diagnosis

Method = Literal["robust", "mean", "off"]
LeaveOut = Callable[[RawImage, str], None]
Warp = Callable[[Frame, Frame, Alignment, Float32], None]

CANDIDATES = 3
"""The first frames among which the sharpest becomes the reference."""

STRENGTH = 1.5
"""c of the Wiener filter: a difference whose variance exceeds the noise's by c variances of a frame counts half."""

FLOOR = 2.2
"""Variance of a difference that is only noise, in units of a frame's: 1.65 to 2 after the warp, and its spread."""

_EVERY = 4  # tiles between those whose weights are looked at
_WARPED = 0.75  # variance of a warped frame's noise in units of the frame's: the mean over all phases
_WINDOW = 144  # px of the mosaic that one tile of the warp kernel reads
_MARGIN = 8  # samples of a plane before and after the differences
_NODES = 64  # px of the mosaic between the displacement's nodes


def merge(
    frames: Iterable[RawImage],
    *,
    method: Method = "robust",
    reference: int | None = None,
    strict: bool = False,
    total: int | None = None,
    report: Report | None = None,
    diagnosis: Diagnosis | None = None,
) -> RawImage:
    """Merge frames of one photo into one raw image, as seen by the reference frame.

    Frames are taken from the iterable one after another, aligned, merged and forgotten: the memory does not depend on
    their number. The result's mosaic has 16 bits: the merge's precision and values below black are kept.

    Parameters
    ----------
    frames : raw images of one photo. Those of another camera, size, CFA, orientation or lens than the first (or than
        the reference that was named), those whose exposure differs from the reference's by more than 0.2 EV, and
        those that show something else are left out with a warning.
    method : "robust", where a frame differs from the reference by more than noise the reference stands (Hasinoff et
        al. 2016, section 5); "mean", the mean of the aligned frames; "off", the reference alone.
    reference : number of the reference frame from 1; by default the sharpest of the first three. Frames before it are
        held in memory until it comes.
    strict : raise MergeError for the first frame that would be left out.
    total : how many frames there are, if known, for the progress.
    diagnosis : is told what is done with every frame.

    Raises
    ------
    MergeError : no frame, no frame of that number, or, if strict, a frame that does not fit.
    """
    report = report or Report()

    def leave_out(raw: RawImage, reason: str) -> None:
        if strict:
            raise MergeError(raw.name, reason)
        report.warn(f"{raw.name} left out: {reason}")

    with report.stage("merge"):
        if reference is not None and reference < 1:
            raise MergeError(None, f"reference must be 1 or more, got {reference}")
        source: Iterator[RawImage] = (raw.quantized() for raw in frames)
        held = list(islice(source, CANDIDATES if reference is None else reference))
        if not held:
            raise MergeError(None, "there are no frames to merge")
        if reference is not None and len(held) < reference:
            raise MergeError(None, f"reference is frame {reference}, but there are only {len(held)}")
        model = facts_of(held[0 if reference is None else reference - 1])

        def fits(raw: RawImage) -> bool:
            reason = mismatch(facts_of(raw), model)
            if reason is not None:
                leave_out(raw, reason)
            return reason is None

        chosen = None if reference is None else held[reference - 1]
        held = [raw for raw in held if fits(raw)]
        index = _sharpest(held) if chosen is None else next(i for i, raw in enumerate(held) if raw is chosen)
        if method == "off":
            report.note(f"off: {held[index].name} alone")
            return _alone(held[index], diagnosis)
        source = filter(fits, source)
        if len(held) == 1:
            following = next(source, None)
            if following is None:
                report.note("one frame: nothing to merge")
                return _alone(held[0], diagnosis)
            held.append(following)
            del following
        linear, monochrome = held[index].cfa is None, held[index].monochrome
        lead = as_quads(held[index])
        if linear and lead.noise is None:
            held += islice(source, max(0, CANDIDATES - len(held)))
            others = (as_quads(raw) for i, raw in enumerate(held) if i != index)
            lead = replace(lead, noise=noise_of_frames(lead, others))
        merger = _Merger(lead, method, report, leave_out, _warp_planes if linear else _warp, diagnosis)
        del lead
        del chosen
        ordered = _forget(held, index)
        done = 1
        for raw in chain(ordered, source):
            merger.add(as_quads(raw))
            done += 1
            report.progress(done, total or done)
        merged = merger.finish()
        return as_pixels(merged, monochrome) if linear else merged


def align_frames(reference: RawImage, frame: RawImage) -> Alignment:
    """Where the pixels of one raw image lie in another of the same camera and size (`merge` does this by itself)."""
    if (reason := mismatch(facts_of(frame), facts_of(reference))) is not None:
        raise MergeError(frame.name, reason)
    reference, frame = as_quads(reference), as_quads(frame)
    noise = _noise(reference)
    pyramids = [pyramid(make_frame(raw, noise, padded_like(raw))) for raw in (reference, frame)]
    return align(pyramids[0], pyramids[1], block_size(reference))


def _alone(raw: RawImage, diagnosis: Diagnosis | None) -> RawImage:
    if diagnosis is not None:
        diagnosis.alone(raw)
    return raw


def _forget(held: list[RawImage], skip: int) -> Iterator[RawImage]:
    """The held frames but one, each released as it is taken."""
    del held[skip]
    while held:
        yield held.pop(0)


def _noise(raw: RawImage) -> NoiseProfile:
    noise = raw.noise
    values = (*noise.scale, *noise.offset) if noise else (math.nan,)
    if noise is None or not all(math.isfinite(v) and v >= 0 for v in values) or not any(values):
        return estimate_noise(raw)
    return noise


def _sharpest(held: list[RawImage]) -> int:
    """Index of the frame with the most detail; the earlier wins a tie."""
    if len(held) == 1:
        return 0
    first = as_quads(held[0])
    padded, noise = padded_like(first), _noise(first)
    energy = [pyramid(make_frame(as_quads(raw), noise, padded)).sharpness for raw in held]
    return int(np.argmax(energy))


class _Gain:
    """What the merge does to the noise: sums over the frames of the filter's weights, on a sample of the tiles."""

    def __init__(self, tiles: tuple[int, int]) -> None:
        rows, columns = (max(n // _EVERY, 1) for n in tiles)
        self.weights = kernels.empty((16, 16, columns, rows))
        self.first = np.zeros_like(self.weights)
        self.second = np.zeros_like(self.weights)

    def add(self) -> None:
        """Count the frame whose weights were just computed."""
        self.first += self.weights
        self.second += np.square(self.weights)

    def variance(self, count: int) -> float:
        """Mean variance of the merged noise in units of one frame's."""
        own = np.square(1 - self.first / count)
        return float((own + _WARPED * self.second / count**2).mean(dtype=np.float64))


class _Merger:
    """The reference, what is merged so far, and the buffers that every frame uses again."""

    def __init__(
        self,
        reference: RawImage,
        method: Method,
        report: Report,
        leave_out: LeaveOut,
        warp: Warp,
        diagnosis: Diagnosis | None = None,
    ) -> None:
        self.report, self.method, self.leave_out, self.warp = report, method, leave_out, warp
        self.diagnosis = diagnosis
        self.noise = _noise(reference)
        if self.noise is not reference.noise:
            report.note(f"noise estimated: scale {self.noise.scale[1]:.3g}, offset {self.noise.offset[1]:.3g}")
        self.reference: Frame = make_frame(reference, self.noise, padded_like(reference))
        self.pyramid: Pyramid = pyramid(self.reference)
        self.padded: UInt16 = padded_like(reference)
        rows, columns = block_size(reference)
        self.difference: Float32 = kernels.empty((rows + 2 * _MARGIN, columns + 2 * _MARGIN, 4))
        self.difference[...] = 0
        self.sum: Float32 = kernels.empty((rows, columns, 4))
        self.sum[...] = 0
        self.inverse_sigma: Float32 = kernels.empty((rows // 8 + 1, columns // 8 + 1, 4))
        kernels.call(
            "burst_sigma",
            mosaic=self.reference.padded,
            black=self.reference.black,
            scale=self.reference.scale,
            noise_scale=self.reference.noise_scale,
            noise_offset=self.reference.noise_offset,
            pad=PAD,
            width=self.reference.quads[1],
            height=self.reference.quads[0],
            inverse_sigma=self.inverse_sigma,
        )
        self.analysis, self.synthesis, self.floor = _filter()
        self.strength = STRENGTH
        self.colored = warp is _warp_planes and self.noise.source == "estimated"
        self.gain = _Gain((rows // 8 + 1, columns // 8 + 1))
        self.names = [reference.path]
        self.count = 1
        self.exposure = exposure_value(reference.capture)
        report.note(f"reference: {reference.name}")
        if diagnosis is not None:
            diagnosis.begin(reference, method, sharpness=self.pyramid.sharpness)
            diagnosis.see_noise(reference, reference.name, self.noise)

    def add(self, raw: RawImage) -> None:
        """Align one frame and merge it, or leave it out with a warning."""
        ev = exposure_value(raw.capture)
        step = 0.0 if ev is None or self.exposure is None else ev - self.exposure
        if abs(step) > MAX_EV:
            if self.diagnosis is not None:
                self.diagnosis.add(raw, f"exposure {step:+.1f} EV")
            self.leave_out(raw, f"its exposure differs by {step:+.1f} EV")
            return
        frame = make_frame(raw, self.noise, self.padded, exposure=2.0**-step)
        with self.report.stage("align"):
            seen = pyramid(frame)
            found = align(self.pyramid, seen, block_size(raw))
            sharpness = None if self.diagnosis is None else seen.sharpness
            del seen
        if not found.ok:
            if self.diagnosis is not None:
                self.diagnosis.add(raw, "does not match", sharpness=sharpness, found=found)
            self.leave_out(raw, f"it does not match {self.reference.raw.name}")
            return
        inside = self.difference[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
        self.warp(frame, self.reference, found, inside)
        if self.colored:
            self.floor = measured_floor(inside, self.inverse_sigma, self.analysis, frame.quads)
            # In units of the noise where most of its power is.
            self.strength = STRENGTH * float(np.square(self.floor).sum() / self.floor.sum()) / FLOOR
            self.colored = False
        if self.method == "mean":
            self.sum += inside
            self.gain.weights[...] = 1
        else:
            kernels.call(
                "burst_weights",
                difference=self.difference,
                inverse_sigma=self.inverse_sigma,
                analysis=self.analysis,
                floor=self.floor,
                strength=self.strength,
                weights=self.gain.weights,
            )
            kernels.call(
                "burst_merge",
                difference=self.difference,
                sum=self.sum,
                inverse_sigma=self.inverse_sigma,
                analysis=self.analysis,
                synthesis=self.synthesis,
                floor=self.floor,
                strength=self.strength,
                merged=self.sum,
            )
        self.gain.add()
        if self.diagnosis is not None:
            weights = self.gain.weights
            self.diagnosis.add(raw, "merged", sharpness=sharpness, found=found, weights=weights)
        self.count += 1
        self.names.append(raw.path)

    def finish(self) -> RawImage:
        """The merged raw image."""
        raw, reference, n = self.reference.raw, self.reference, self.noise
        if self.count == 1:
            self.report.warn(f"no frame could be merged with {raw.name}: it stands alone")
            return raw
        # The room below black that the camera left, and some for what interpolation puts there.
        room = float(np.max(raw.black / np.maximum(raw.white, 1)))
        black, white = round(65535 * min(max(room, 1 / 64), 0.25)), 65535
        merged = np.empty(raw.mosaic.shape, np.uint16)
        kernels.call(
            "burst_finish",
            reference=reference.padded,
            sum=self.sum,
            black=reference.black,
            scale=reference.scale,
            clip=reference.clip,
            pad=PAD,
            left=reference.left,
            top=reference.top,
            gain=1 / self.count,
            merged_black=black,
            merged_white=white,
            merged=merged,
        )
        variance = self.gain.variance(self.count)
        self.report.note(f"merged {self.count} frames, worth {1 / variance:.1f}")
        used = [os.path.basename(path) for path in self.names if path]
        result = replace(
            raw,
            mosaic=merged,
            black=np.full((2, 2), black, np.float32),
            white=np.full((2, 2), white, np.float32),
            noise=NoiseProfile(
                (n.scale[0] * variance, n.scale[1] * variance, n.scale[2] * variance),
                (n.offset[0] * variance, n.offset[1] * variance, n.offset[2] * variance),
                source="merged",
            ),
            capture=replace(raw.capture, frames=self.count, sources=tuple(used)),
        )
        if self.diagnosis is not None:
            self.diagnosis.variance = variance
            self.diagnosis.see_noise(result, "merged")
        return result


def _filter() -> tuple[Float32, Float32, Float32]:
    """Analysis and synthesis window, and the power by frequency of a difference that is only noise."""
    position = (np.arange(16) + 0.5) / 16
    sine = np.sin(np.pi * position).astype(np.float32)
    floor = np.full((16, 16), FLOOR, np.float32)
    unit = np.float32(math.sqrt(8))  # so that white noise keeps its variance in every frequency
    return sine / unit, sine * unit, floor


def _warp(frame: Frame, reference: Frame, found: Alignment, difference: Float32) -> None:
    """The aligned frame less the reference, plane by plane, into `difference`."""
    rows, columns = (n // 64 for n in difference.shape[:2])
    first_y, last_y, first_x, last_x = frame.bounds
    nodes = found.nodes
    per_tile = 2 * TILE // 32
    # The least displacement of each tile's nodes, so that its window begins there.
    corners = [nodes[i : i + per_tile * rows : per_tile, j : j + per_tile * columns : per_tile]
               for i in range(per_tile + 1) for j in range(per_tile + 1)]  # fmt: skip
    least = np.min(corners, axis=0)
    start = np.stack(np.broadcast_arrays(np.arange(columns) * 128, np.arange(rows)[:, None] * 128), -1)
    origins = np.floor(np.clip(least, -1e6, 1e6)).astype(np.int32) + start + PAD - 2
    high = np.array([frame.padded.shape[1], frame.padded.shape[0]]) - _WINDOW - 2
    origins = np.clip(origins & ~1, 2, high & ~1)
    kernels.call(
        "burst_warp",
        frame=frame.padded,
        reference=reference.padded,
        frame_black=frame.black,
        frame_scale=frame.scale,
        reference_black=reference.black,
        reference_scale=reference.scale,
        balance=reference.balance,
        grid=nodes,
        origins=kernels.planar(origins.astype(np.int32)),
        pad=PAD,
        left=first_x,
        top=first_y,
        right=last_x,
        bottom=last_y,
        difference=difference,
    )


def _warp_planes(frame: Frame, reference: Frame, found: Alignment, difference: Float32) -> None:
    """As `_warp`, for quads that are pixels."""
    rows, columns = frame.quads
    kernels.call(
        "burst_warp_planes",
        frame=frame.padded,
        reference=reference.padded,
        frame_black=frame.black,
        frame_scale=frame.scale,
        reference_black=reference.black,
        reference_scale=reference.scale,
        grid=found.nodes,
        pad=PAD,
        width=columns,
        height=rows,
        difference=difference,
    )
