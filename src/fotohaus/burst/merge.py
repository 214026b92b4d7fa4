"""Many frames of one photo to one raw image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, get_args

from fotohaus.burst.align import Alignment, align
from fotohaus.burst.aligner import Aligned, Aligner
from fotohaus.burst.colored_noise import noise_of_frames
from fotohaus.burst.frame import as_pixels, as_quads, balance_among, block_size, make_frame, noise_of_quads, padded_like
from fotohaus.burst.lead import sharpest
from fotohaus.burst.merger import Merger, Method
from fotohaus.burst.own_noise import Noises
from fotohaus.burst.pyramid import pyramid
from fotohaus.cameras.noise import with_noise
from fotohaus.errors import MergeError
from fotohaus.raw.frame_facts import facts_of, mismatch
from fotohaus.raw.image import RawImage
from fotohaus.raw.noise import noise_of
from fotohaus.report import Report

if TYPE_CHECKING:
    from fotohaus.burst.diagnosis import Diagnosis

CANDIDATES = 3
"""The first frames among which the sharpest becomes the reference."""


def merge(
    frames: Iterable[RawImage],
    *,
    method: Method = "robust",
    reference: int | None = None,
    strict: bool = False,
    total: int | None = None,
    denoise: float = 0.0,
    even: bool = True,
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
        al. 2016, section 5); "max", the same and then the most probable picture behind all frames, which are held in
        memory for it (`reconstruct`; mosaics only); "mean", the mean of the aligned frames; "off", the reference alone.
    reference : number of the reference frame from 1; by default the sharpest of the first three. Frames before it are
        held in memory until it comes.
    strict : raise MergeError for the first frame that would be left out.
    total : how many frames there are, if known, for the progress.
    denoise : strength from 0 to 1 of denoising what was merged, in space (mosaics only); the result's noise profile
        says what is left.
    even : where something moved, and fewer frames could be used, take the noise that is left there out in space until
        it is that of the rest (robust and max merges, where one sees the noise).
    diagnosis : is told what is done with every frame.

    Raises
    ------
    ValueError : a strength out of range, a method that there is not.
    TypeError : a frame that is no raw image.
    MergeError : no frame, no frame of that number, or, if strict, a frame that does not fit.
    """
    if method not in get_args(Method):
        raise ValueError(f"method must be one of {', '.join(get_args(Method))}, got {method!r}")
    if not 0 <= denoise <= 1:
        raise ValueError(f"denoise must be 0 to 1, got {denoise}")
    if not isinstance(frames, Iterable):
        raise TypeError(f"merge takes RawImages in a list, as fotohaus.read gives, not one {type(frames).__name__}")
    report = report or Report()

    def leave_out(raw: RawImage, reason: str) -> None:
        if strict:
            raise MergeError(raw.name, reason)
        report.warn(f"{raw.name} left out: {reason}")

    with report.stage("merge"):
        if reference is not None and reference < 1:
            raise MergeError(None, f"reference must be 1 or more, got {reference}")
        source: Iterator[RawImage] = (with_noise(_raw(frame)).quantized() for frame in frames)
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
        index, seen = sharpest(held) if chosen is None else (next(i for i, r in enumerate(held) if r is chosen), None)
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
        if linear and denoise:
            report.warn("merge-denoise is left out: it works on mosaics, and these frames have pixels of all colours")
        if linear and not monochrome and lead.noise is None:
            held += islice(source, max(0, CANDIDATES - len(held)))
            iso = lead.capture.iso
            others = (as_quads(raw) for i, raw in enumerate(held) if i != index and raw.capture.iso == iso)
            lead = replace(lead, noise=noise_of_frames(lead, others))
        merger = Merger(
            lead,
            method,
            report,
            leave_out,
            0.0 if linear else denoise,
            planes=linear,
            diagnosis=diagnosis,
            seen=None if seen is None else seen.pop(index),
            even=even,
            balance=balance_among(lead, (raw for i, raw in enumerate(held) if i != index)),
        )
        del lead
        del chosen
        ordered = _forget(held, index)
        done = 1
        for raw in chain(ordered, source):
            merger.add(as_quads(raw), seen.pop(0) if seen else None)
            done += 1
            report.progress(done, total or done)
        merged = merger.finish()
        return as_pixels(merged, monochrome) if linear else merged


def align_frames(reference: RawImage, frame: RawImage) -> Alignment:
    """Where the pixels of one raw image lie in another of the same camera and size (`merge` does this by itself)."""
    if (reason := mismatch(facts_of(frame), facts_of(reference))) is not None:
        raise MergeError(frame.name, reason)
    planes = reference.cfa is None
    reference, frame = as_quads(with_noise(reference)), as_quads(frame)
    noise = noise_of(reference)
    own = Noises(reference, noise, planes=planes).of(with_noise(frame))
    noise = noise_of_quads(reference, noise if own is None else own.both, planes=planes)
    pyramids = [pyramid(make_frame(raw, noise, padded_like(raw))) for raw in (reference, frame)]
    return align(pyramids[0], pyramids[1], block_size(reference))


def align_burst(frames: Iterable[RawImage]) -> list[Alignment]:
    """Where the pixels of the first of some raw images lie in each of the others, as `merge` finds it.

    Noisy frames are aligned together, which pairs cannot be. Raises MergeError for a frame of another camera or size.
    """
    source = iter(frames)
    reference = next(source)
    quads = as_quads(with_noise(reference))
    planes, samples = reference.cfa is None, noise_of(quads)
    noise, noises = noise_of_quads(quads, samples, planes=planes), Noises(quads, samples, planes=planes)
    aligner = Aligner(make_frame(quads, noise, padded_like(quads)), noise, planes=planes)
    found: dict[int, Alignment] = {}
    places: dict[int, int] = {}  # of frames that wait

    def take(ready: Iterable[Aligned]) -> None:
        for aligned in ready:
            found[places.pop(id(aligned.raw))] = aligned.found

    for place, frame in enumerate(source):
        if (reason := mismatch(facts_of(frame), facts_of(reference))) is not None:
            raise MergeError(frame.name, reason)
        quads = as_quads(with_noise(frame))
        places[id(quads)] = place
        take(aligner.add(quads, own=noises.of(quads)))
    take(aligner.rest())
    return [found[place] for place in range(len(found))]


def _raw(frame: Any) -> RawImage:
    if not isinstance(frame, RawImage):
        raise TypeError(f"merge takes RawImages, as fotohaus.read gives, not {type(frame).__name__}")
    frame.check()
    return frame


def _alone(raw: RawImage, diagnosis: Diagnosis | None) -> RawImage:
    if diagnosis is not None:
        diagnosis.alone(raw)
    return raw


def _forget(held: list[RawImage], skip: int) -> Iterator[RawImage]:
    """The held frames but one, each released as it is taken."""
    del held[skip]
    while held:
        yield held.pop(0)
