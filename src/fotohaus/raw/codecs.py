"""One strip or tile: packed, deflate, LZW, PackBits, lossless and lossy JPEG, JPEG XL.

TIFF 6.0 sections 9, 13 and 14 and Technical Note 3; ITU-T T.81; ISO/IEC 18181; DNG 1.7.1 (Compression, Predictor). What
a compressed image says about its size must agree with its tile before anything is allocated for it.
"""

from __future__ import annotations

import zlib
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw import tags
from fotohaus.raw.jpeg_frame import Frame, jpeg_frame, jxl_frame, scans_are_whole
from fotohaus.raw.layout import FLOATING, HORIZONTAL, LZW, PACKBITS, Layout
from fotohaus.raw.tiff import TiffError

Bytes = bytes | bytearray
Shape = tuple[int, int, int]  # rows, columns, samples of a pixel

_YCBCR, _RGB, _BLACK_IS_ZERO = 6, 2, 1
_START, _END = b"\xff\xd8", b"\xff\xd9"  # markers of a JPEG


def unpack(data: Bytes, shape: Shape, layout: Layout, order: str) -> NDArray[Any]:
    """Uncompressed samples; those of other than 8, 16 or 32 bits are packed from the highest bit on (DNG 1.7.1)."""
    bits = layout.bits
    if layout.floating:
        return _floats(data, shape, bits, order)
    if bits in (8, 16, 32):
        return np.frombuffer(data, f"{order}u{bits // 8}").reshape(shape)
    import imagecodecs

    kind = np.dtype(np.uint16 if bits < 16 else np.uint32)
    samples: NDArray[Any] = imagecodecs.packints_decode(data, kind, bits, runlen=shape[1] * shape[2])
    return samples.reshape(shape)


def _floats(data: Bytes, shape: Shape, bits: int, order: str) -> NDArray[Any]:
    if bits != 24:
        return np.frombuffer(data, f"{order}f{bits // 8}").reshape(shape)
    parts = np.frombuffer(data, np.uint8).reshape(-1, 3)
    return _float24(parts if order == ">" else parts[:, ::-1]).reshape(shape)


def _float24(data: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Numbers of 1 sign, 7 exponent (bias 63) and 16 mantissa bits; data (n, 3), highest byte first."""
    parts = data.astype(np.uint32)
    code = parts[:, 0] << 16 | parts[:, 1] << 8 | parts[:, 2]
    sign, exponent, mantissa = code >> 23 << 31, code >> 16 & 127, code & 0xFFFF
    normal = (sign | (exponent + (127 - 63)) << 23 | mantissa << 7).view(np.float32)
    small = mantissa.astype(np.float32) * np.float32(2.0**-78) * np.where(sign, np.float32(-1), np.float32(1))
    # All ones would be infinity or NaN: no light that a camera measures.
    largest = np.where(mantissa == 0, np.float32(np.inf), np.float32(np.nan)) * np.where(sign, -1, 1)
    return np.where(exponent == 0, small, np.where(exponent == 127, largest, normal)).astype(np.float32)


def inflate(data: Bytes, shape: Shape, layout: Layout, order: str) -> NDArray[Any]:
    """Deflate, LZW or PackBits, with the predictors of TIFF 6.0, Technical Note 3 and their variants in DNG 1.7.1."""
    rows, columns, planes = shape
    size, predictor = layout.bits // 8, layout.predictor
    plain = _plain_bytes(data, rows * columns * planes * size, layout.compression)
    if predictor in FLOATING:
        # Differences between bytes; then the highest bytes of a row, the next lower, and so on.
        summed = _sums(np.frombuffer(plain, np.uint8).reshape(rows, -1), planes * FLOATING[predictor])
        joined = summed.reshape(rows, size, -1).swapaxes(1, 2)
        return _floats(np.ascontiguousarray(joined).tobytes(), shape, layout.bits, ">")
    samples = unpack(plain, shape, layout, order)
    if predictor in HORIZONTAL:
        flat = samples.reshape(rows, -1).astype(samples.dtype.newbyteorder("="))
        samples = _sums(flat, planes * HORIZONTAL[predictor]).reshape(shape)
    return samples


def _plain_bytes(data: Bytes, needed: int, compression: int) -> Bytes:
    """What was packed, `needed` bytes of it; whatever follows is left."""
    try:
        if compression == LZW:
            import imagecodecs

            plain: Bytes = imagecodecs.lzw_decode(data, out=needed)
        elif compression == PACKBITS:
            import imagecodecs

            # A last run may go past the end, by less than its 128 bytes.
            plain = imagecodecs.packbits_decode(data, out=needed + 128)[:needed]
        else:
            plain = zlib.decompressobj().decompress(data, needed)
    except (zlib.error, RuntimeError, ValueError) as error:
        raise TiffError(f"is damaged: {error}") from None
    if len(plain) != needed:
        raise TiffError("is damaged: a strip or tile is too short")
    return plain


def _sums(differences: NDArray[Any], step: int) -> NDArray[Any]:
    """Running sums along rows of every step-th number, which wrap at the type's depth."""
    rows, length = differences.shape
    padded = np.pad(differences, ((0, 0), (0, -length % step))) if length % step else differences
    summed = np.cumsum(padded.reshape(rows, -1, step), axis=1, dtype=differences.dtype)
    return summed.reshape(rows, -1)[:, :length]


def decode_lossless_jpeg(data: Bytes, shape: Shape, place: NDArray[np.uint16] | None = None) -> NDArray[np.uint16]:
    """A lossless JPEG.

    The frame inside may have any shape of as many samples: DNG writers store a CFA row as pairs, or two rows as one.
    Blackmagic's cameras put a 12-bit DCT of double rows there, which is no DNG, but all that their files have.
    `place`, contiguous and of the tile's shape, is decoded into and returned where the precision allows.
    """
    import imagecodecs

    frame = jpeg_frame(data, lossless=True)
    rows, columns, planes = shape
    if frame.size != rows * columns * planes:
        raise TiffError(
            f"is damaged: a lossless JPEG of {frame.width} x {frame.height} x {frame.components}"
            f" for {columns} x {rows} x {planes}"
        )
    if not scans_are_whole(data):
        raise TiffError("is damaged: a marker amid the samples of a lossless JPEG")
    inside = (frame.height, frame.width, frame.components)[: 3 if frame.components > 1 else 2]
    direct = place is not None and frame.bits > 8
    colors = "RGB" if frame.components == 3 else None
    try:
        samples: NDArray[np.uint16] = imagecodecs.jpeg8_decode(
            data,
            colorspace=colors,
            outcolorspace=colors,
            out=place.reshape(inside) if place is not None and direct else None,
        )
    except (RuntimeError, ValueError) as error:
        raise TiffError(f"is damaged: lossless JPEG: {error}") from None
    if samples.size != frame.size:
        raise TiffError("is damaged: a lossless JPEG is not what its header says")
    return place if place is not None and direct else samples.reshape(shape)


def is_baseline(data: Bytes, layout: Layout) -> bool:
    """Whether a tile of JPEG compression is baseline DCT: that of 8-bit previews (DNG 1.7.1, Compression), and of depth
    maps and masks where its frame says so: Apple writes semantic masks in this way.
    """
    if layout.bits != 8 or layout.photometric in (tags.PHOTOMETRIC_CFA, tags.PHOTOMETRIC_LINEAR_RAW):
        return False
    if layout.photometric in (_YCBCR, _BLACK_IS_ZERO):
        with suppress(TiffError):
            jpeg_frame(data, lossless=True)
            return False
        return True
    with suppress(TiffError):
        jpeg_frame(data, lossless=False)
        return True
    return False


def with_tables(data: Bytes, tables: bytes) -> bytes:
    """A JPEG strip or tile of TIFF with the tables that all of them share in front (TIFF Technical Note 2)."""
    if tables[:2] != _START or tables[-2:] != _END or bytes(data[:2]) != _START:
        return bytes(data)
    return tables[:-2] + bytes(data[2:])


def decode_baseline_jpeg(
    data: Bytes, shape: Shape, *, exact: bool = False, photometric: int = _YCBCR
) -> NDArray[np.uint8]:
    """A baseline DCT JPEG of 8 bits, colours as RGB.

    photometric : what TIFF says of the samples: RGB is not to be converted, whatever a decoder would guess.
    exact : subsampled chroma is enlarged as Adobe's code does it (`jpeg_chroma`).
    """
    import imagecodecs

    _fit(jpeg_frame(data, lossless=False), shape, "JPEG")
    if exact and shape[2] == 3:
        from fotohaus.raw.jpeg_chroma import decode_subsampled

        found = decode_subsampled(data)
        if found is not None and found.shape == shape:
            return found
    try:
        stored = "RGB" if photometric == _RGB and shape[2] == 3 else None
        samples: NDArray[np.uint8] = imagecodecs.jpeg8_decode(data, colorspace=stored, outcolorspace=stored)
    except (RuntimeError, ValueError) as error:
        raise TiffError(f"is damaged: JPEG: {error}") from None
    if samples.size != np.prod(shape) or samples.dtype != np.uint8:
        raise TiffError("is damaged: a JPEG is not what its header says")
    return samples.reshape(shape)


def _fit(frame: Frame, shape: Shape, name: str) -> None:
    """TiffError unless a frame has its tile's size; components 0 are not known yet."""
    if (frame.height, frame.width) != shape[:2] or frame.components not in (0, shape[2]):
        inside = f"{frame.width} x {frame.height}" + (f" x {frame.components}" if frame.components else "")
        raise TiffError(f"is damaged: a {name} of {inside} for {shape[1]} x {shape[0]} x {shape[2]}")


def decode_jpeg_xl(data: Bytes, shape: Shape, layout: Layout, threads: int) -> NDArray[Any]:
    """A JPEG XL image; integers in the depth that the IFD says, whatever depth is coded."""
    import imagecodecs

    frame = jxl_frame(data)
    _fit(frame, shape, "JPEG XL image")
    if frame.floating != layout.floating:
        raise TiffError("is damaged: a JPEG XL image of another sample type than its tile")
    try:
        samples: NDArray[Any] = imagecodecs.jpegxl_decode(data, keeporientation=True, numthreads=threads)
    except (RuntimeError, ValueError) as error:
        raise TiffError(f"is damaged: JPEG XL: {error}") from None
    if samples.size != np.prod(shape):
        raise TiffError(f"is damaged: a JPEG XL image of {samples.shape} samples for {shape}")
    if not layout.floating and frame.bits != layout.bits:
        largest, wanted = (1 << min(frame.bits, 16)) - 1, (1 << layout.bits) - 1
        samples = np.rint(samples * np.float32(wanted / largest)).astype(np.uint16)
    return samples.reshape(shape)
