"""A raw frame as the burst kernels want it: padded, with R at even columns of even rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw.image import Float32, Float64, NoiseProfile, RawImage, UInt16

PAD = 16
"""Pixels before the first quad and after the last."""

BLOCK = 128
"""Quads of which every working array is a multiple: what one task of the warp and the merge makes."""

SITE_COLORS = (0, 1, 1, 2)
"""Colour of plane p, at column p % 2 and row p // 2 of a quad."""

MONOCHROME, COLORS = 4, 2
"""Times a quarter of a sample's variance that the mean of a pixel's quad has."""

STRANGE = 0.4
"""Natural logarithm of what two balances may differ by, between any two colours."""

_MIRRORED = 8  # px beyond the border that hold samples of the same colour


@dataclass(frozen=True)
class Frame:
    """One frame of a burst.

    padded : (H, W) uint16; the mosaic begins at [top, left], quad 0 at [PAD, PAD]. An even mosaic of another phase has
        one quad more than halves, whose missing samples are mirrored.
    black, scale, clip : (2, 2) float32 by position in the quad; light = (sample - black) * scale, 1 = white level.
    noise_scale, noise_offset : (4,) float32 by plane.
    balance : (3,) float32 that makes the colours of a neutral equal.
    """

    raw: RawImage
    padded: UInt16
    top: int
    left: int
    black: Float32
    scale: Float32
    clip: Float32
    noise_scale: Float32
    noise_offset: Float32
    balance: Float32

    @property
    def quads(self) -> tuple[int, int]:
        """(rows, columns) of quads, the incomplete ones included."""
        return quad_size(self.raw)

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """First and last row, first and last column of the mosaic in `padded`."""
        h, w = self.raw.mosaic.shape
        return self.top, self.top + h - 1, self.left, self.left + w - 1


def _phase(raw: RawImage) -> tuple[int, int]:
    """Row and column of R in the mosaic's first quad."""
    row, column = divmod((raw.cfa or "RGGB").index("R"), 2)
    return row, column


def quad_size(raw: RawImage) -> tuple[int, int]:
    """(rows, columns) of quads that cover the mosaic."""
    row, column = _phase(raw)
    h, w = raw.mosaic.shape[:2]
    return -(-(h + row) // 2), -(-(w + column) // 2)


def block_size(raw: RawImage) -> tuple[int, int]:
    """(rows, columns) of the quads rounded up to whole blocks."""
    rows, columns = quad_size(raw)
    return -(-rows // BLOCK) * BLOCK, -(-columns // BLOCK) * BLOCK


def padded_like(raw: RawImage) -> UInt16:
    """A fresh buffer for `make_frame`; it may be used for one frame after another of the same size."""
    rows, columns = block_size(raw)
    return np.zeros((2 * rows + 2 * PAD, 2 * columns + 2 * PAD), np.uint16)


def as_quads(raw: RawImage) -> RawImage:
    """Linear raw as a mosaic of twice its size whose quads are its pixels: red, green, green, blue at one place.

    A mosaic is given back as it is. What the burst kernels know of Bayer quads then holds for pixels.
    """
    if raw.cfa is not None:
        return raw
    height, width = raw.mosaic.shape[:2]
    mosaic = np.empty((2 * height, 2 * width), np.uint16)
    for plane, color in enumerate(SITE_COLORS):
        mosaic[plane // 2 :: 2, plane % 2 :: 2] = raw.mosaic[..., color]
    black, white = (level[0][np.array(SITE_COLORS)].reshape(2, 2) for level in (raw.black, raw.white))
    return replace(raw, mosaic=mosaic, cfa="RGGB", black=black, white=white)


def as_pixels(quads: RawImage, monochrome: bool = False) -> RawImage:
    """The linear raw whose pixels are a mosaic's quads: what `as_quads` was made of."""
    planes = [quads.mosaic[y::2, x::2] for y, x in ((0, 0), (0, 1), (1, 1))]
    if monochrome:
        gray = np.ascontiguousarray(planes[1])
        mosaic = np.broadcast_to(gray[..., None], (*gray.shape, 3))
    else:
        mosaic = np.stack(planes, axis=-1)
    black, white = (level.reshape(1, 4)[:, [0, 1, 3]] for level in (quads.black, quads.white))
    return replace(quads, mosaic=mosaic, cfa=None, black=black, white=white)


def noise_of_quads(raw: RawImage, noise: NoiseProfile, *, planes: bool) -> NoiseProfile:
    """The noise of a frame's samples that leaves in their quads' means what is there, were it each sample's own.

    planes : the quads are pixels (`as_quads`). The four samples of a monochrome pixel are one, and their mean has its
    noise, not a quarter of it; of three colours green counts twice, and interpolated ones (X-Trans) share a sample's
    noise with their neighbours. What was estimated from such means already is theirs.
    """
    if not planes or (noise.source == "estimated" and not raw.monochrome):
        return noise
    return noise.times(MONOCHROME if raw.monochrome else COLORS)


def make_frame(raw: RawImage, noise: NoiseProfile, padded: UInt16, exposure: float = 1.0) -> Frame:
    """Put a raw image into `padded`; its light is multiplied by `exposure`."""
    row, column = _phase(raw)
    top, left = PAD + row, PAD + column
    h, w = raw.mosaic.shape
    padded[top : top + h, left : left + w] = raw.mosaic
    _mirror_borders(padded, top, left, h, w)

    black = np.roll(raw.black, (row, column), (0, 1)).astype(np.float32)
    white = np.roll(raw.white, (row, column), (0, 1)).astype(np.float32)
    return Frame(
        raw=raw,
        padded=padded,
        top=top,
        left=left,
        black=black,
        scale=np.float32(exposure) / np.maximum(white - black, 1),
        clip=white,
        noise_scale=_of_sites(noise.scale),
        noise_offset=_of_sites(noise.offset),
        balance=_balance(raw),
    )


def with_noise(frame: Frame, noise: NoiseProfile) -> Frame:
    """The same frame, in the same memory, with another noise."""
    return replace(frame, noise_scale=_of_sites(noise.scale), noise_offset=_of_sites(noise.offset))


def _of_sites(values: tuple[float, float, float]) -> Float32:
    return np.array([values[color] for color in SITE_COLORS], np.float32)


def mirror_borders(frame: Frame) -> None:
    """Continue the mosaic beyond its borders again, after samples in it have changed."""
    _mirror_borders(frame.padded, frame.top, frame.left, *frame.raw.mosaic.shape)


def _mirror_borders(padded: UInt16, top: int, left: int, height: int, width: int) -> None:
    _mirror(padded[:, left : left + width], top, height)
    _mirror(padded.T, left, width)


def _mirror(lines: NDArray[np.uint16], first: int, count: int) -> None:
    """Continue lines first ... first + count - 1 of the first axis beyond both ends, colour for colour."""
    reach = min(_MIRRORED, count - 1)
    for k in range(1, reach + 1):
        lines[first - k] = lines[first + k]
        lines[first + count - 1 + k] = lines[first + count - 1 - k]


def balance_among(lead: RawImage, others: Iterable[RawImage]) -> Float32:
    """The balance of a frame, given as quads; where others of its burst say something else, that of any of them which
    comes closest to making the picture grey: a wrong one would have its colours guide each other wrongly.
    """
    own = _as_shot(lead)
    if own is None:
        return _balance(lead)
    choices = [own, *(balance for raw in others if (balance := _as_shot(raw)) is not None)]

    def apart(one: Float32, other: Float32) -> float:
        return float(np.ptp(np.log(one / other)))

    if max(apart(own, other) for other in choices) < STRANGE:
        return own
    gray = _gray(lead)
    return min(choices, key=lambda balance: apart(balance, gray))


def _balance(raw: RawImage) -> Float32:
    balance = _as_shot(raw)
    return _gray(raw) if balance is None else balance


def _as_shot(raw: RawImage) -> Float32 | None:
    neutral = raw.color.as_shot_neutral
    if neutral is None or not all(np.isfinite(n) and n > 0.01 for n in neutral):
        return None
    return _bounded(max(neutral) / np.array(neutral))


def _gray(raw: RawImage) -> Float32:
    row, column = _phase(raw)
    view = np.roll(raw.black, (row, column), (0, 1))
    sums = np.zeros(3)
    for p, color in enumerate(SITE_COLORS):
        plane = raw.mosaic[(p // 2 - row) % 2 :: 8, (p % 2 - column) % 2 :: 8]
        sums[color] += max(float(plane.mean()) - float(view[p // 2, p % 2]), 1e-3) * (0.5 if color == 1 else 1)
    return _bounded(sums.max() / sums)


def _bounded(gains: Float64) -> Float32:
    return np.clip(gains, 1 / 8, 8).astype(np.float32)
