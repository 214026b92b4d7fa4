"""Opcode list 2 on linear reference values (DNG 1.7.1, chapter 7): all but gain maps over the whole image."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fotohaus.develop.shading import gain_positions
from fotohaus.raw import opcode_types as types
from fotohaus.raw.apply_opcodes import apply_to_part, fix_bad_pixels, listed_pixels, map_linear
from fotohaus.raw.image import CFA_PATTERNS, GainMap, RawImage, Rectangle, Samples
from fotohaus.raw.opcode_types import Opcode
from fotohaus.raw.opcodes import opcode_name
from fotohaus.report import Report
from fotohaus.strips import in_threads, strips

BLACK = 4096
"""The black level of an image that opcodes were applied to; white is 65535."""

_BAD_SHARE = 0.05  # of all pixels; a list of more is a mistake
_WARPS = (types.WarpRectilinear, types.WarpFisheye, types.WarpRectilinear2)


def apply_list_2(raw: RawImage, report: Report | None = None) -> RawImage:
    """The image with its opcode list 2 applied, but for gain maps over all of it, which come last and stay in the list.

    Samples become linear reference values, 0 at black and 1 at white, are changed in the order of the file, and are
    kept as 16-bit numbers (`BLACK` to 65535; floats as floats on that scale): those below black keep their noise, those
    above white are cut as DNG 1.7.1 has it. Warps of a mosaic are moved to the front of list 3: what they mean is there
    when the mosaic is complete. Opcodes on the one plane of a monochrome file are on all three from here on. An image
    whose list holds gain maps over the whole image only comes back as it is.
    """
    report = report or Report()
    if raw.monochrome:
        raw = replace(raw, opcodes_2=_on_each_plane(raw.opcodes_2), opcodes_3=_on_each_plane(raw.opcodes_3))
    pending = [_in_place(opcode, raw) for opcode in raw.opcodes_2]
    if all(pending):
        return raw
    last = max(i for i, fused in enumerate(pending) if not fused) + 1
    with report.stage("opcode list 2"):
        image = _Values(raw, report)
        warps: list[Opcode] = []
        for opcode in raw.opcodes_2[:last]:
            if isinstance(opcode, _WARPS):
                warps.append(opcode)
            else:
                image.apply(opcode)
        if warps:
            report.note("warps of opcode list 2 are applied with those of list 3")
        return replace(
            image.raw(),
            opcodes_2=(*image.left, *raw.opcodes_2[last:]),
            opcodes_3=(*warps, *raw.opcodes_3),
        )


def _on_each_plane(opcodes: tuple[Opcode, ...]) -> tuple[Opcode, ...]:
    """Opcodes of the one plane that a monochrome file has, for the three that are made of it."""
    return tuple(
        replace(opcode, planes=3) if isinstance(opcode, types.AreaOpcode) and opcode.plane == 0 else opcode
        for opcode in opcodes
    )


def _in_place(opcode: Opcode, raw: RawImage) -> bool:
    """Whether `linearize` does it, or nobody can."""
    if isinstance(opcode, types.OtherOpcode):
        return True
    height, width = raw.mosaic.shape[:2]
    return isinstance(opcode, GainMap) and gain_positions(opcode, height, width, raw.cfa is not None) is not None


class _Values:
    """Linear reference values as numbers of 16 bits, or floats on their scale, and opcodes on them."""

    def __init__(self, source: RawImage, report: Report) -> None:
        self.report, self.floating = report, source.mosaic.dtype != np.uint16
        self.left: list[Opcode] = []
        self._source = source
        self.mosaic = source.cfa is not None
        self.cfa, self.crop = source.cfa, source.crop
        # One plane of a monochrome image stands for all three.
        self.planes = 1 if source.monochrome or self.mosaic else 3
        shape = (*source.mosaic.shape[:2], 1) if source.monochrome else source.mosaic.shape
        self.samples: Samples = np.empty(shape, source.mosaic.dtype)
        codes = np.arange(65536.0)
        for place, black, white in self._places(source):
            if self.floating:
                self.samples[place] = _code((source.mosaic[place] - black) / (white - black), whole=False)
            else:
                table = _code((codes - black) / (white - black))
                _look_up(source.mosaic[place], table, self.samples[place])

    def _places(self, raw: RawImage) -> list[tuple[tuple[Any, ...], float, float]]:
        """Samples that share their levels."""
        if self.mosaic:
            keys = [(y, x) for y in (0, 1) for x in (0, 1)]
            return [
                ((slice(y, None, 2), slice(x, None, 2)), float(raw.black[y, x]), float(raw.white[y, x]))
                for y, x in keys
            ]
        return [
            ((slice(None), slice(None), slice(p, p + 1)), float(raw.black[0, p]), float(raw.white[0, p]))
            for p in range(self.planes)
        ]

    def raw(self) -> RawImage:
        """The image as it is now."""
        levels = (2, 2) if self.mosaic else (1, 3)
        samples = self.samples
        if not self.mosaic and self.planes == 1:
            samples = np.broadcast_to(samples, (*samples.shape[:2], 3))
        return replace(
            self._source,
            mosaic=samples,
            black=np.full(levels, BLACK, np.float32),
            white=np.full(levels, 65535, np.float32),
            cfa=self.cfa,
            crop=self.crop,
        )

    def apply(self, opcode: Opcode) -> None:
        """Apply one opcode; what can't be applied is kept in `left`."""
        match opcode:
            case types.MapTable() | types.MapPolynomial():
                self._curve(opcode)
            case types.DeltaPerRow() | types.DeltaPerColumn() | types.ScalePerRow() | types.ScalePerColumn():
                self._by_strips(opcode)
            case GainMap() | types.FixVignetteRadial():
                self._by_strips(opcode)
            case types.TrimBounds():
                self._trim(opcode.area)
                return
            case types.FixBadPixelsConstant() if self.mosaic:
                # What is below black is 0 there.
                self._fix(np.rint(_value(self.samples).clip(0) * 65535) == opcode.constant, opcode)
                return
            case types.FixBadPixelsList() if self.mosaic:
                self._fix(listed_pixels(opcode, self.samples.shape[0], self.samples.shape[1]), opcode)
                return
            case _:
                self.left.append(opcode)
                return
        self.report.note(f"{opcode_name(opcode)} applied")

    def _curve(self, opcode: types.MapTable | types.MapPolynomial) -> None:
        planes = self.samples.reshape(*self.samples.shape[:2], -1)
        last = min(opcode.plane + opcode.planes, planes.shape[2])
        part = planes[opcode.rows, opcode.columns, opcode.plane : last]
        with np.errstate(all="ignore"):
            if not self.floating:
                _look_up(part, _code(map_linear(_value(np.arange(65536.0)), opcode)), part)
                return
            for strip in strips(part.shape[0]):
                some = part[slice(*strip)]
                some[...] = _code(map_linear(_value(some).astype(np.float64), opcode), whole=False)

    def _by_strips(self, opcode: Any) -> None:
        from fotohaus.develop.lens_model import vignette_gain

        height, width = self.samples.shape[:2]
        aspect = self._source.scale[0] / self._source.scale[1]

        def change(strip: tuple[int, int]) -> None:
            part = self.samples[slice(*strip)]
            values = _value(part)
            with np.errstate(all="ignore"):  # a file may hold any coefficients
                if isinstance(opcode, types.FixVignetteRadial):
                    x, y = np.meshgrid(np.arange(float(width)), np.arange(float(strip[0]), strip[1]))
                    gain = vignette_gain(opcode, Rectangle(0, 0, height, width), (x, y), aspect).astype(np.float32)
                    values *= gain.reshape(*gain.shape, *[1] * (values.ndim - 2))
                else:
                    apply_to_part(values, opcode, (strip[0], 0), (height, width), self.floating)
                part[...] = _code(values, whole=not self.floating)

        for _ in in_threads(change, strips(height)):
            pass

    def _fix(self, bad: NDArray[np.bool_], opcode: Opcode) -> None:
        count = int(np.count_nonzero(bad))
        if count > _BAD_SHARE * bad.size:
            self.report.warn(f"{opcode_name(opcode)} marks {count} pixels as bad; left as they are")
        elif count:
            fix_bad_pixels(self.samples, bad)
            self.report.note(f"{count} bad pixels interpolated ({opcode_name(opcode)})")

    def _trim(self, area: Rectangle) -> None:
        height, width = self.samples.shape[:2]
        bottom, right = min(height, area.top + area.height), min(width, area.left + area.width)
        if bottom - area.top < 2 or right - area.left < 2:
            self.report.warn("TrimBounds would leave nothing of the image, and is not applied")
            return
        self.samples = np.ascontiguousarray(self.samples[area.top : bottom, area.left : right])
        if self.cfa is not None:
            seen = [self.cfa[2 * ((y + area.top) & 1) + ((x + area.left) & 1)] for y in (0, 1) for x in (0, 1)]
            self.cfa = next(pattern for pattern in CFA_PATTERNS if list(pattern) == seen)
        # The default crop counts from the corner of the image as the opcodes leave it.
        height, width = self.samples.shape[:2]
        top, left = min(self.crop.top, height - 1), min(self.crop.left, width - 1)
        self.crop = Rectangle(top, left, min(self.crop.height, height - top), min(self.crop.width, width - left))


def _value(samples: NDArray[Any]) -> NDArray[Any]:
    """Linear reference values of samples."""
    return np.asarray((samples.astype(np.float32) - np.float32(BLACK)) * np.float32(1 / (65535 - BLACK)))


def _code(values: NDArray[Any], *, whole: bool = True) -> Samples:
    """Samples of linear reference values: of 16 bits if whole, else floats."""
    codes = np.nan_to_num(values * (65535 - BLACK) + BLACK, copy=False).clip(0, 65535)
    return np.asarray(np.rint(codes).astype(np.uint16) if whole else codes.astype(np.float32))


def _look_up(samples: NDArray[np.uint16], table: NDArray[np.uint16], out: NDArray[np.uint16]) -> None:
    """Put samples through a table of 65536 numbers, several strips at once."""

    def look(strip: tuple[int, int]) -> None:
        rows = slice(*strip)
        out[rows] = table[samples[rows]]

    for _ in in_threads(look, strips(samples.shape[0])):
        pass
