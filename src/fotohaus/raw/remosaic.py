"""Mosaics whose cells of one colour are several pixels: binned, or remosaiced to a Bayer mosaic of full size."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import cast

import numpy as np

from fotohaus import kernels
from fotohaus.raw.cfa import Filters, bin_cells, bin_rectangle
from fotohaus.raw.fit_opcodes import binned_opcodes
from fotohaus.raw.image import CfaPattern, GainMap, NoiseProfile, RawImage, Rectangle
from fotohaus.raw.noise import stated_noise
from fotohaus.raw.opcode_types import Opcode
from fotohaus.raw.tiff import TiffError
from fotohaus.report import Report

TOE, DARKER = 0.05, 0.0015
"""Light at which the root that colours are compared in begins, and by how much noise may darken it, of the range."""

BELOW = 0.25
"""Of the range, noise below zero that floating-point samples keep."""


def binned(raw: RawImage, filters: Filters, white: float, report: Report) -> RawImage:
    """A mosaic of cells with one sample for the pixels under one filter, which have a share of the noise.

    white : the white level of `raw`, which fits in 16 bits.
    """
    if raw.mosaic.dtype != np.uint16:
        raw = _raised(raw).quantized()
        white = float(raw.white.max())
    mosaic, factor, count = bin_cells(raw.mosaic, filters, white)
    if min(mosaic.shape) < 2:
        raise TiffError(f"is damaged: a mosaic of {mosaic.shape[1]} x {mosaic.shape[0]} cells")
    report.note(f"{filters.cell} x {filters.cell} pixels of one colour binned: {mosaic.shape[1]} x {mosaic.shape[0]}")
    noise = raw.noise
    if noise is not None:
        scale, offset = (tuple(v / count for v in values) for values in (noise.scale, noise.offset))
        noise = NoiseProfile(scale, offset, noise.source)  # type: ignore[arg-type]
    return replace(
        raw,
        mosaic=mosaic,
        black=np.full((2, 2), raw.black.mean() * factor, np.float32),
        white=np.full((2, 2), (raw.black.mean() + (raw.white - raw.black).mean()) * factor, np.float32),
        crop=bin_rectangle(raw.crop, filters, *mosaic.shape),
        noise=noise,
        opcodes_1=(),
        opcodes_2=binned_opcodes(raw.opcodes_2, filters, report),
    )


def _raised(raw: RawImage) -> RawImage:
    """The same image with levels so high that noise below zero is kept: a mean of what is cut off is too bright."""
    room = BELOW * float((raw.white - raw.black).max())
    lowest = float(np.fmin.reduce(raw.mosaic, axis=None))
    shift = np.float32(min(max(0.0, -lowest), room))
    if not shift:
        return raw
    return replace(raw, mosaic=raw.mosaic + shift, black=raw.black + shift, white=raw.white + shift)


def remosaiced(raw: RawImage, filters: Filters, report: Report) -> RawImage:
    """A mosaic of 2 x 2 cells as a Bayer mosaic of the same size (kernels/remosaic_gen.py).

    Half of the samples and a little more come from their neighbours: the noise profile, that of single pixels, says too
    much for those.
    """
    raw = raw.quantized()
    top, left = filters.offset
    pattern = cast(CfaPattern, filters.pattern)
    black = float(raw.black.mean())
    white = min(65535.0, black + float((raw.white - raw.black).mean()))
    red = pattern.index("R")
    neutral = np.array(raw.color.as_shot_neutral or (0.5, 1.0, 0.6), np.float32)
    gains = neutral.max() / neutral
    mosaic = np.empty_like(raw.mosaic)
    kernels.call(
        "remosaic_quad",
        mosaic=raw.mosaic,
        gains=gains,
        black=black,
        white=white,
        left=left,
        top=top,
        red_x=red % 2,
        red_y=red // 2,
        toe=_toe(raw, filters, float(gains.max())),
        bayer=mosaic,
    )
    report.note(f"2 x 2 pixels of one colour remosaiced: {mosaic.shape[1]} x {mosaic.shape[0]}")
    moved = "".join(pattern[2 * ((y + top) % 2) + (x + left) % 2] for y in (0, 1) for x in (0, 1))
    return replace(
        raw,
        mosaic=mosaic,
        cfa=cast(CfaPattern, moved),
        black=np.full((2, 2), black, np.float32),
        white=np.full((2, 2), white, np.float32),
        opcodes_1=(),
        opcodes_2=tuple(_spread(o, filters) for o in binned_opcodes(raw.opcodes_2, filters, report)),
    )


def _toe(raw: RawImage, filters: Filters, gain: float) -> float:
    """Light above black at which the root that colours are compared in begins to bend: the more, the more noise there.

    A root of noisy light v is too dark by variance / (4 (v + toe²)), and that of red and blue, which have the higher
    gains, by most: dark parts of noisy pictures would turn green.
    """
    stated = stated_noise(raw)
    variance = _variance(raw, filters) if stated is None else max(stated.offset)
    return max(TOE, gain * math.sqrt(variance / (4 * DARKER)))


def _variance(raw: RawImage, filters: Filters) -> float:
    """Variance of the noise in flat parts, of the range: of what the pixels of a cell have beside mean and slopes."""
    span = max(float((raw.white - raw.black).mean()), 1.0)
    top, left = filters.offset
    rows, columns = (raw.mosaic.shape[0] - top) // 16, (raw.mosaic.shape[1] - left) // 16
    if not rows or not columns:
        return 0.0
    every = -(-rows * columns // 4096)
    chosen = np.arange(0, rows * columns, every)
    inside = raw.mosaic[top : top + 16 * rows, left : left + 16 * columns].reshape(rows, 16, columns, 16)
    blocks = inside[chosen // columns, :, chosen % columns].astype(np.float32) / np.float32(span)
    beside = (blocks[:, ::2, ::2] + blocks[:, 1::2, 1::2] - blocks[:, ::2, 1::2] - blocks[:, 1::2, ::2]) / 2
    clipped = blocks.max((1, 2)) >= np.float32(0.98 * raw.white.min() / span)
    energies = np.square(beside).mean((1, 2))[~clipped]
    # One mean of 64 squares in fifty is under 0.66 of what it is on average.
    return float(np.quantile(energies, 0.02)) / 0.66 if energies.size else 0.0


def _spread(opcode: Opcode, filters: Filters) -> Opcode:
    """A gain map of the binned mosaic, for the remosaiced one: a cell's filter is that of the pixel of its phase."""
    if not isinstance(opcode, GainMap):
        return opcode
    area, (top, left) = opcode.area, filters.offset
    # Before the first whole cell there may be half of one.
    first_y, first_x = (begin + at % 2 + 2 * (at - at % 2) for begin, at in ((top, area.top), (left, area.left)))
    first_y -= 2 if area.top < 2 and first_y >= 2 else 0
    first_x -= 2 if area.left < 2 and first_x >= 2 else 0
    last_y, last_x = top + 2 * (area.top + area.height), left + 2 * (area.left + area.width)
    return replace(opcode, area=Rectangle(first_y, first_x, last_y - first_y, last_x - first_x))
