"""Frames come one after another and go on aligned: at once, or in strong noise after waiting for some others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from fotohaus.burst.align import Alignment, align
from fotohaus.burst.frame import Frame, block_size, make_frame, noise_of_quads, padded_like, with_noise
from fotohaus.burst.own_noise import Own
from fotohaus.burst.pyramid import Pyramid, pyramid, with_samples
from fotohaus.burst.together import Together
from fotohaus.raw.image import NoiseProfile, RawImage, UInt16
from fotohaus.report import Report

NOISY = 0.02
"""px that noise leaves of a pairwise alignment, from which frames are aligned together."""

LEAST, MOST = 3, 6
"""Frames besides the reference for which there must be room to wait, and that wait at most."""

MAX_BYTES = 32 << 20
"""What the waiting frames' mosaics may take: memory must not grow with the number of frames."""

VERY_NOISY = 0.04
"""px from which frames that are aligned together are read as `burst/dim.py` does, and from which `LEAST` large ones are
aligned together by their quads, which costs half as much again."""

MAX_LARGE_BYTES = 80 << 20
"""What the mosaics of `LEAST` large frames may take."""


class Aligned(NamedTuple):
    """A frame ready to be merged, or one that shows something else (`found.ok`). It is overwritten by the next."""

    raw: RawImage
    frame: Frame
    found: Alignment
    sharpness: float | None
    own: Own | None = None


class Seen(NamedTuple):
    """A frame's pyramid, without the level of its own samples, and the noise in whose units it is."""

    pyramid: Pyramid
    noise: NoiseProfile


class _Waiting(NamedTuple):
    raw: RawImage
    exposure: float
    found: Alignment
    sharpness: float | None


class Aligner:
    """Aligns frames to a reference: pair by pair, or together (`Together`) where the first pair shows strong noise.

    measure : also tell the frames' sharpness. planes : the frames' quads are pixels (`as_quads`). seen : the
    reference's pyramid, if it was made before.
    """

    def __init__(
        self,
        reference: Frame,
        noise: NoiseProfile,
        report: Report | None = None,
        *,
        measure: bool = False,
        planes: bool = False,
        seen: Seen | None = None,
    ) -> None:
        self.noise, self.measure, self.report = noise, measure, report or Report()
        self._reference = reference
        self.pyramid = seen.pyramid if seen is not None and seen.noise == noise else pyramid(reference)
        self._blocks = block_size(reference.raw)
        self._padded: UInt16 = padded_like(reference.raw)
        self._room: int | None = None  # for frames that wait; not known before the first pair
        self._waiting: list[_Waiting] = []
        self._together: Together | None = None
        # Samples of one place have no finer luma than their quads.
        self._fine, self._planes = not planes, planes
        self._dim = False
        self._other: Seen | None = None  # the reference in units of the noise that a frame's own makes

    def add(
        self, raw: RawImage, exposure: float = 1.0, seen: Seen | None = None, own: Own | None = None
    ) -> Iterator[Aligned]:
        """Align one frame, whose light is multiplied by `exposure`; gives those that are ready now, in order.

        seen : the frame's pyramid, if it was made before; not to be kept by the caller. own : its noise, if it is not
        the reference's; such a frame is aligned by itself.
        """
        if own is not None:
            yield self._apart(raw, exposure, own)
            return
        frame = make_frame(raw, self.noise, self._padded, exposure)
        with self.report.stage("align"):
            found, sharpness = self._find(frame, seen if exposure == 1 else None)
            del seen
        if self._room is None and found.ok:
            self._room = self._room_for(raw.mosaic.nbytes, found.error)
        if not found.ok or not self._room:
            yield Aligned(raw, frame, found, sharpness)
            return
        self._waiting.append(_Waiting(raw, exposure, found, sharpness))
        if len(self._waiting) == self._room:
            yield from self.rest()

    def _find(self, frame: Frame, seen: Seen | None) -> tuple[Alignment, float | None]:
        """Where a frame lies, and its sharpness if that is asked for. seen : as for `add`."""
        sharpness = None
        if self._together is None or self.measure:
            made = seen.pyramid if seen is not None and seen.noise == self.noise else pyramid(frame)
            sharpness = made.sharpness if self.measure else None
            if self._together is None:
                return align(self.pyramid, made, self._blocks), sharpness
            del made, seen
        return self._together.align(pyramid(frame, fine=self._fine, dim=self._dim)), sharpness

    def _apart(self, raw: RawImage, exposure: float, own: Own) -> Aligned:
        """Align a frame of other noise than the reference's: both in units of their mean variance."""
        both, alone = (noise_of_quads(raw, noise, planes=self._planes) for noise in (own.both, own.noise))
        with self.report.stage("align"):
            if self._other is None or self._other.noise != both:
                self._other = Seen(pyramid(with_noise(self._reference, both)), both)
            frame = make_frame(raw, both, self._padded, exposure)
            made = pyramid(frame)
            found = align(self._other.pyramid, made, self._blocks)
        return Aligned(raw, with_noise(frame, alone), found, made.sharpness if self.measure else None, own)

    def rest(self) -> Iterator[Aligned]:
        """Those that still wait; what comes after them need not."""
        waiting, self._waiting, self._room = self._waiting, [], 0
        if len(waiting) > 1:
            waiting = self._meet(waiting)
        for i, (raw, exposure, found, sharpness) in enumerate(waiting):
            waiting[i] = None  # type: ignore[call-overload]
            yield Aligned(raw, make_frame(raw, self.noise, self._padded, exposure), found, sharpness)

    def _room_for(self, size: int, error: float) -> int:
        """How many frames of so many bytes wait for each other where a pair is only sure to `error` px."""
        fit = MAX_BYTES // max(size, 1)
        self._dim = error > VERY_NOISY
        if fit >= LEAST:
            return min(MOST, fit) if error > NOISY else 0
        if error > VERY_NOISY and LEAST * size <= MAX_LARGE_BYTES:
            # Large frames have little finer than their quads, and the samples' pyramids would take as much as they all.
            self._fine = False
            return LEAST
        return 0

    def _meet(self, waiting: list[_Waiting]) -> list[_Waiting]:
        """The same frames, aligned together."""
        with self.report.stage("align"):
            self.pyramid = pyramid(self._reference, dim=self._dim)
            self._together = together = Together(self._seen_reference(), self._blocks)
            for one in waiting:
                together.add(self._seen(one), one.found.motion, one.found.trust)
            together.settle(self._seen_reference())
            places = [together.again(self._seen(one), one.found) for one in waiting]
            if together.trust is None:
                together.settle(self._seen_reference())
        typical = float(np.median([w.found.error for w in waiting]))
        self.report.note(f"noisy: {len(waiting) + 1} frames aligned together (pairs are sure to {typical:.2f} px)")
        return [
            # One that the others did not place better stays where the reference alone saw it.
            one if place is one.found else one._replace(found=together.against_reference(place))
            for one, place in zip(waiting, places, strict=True)
        ]

    def _seen(self, waiting: _Waiting) -> Pyramid:
        frame = make_frame(waiting.raw, self.noise, self._padded, waiting.exposure)
        return pyramid(frame, fine=self._fine, dim=self._dim)

    def _seen_reference(self) -> Pyramid:
        """Made again where it is asked for: with the samples' own level it is as large as a frame."""
        return with_samples(self.pyramid, self._reference, dim=self._dim) if self._fine else self.pyramid
