"""Every raw format but DNG, through LibRaw, to RawImage.

LibRaw decodes in a child process with limits on memory and time: a file that crashes it costs one error message.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path, PurePath
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw import tags
from fotohaus.raw.calibration import SRGB_FROM_XYZ
from fotohaus.raw.capture import read_capture
from fotohaus.raw.image import CFA_PATTERNS, CaptureInfo, CfaPattern, ColorCalibration, RawImage, Rectangle
from fotohaus.raw.layout import MAX_SAMPLES
from fotohaus.raw.tiff import Source, Tiff, TiffError
from fotohaus.report import Report

TIME_LIMIT = 120.0  # s

_CHILD = Path(__file__).with_name("libraw_child.py")
_MAX_HEADER = 1 << 20
# Cameras that white-balance samples before they store them. Equal gains alone don't tell: photographers set them, too.
_BALANCED = ("NIKON D1",)
_PANASONIC = b"IIU\0"
# Panasonic's ways to pack samples: at most so many of a row in 16 bytes.
_PANASONIC_PIXELS = {4: 14, 5: 10, 6: 14, 7: 10}
# Share of the bytes that this needs without which a file is surely cut short: the packing is known from a few cameras.
_SURELY = 0.94
# LibRaw's flip is a sum of 1 (mirror), 2 (upside down) and 4 (swap rows and columns).
ORIENTATION_OF_FLIP = {0: 1, 1: 2, 2: 4, 3: 3, 4: 5, 5: 8, 6: 6, 7: 7}


@contextmanager
def _child(path: str | os.PathLike[str], wanted: str) -> Iterator[IO[bytes]]:
    """The child's output; TiffError if it crashes or takes too long."""
    command = [sys.executable, "-P", os.fspath(_CHILD), os.path.abspath(path), wanted]
    # Threads that have nothing to do would count against the limit on memory.
    single = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | single,
    )
    output = process.stdout
    assert output is not None
    late = threading.Event()

    def stop() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(TIME_LIMIT, stop)
    timer.start()
    try:
        yield output
        process.wait()
    except EOFError:
        code = process.wait()
        if late.is_set():
            raise TiffError(f"LibRaw did not finish in {TIME_LIMIT:g} s") from None
        raise TiffError(f"LibRaw failed on it ({f'signal {-code}' if code < 0 else f'exit {code}'})") from None
    finally:
        timer.cancel()
        process.kill()
        process.wait()
        output.close()


def _fill(stream: IO[bytes], out: Any) -> None:
    view, done = memoryview(out).cast("B"), 0
    while done < len(view):
        got = stream.readinto(view[done:])  # type: ignore[attr-defined]
        if not got:
            raise EOFError
        done += got


def _take(stream: IO[bytes], count: int) -> bytes:
    out = bytearray(count)
    _fill(stream, out)
    return bytes(out)


def libraw_header(path: str | os.PathLike[str], wanted: str = "header") -> tuple[dict[str, Any], CaptureInfo, Any]:
    """What LibRaw says about a raw file: its header, the capture, and, if `wanted` is "image", the visible samples.

    Raises TiffError if LibRaw does not know the file, or fails on it.
    """
    with _child(path, wanted) as stream:
        length = int.from_bytes(_take(stream, 8), "little")
        if length > _MAX_HEADER:
            raise EOFError
        header: dict[str, Any] = json.loads(_take(stream, length))
        exif = _take(stream, min(int(header["exif"]), 1 << 16))
        mosaic = None
        if header["shape"] is not None:
            if len(header["shape"]) not in (2, 3) or math.prod(header["shape"]) > MAX_SAMPLES:
                raise TiffError(f"claims {header['shape']} samples")
            mosaic = np.empty(header["shape"], "<u2")
            _fill(stream, mosaic)
            mosaic = mosaic.astype(np.uint16, copy=False)
    if "refused" in header:
        raise TiffError(header["refused"])
    if "error" in header:
        cut = "is damaged or cut short: " if "Input/output" in header["error"] else ""
        raise TiffError(f"{cut}can't be read by LibRaw: {header['error'] or 'unknown reason'}")
    return header, _capture(path, header, exif), mosaic


def read_libraw(path: str | os.PathLike[str], report: Report | None = None) -> RawImage:
    """A raw file of any format that LibRaw reads: the mosaic of a Bayer sensor; linear raw of a monochrome one; and
    linear raw, demosaiced by LibRaw, of others with three colours (X-Trans, Foveon, and makers' own reduced raws).

    Raises TiffError, with the reason as its text, for everything else.
    """
    report = report or Report()
    _check_panasonic(path)
    header, capture, mosaic = libraw_header(path, "image")
    linear = mosaic is not None and mosaic.ndim == 3
    gray = not linear and header["planes"] == 1
    cfa = None if linear or gray else libraw_cfa(header)
    if mosaic is None or mosaic.size == 0 or mosaic.shape[2:] not in ((), (3,)):
        raise TiffError("holds no mosaic")
    aspect = float(header["pixel_aspect"])
    if not 0.25 <= aspect <= 4:
        raise TiffError(f"is damaged: pixels of {aspect:g} x 1")
    if linear:
        black = np.zeros((1, 3), np.float32)
    elif gray:
        black = np.full((1, 3), header["black"][0], np.float32)
        mosaic = np.broadcast_to(mosaic[..., None], (*mosaic.shape, 3))
    else:
        black = np.array(header["black"], np.float32)[np.array(header["pattern"])]
    if linear:
        report.note("demosaiced by LibRaw: no Bayer sensor")
        header["white"] = 65535
    # As DNG 1.7.1 (chapter 5) scales samples: by the white level less the highest black level.
    white = (black + np.float32(header["white"] - black.max())).astype(np.float32)
    if not (np.isfinite(black).all() and (white > black).all()):
        raise TiffError(f"is damaged: white level {header['white']} is not above black level {black.max():g}")
    matrix = np.array(header["xyz_to_camera"], np.float64)[:3]
    if gray:
        matrix = SRGB_FROM_XYZ
    elif not np.isfinite(matrix).all() or np.linalg.cond(matrix) > 1e6:
        report.warn(f"{path}: LibRaw has no color matrix for this camera; its colours are taken for sRGB's")
        matrix = SRGB_FROM_XYZ
    elif capture.model in _BALANCED and len(set(header["white_balance"][:3])) == 1:
        matrix = _of_balanced_samples(matrix)
    return RawImage(
        mosaic=mosaic,
        cfa=cfa,
        black=black.astype(np.float32),
        white=white,
        color=ColorCalibration(
            color_matrix_1=matrix, as_shot_neutral=(1.0, 1.0, 1.0) if gray else _neutral(header["white_balance"])
        ),
        crop=_crop(header),
        orientation=ORIENTATION_OF_FLIP.get(header["flip"], 1),
        capture=capture,
        path=os.fspath(path),
        monochrome=gray,
        scale=(max(1 / aspect, 1.0), max(aspect, 1.0)),
    )


def _of_balanced_samples(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The color matrix of samples that were white-balanced before they were stored, as the Nikon D1 does.

    LibRaw's matrix, made for D65, is of samples before that: equal ones would mean a light that does not exist.
    """
    white = matrix @ np.linalg.solve(SRGB_FROM_XYZ, np.ones(3))
    return matrix / white[:, None] if (white > 0).all() else matrix


def libraw_cfa(header: dict[str, Any]) -> CfaPattern:
    """The Bayer pattern from the corner of the visible mosaic; TiffError for any other colour filter array."""
    pattern, colors = header["pattern"], header["colors"]
    if not header["flat"] or pattern is None:
        raise TiffError("holds no mosaic of red, green and blue")
    name = "".join(colors[i] for row in pattern for i in row) if np.shape(pattern) == (2, 2) else ""
    for known in CFA_PATTERNS:
        if name == known:
            return known
    raise TiffError(f"its colour filter array ({colors}) is not a Bayer pattern of red, green and blue")


def _check_panasonic(path: str | os.PathLike[str]) -> None:
    """Raise TiffError for a Panasonic raw that is cut short: LibRaw repeats the last bytes it had, and says nothing."""
    with Source(path=path) as source:
        if bytes(source.read(0, min(4, source.size))) != _PANASONIC:
            return
        try:
            tiff = Tiff(source)
            main = tiff.ifd(tiff.first)
            width, height = (main.integer(tag, 0) for tag in (tags.PANASONIC_WIDTH, tags.PANASONIC_HEIGHT))
            packing, start = main.integer(tags.PANASONIC_PACKING, 0), main.integer(tags.PANASONIC_DATA_OFFSET, 0)
        except TiffError:
            return
        pixels = _PANASONIC_PIXELS.get(packing)
        needed = 0 if pixels is None else start + width // pixels * 16 * height
        if source.size < _SURELY * needed:
            raise TiffError(f"is damaged or cut short: the raw samples need {needed} bytes, has {source.size}")


def _neutral(gains: list[float]) -> tuple[float, float, float] | None:
    red, green, blue = gains[:3]
    if not all(math.isfinite(g) and g > 0 for g in (red, green, blue)):
        return None
    largest = max(1 / red, 1 / green, 1 / blue)
    return 1 / red / largest, 1 / green / largest, 1 / blue / largest


def _crop(header: dict[str, Any]) -> Rectangle:
    height, width = header["size"]
    top, left, crop_height, crop_width = header["crop"]
    top, left = top - header["margin"][0], left - header["margin"][1]
    if crop_height < 2 or crop_width < 2 or top < 0 or left < 0 or top + crop_height > height:
        return Rectangle(0, 0, height, width)
    return (
        Rectangle(top, left, crop_height, crop_width) if left + crop_width <= width else Rectangle(0, 0, height, width)
    )


def _capture(path: str | os.PathLike[str], header: dict[str, Any], exif: bytes) -> CaptureInfo:
    """From the file itself where it is TIFF at heart, then from its preview, then what LibRaw found."""
    found = CaptureInfo(sources=(PurePath(path).name,))
    try:
        with Source(path=path) as source:
            found = read_capture(Tiff(source), os.fspath(path))
    except (TiffError, OSError):
        with suppress(TiffError):
            found = replace(read_capture(Tiff(Source(exif))), sources=found.sources)
    if "error" in header:
        return found

    def positive(value: float | None) -> float | None:
        return value if value is not None and math.isfinite(value) and value > 0 else None

    try:
        taken = datetime.fromisoformat(header["taken"] or "").replace(tzinfo=None)
    except ValueError:
        taken = None
    other: dict[str, Any] = {
        "iso": round(positive(header["iso"]) or 0) or None,
        "exposure_time": positive(header["exposure_time"]),
        "f_number": positive(header["f_number"]),
        "focal_length": positive(header["focal_length"]),
        "taken": taken if taken is not None and taken.year > 1970 else None,
        "artist": header["artist"].strip() or None,
        "lens_make": header["lens_make"].strip() or None,
        "lens_model": header["lens_model"].strip() or None,
    }
    return replace(found, **{k: v for k, v in other.items() if getattr(found, k) is None})
