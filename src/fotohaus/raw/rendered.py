"""Finished photos (JPEG, PNG, TIFF) as linear raw: the transfer function undone, the colour space a camera's."""

from __future__ import annotations

import io
import os
import re
import struct
import warnings
import zlib
from dataclasses import replace
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw import tags
from fotohaus.raw.calibration import SRGB_FROM_XYZ
from fotohaus.raw.decode import decode
from fotohaus.raw.describe_photo import TIFF_MARKS, describe_photo, unread_tiff
from fotohaus.raw.image import CaptureInfo, ColorCalibration, RawImage, Rectangle, UInt16
from fotohaus.raw.layout import MAX_SAMPLES, read_layout
from fotohaus.raw.photo_gain_map import PhotoGainMap, find_gain_map
from fotohaus.raw.profile_read import D65
from fotohaus.raw.rendered_profile import RgbProfile, read_rgb_profile
from fotohaus.raw.tiff import Source, Tiff, TiffError
from fotohaus.report import Report
from fotohaus.srgb import decode_srgb

_REASON = re.compile(r"(?=.*[A-Za-z]{4})[ -~]+")
_PIXELS_PER_BYTE = 2000  # more than any encoder gets out of a flat picture
_MAX_PROFILE = 1 << 24


def read_rendered(
    source: Source, path: str | os.PathLike[str], report: Report | None = None, *, hdr: bool = True
) -> RawImage:
    """A JPEG, PNG or TIFF as linear raw: (H, W, 3) uint16, black 0, white 65535, `rendered`.

    The values of an RGB matrix profile (ICC.1:2022) are made linear and its primaries become the camera's; other
    profiles, and none, are taken for sRGB (IEC 61966-2-1). Samples have 8 or 16 bits; grey becomes three equal
    planes, transparency is dropped. EXIF gives the capture and the orientation.

    hdr : follow a JPEG's gain map (`find_gain_map`) to its HDR rendition: 65535 is the brightest then, and the baseline
    exposure says how far that is above SDR white. A gain map that can't be used is told, and left aside.

    Raises TiffError, with the reason as its text, for a file that is damaged or not of such a kind.
    """
    report = report or Report()
    facts, samples, icc = read_samples(source)
    profile = _profile(icc)
    if icc and profile is None:
        report.warn(f"{path}: its colour profile is no RGB matrix profile: its colours are taken for sRGB's")
    samples = _three(samples, path, report)
    capture = facts.get("capture") or CaptureInfo()
    orientation = facts.get("orientation") or 1
    mosaic, peak = None, 1.0
    if hdr and facts["format"] == "JPEG":
        try:
            found = find_gain_map(source)
            if found is not None:
                mosaic, peak, profile = _relit(source, found, samples, profile)
                report.note(f"gain map ({found.metadata.kind}): {np.log2(peak):.1f} EV above SDR white")
        except TiffError as error:
            report.warn(f"{path}: its gain map is left aside: {error}")
    return RawImage(
        mosaic=_linear(samples, profile) if mosaic is None else mosaic,
        cfa=None,
        black=np.zeros((1, 3), np.float32),
        white=np.full((1, 3), 65535, np.float32),
        color=ColorCalibration(
            color_matrix_1=SRGB_FROM_XYZ if profile is None else np.linalg.inv(profile.to_xyz).astype(np.float64),
            illuminant_1=D65,
            as_shot_neutral=(1.0, 1.0, 1.0),
            baseline_exposure=float(np.log2(peak)),
        ),
        crop=Rectangle(0, 0, *samples.shape[:2]),
        orientation=orientation if 1 <= orientation <= 8 else 1,
        capture=replace(capture, sources=(PurePath(path).name,)),
        path=os.fspath(path),
        rendered=True,
    )


def photo_facts(source: Source) -> dict[str, Any]:
    """What `describe_photo` says of a JPEG, PNG or TIFF whose claims its size allows; TiffError for any other file."""
    facts = describe_photo(source)
    if facts is None and bytes(source.read(0, min(4, source.size))) in TIFF_MARKS:
        raise unread_tiff(source)
    if facts is None or facts["format"] not in _READERS:
        raise TiffError("is not a photo of a known kind")
    width, height = facts["width"], facts["height"]
    if width < 1 or height < 1 or width * height * 3 > MAX_SAMPLES:
        raise TiffError(f"claims {width} x {height} pixels")
    if width * height > _PIXELS_PER_BYTE * source.size:
        raise TiffError(f"is damaged: {source.size} bytes can't hold {width} x {height} pixels")
    return facts


def read_samples(source: Source) -> tuple[dict[str, Any], NDArray[Any], bytes]:
    """A JPEG, PNG or TIFF: its facts, its samples as stored, (H, W[, C]), and its ICC profile, empty for none.

    Raises TiffError, with the reason as its text, for a file that is damaged or not of such a kind.
    """
    facts = photo_facts(source)
    return facts, *_READERS[facts["format"]](source)


def _profile(icc: bytes) -> RgbProfile | None:
    return read_rgb_profile(icc) if icc else None


def _light(codes: int, profile: RgbProfile | None) -> NDArray[np.float64]:
    """Table (codes, 3) of the light that the codes of each plane stand for, 0 to 1."""
    curves = (decode_srgb,) * 3 if profile is None else profile.curves
    return np.stack([curve(np.arange(codes) / (codes - 1)).clip(0, 1) for curve in curves], axis=-1)


def _linear(samples: NDArray[Any], profile: RgbProfile | None) -> UInt16:
    """Encoded samples of 8 or 16 bits as light, 65535 for white."""
    table = np.rint(_light(1 << (8 * samples.dtype.itemsize), profile) * 65535).astype(np.uint16)
    out = np.empty(samples.shape, np.uint16)
    for plane in range(3):
        out[..., plane] = table[:, plane][samples[..., plane]]
    return out


def _relit(
    source: Source, found: PhotoGainMap, samples: NDArray[np.uint8], profile: RgbProfile | None
) -> tuple[UInt16, float, RgbProfile | None]:
    """The HDR rendition's light, its peak, and the space of its primaries."""
    from fotohaus.raw.relight import read_pixels, relight

    space, matrix = profile, None
    other = None if found.metadata.base_colors else _profile(found.profile)
    if other is not None:
        # The gains are meant in the HDR rendition's own primaries.
        own = np.asarray(np.linalg.inv(SRGB_FROM_XYZ) if profile is None else profile.to_xyz, np.float64)
        space, matrix = other, np.asarray(np.linalg.solve(other.to_xyz, own), np.float64)
    light = _light(256, profile).astype(np.float32)
    return *relight(samples, light, read_pixels(source, found), found.metadata, matrix), space


def _three(samples: NDArray[Any], path: str | os.PathLike[str], report: Report) -> NDArray[Any]:
    if samples.dtype not in (np.uint8, np.uint16):
        raise TiffError(f"samples of {samples.dtype} are not supported in a photo")
    if samples.ndim == 2:
        samples = samples[..., None]
    if samples.shape[2] in (2, 4):
        report.warn(f"{path}: its transparency is left aside")
    if samples.shape[2] in (1, 2):
        return np.broadcast_to(samples[..., :1], (*samples.shape[:2], 3))
    return samples[..., :3]


def _read_jpeg(source: Source) -> tuple[NDArray[Any], bytes]:
    # By Pillow, which refuses one that is cut short, unlike the plain codecs; not by its Image.open, which looks for
    # further images as well, and trusts what is said about them.
    from PIL import Image
    from PIL.JpegImagePlugin import JpegImageFile

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own limit on pixels, whose error is told below
        try:
            with JpegImageFile(io.BytesIO(source.read(0, source.size))) as image:
                icc = image.info.get("icc_profile", b"")
                if image.mode not in ("L", "LA", "RGB", "RGBA"):
                    raise TiffError(f"has {image.mode} samples, which is not supported in a photo")
                return np.asarray(image), icc
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            if isinstance(error, TiffError):
                raise
            if other := re.fullmatch(r"cannot handle (\d+)-bit layers", str(error)):
                raise TiffError(f"has samples of {other[1]} bits, which is not supported in a JPEG") from None
            raise TiffError(f"is damaged: {error}") from None


def _read_png(source: Source) -> tuple[NDArray[Any], bytes]:
    import imagecodecs

    data = bytes(source.read(0, source.size))
    icc, at = b"", 8
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"iCCP":
            body = data[at + 8 : at + 8 + length].partition(b"\0")[2]
            try:
                icc = zlib.decompressobj().decompress(body[1:], _MAX_PROFILE)
            except zlib.error:
                raise TiffError("is damaged: its colour profile can't be unpacked") from None
        if kind == b"IDAT":
            break
        at += 12 + length
    import logging

    logger = logging.getLogger("imagecodecs")
    if not logger.handlers:
        # Nobody asked to hear of every odd chunk; whoever configured logging hears of it.
        logger.addHandler(logging.NullHandler())
    try:
        return imagecodecs.png_decode(data), icc
    except Exception as error:
        # Reasons that libpng puts together are gone when imagecodecs reads them: what it finds there may be anything.
        said = "" if isinstance(error, UnicodeDecodeError) else str(error)
        raise TiffError(f"is damaged: {said if _REASON.fullmatch(said) else 'a chunk makes no sense'}") from None


def _read_tiff(source: Source) -> tuple[NDArray[Any], bytes]:
    tiff = Tiff(source)
    main = tiff.ifd(tiff.first)
    if main.integer(tags.PHOTOMETRIC, 0) not in (1, 2, 6):
        raise TiffError("is a TIFF image of neither RGB nor grey samples")
    layout = read_layout(main)
    if layout.floating or layout.bits not in (8, 16):
        kind = "floating-point sample" if layout.floating else "sample"
        raise TiffError(f"a TIFF image of {layout.bits} bits per {kind} is not supported")
    samples = decode(main, layout)
    icc = bytes(main.raw(tags.ICC_PROFILE))
    return samples.astype(np.uint8) if layout.bits == 8 else samples, icc


_READERS = {"JPEG": _read_jpeg, "PNG": _read_png, "TIFF": _read_tiff}
