"""Files as their makers write them, beside what Adobe's SDK makes of them: the whole way from bytes to a scene."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest

import adobe_files
import adobe_sdk
import profiles
from dng_files import make_dng
from dng_parts import codes, mosaic
from fotohaus.develop import develop
from fotohaus.develop.profile_tables import rec2020_to_prophoto, total_baseline_exposure
from fotohaus.raw import read_raw

BYTE, SHORT, LONG, RATIONAL, UNDEFINED, SRATIONAL, DOUBLE = 1, 3, 4, 5, 7, 10, 12
JPEG_XL, LOSSY_JPEG = 52546, 34892
HEIGHT, WIDTH = 176, 208
STAGES = ("defringe", "denoise", "capture-sharpen", "highlights", "ca")
NEWEST = {50706: (BYTE, [1, 7, 1, 0]), 50707: (BYTE, [1, 7, 1, 0])}

needs_sdk = pytest.mark.skipif(adobe_sdk.library() is None, reason="needs dngpy 0.1.3 on x86-64 Linux")


def camera() -> Any:
    """Smooth patches in camera colours, 1 = white."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] / np.array([HEIGHT, WIDTH]).reshape(2, 1, 1)
    waves = np.stack([np.sin(3 * x + 2 * y), np.cos(2 * x - 3 * y), np.sin(4 * y + x)], -1)
    tones = np.random.default_rng(1).uniform(0.45, 1.0, (12, 3))[(y * 3).astype(int) * 4 + (x * 4).astype(int)]
    return np.clip((0.3 + 0.2 * waves) * tones, 0.01, 0.8) * (0.5, 1, 0.625)


CAMERA = camera()


def squared(entries: int) -> tuple[int, Any]:
    """A linearization table to 16 bits; `roots` has the numbers that it makes light of."""
    return SHORT, np.rint(np.linspace(0, 1, entries) ** 2 * 65535).astype(int).tolist()


def roots(light: Any, largest: int) -> Any:
    return np.rint(np.sqrt(light) * largest).astype(np.uint16)


def opcodes(*of: tuple[int, bytes]) -> tuple[int, bytes]:
    parts = [struct.pack(">4I", number, 0x01030000, 1, len(data)) + data for number, data in of]
    return UNDEFINED, struct.pack(">I", len(parts)) + b"".join(parts)


def area(planes: int) -> bytes:
    return struct.pack(">8I", 0, 0, HEIGHT, WIDTH, 0, planes, 1, 1)


def gain_map(planes: int, of_map: int) -> tuple[int, bytes]:
    y, x = (np.mgrid[0:5, 0:7] / np.array([4, 6]).reshape(2, 1, 1)) - 0.5
    gains = 1 + (x * x + y * y)[..., None] * np.arange(1, of_map + 1)
    grid = struct.pack(">2I4dI", 5, 7, 1 / 4, 1 / 6, 0, 0, of_map)
    return 9, area(planes) + grid + gains.astype(">f4").tobytes()


SQUARE = (8, area(1) + struct.pack(">I3d", 2, 0, 0.7, 0.3))
WARP = (1, struct.pack(">I6d2d", 1, 1.0, -0.02, 0.01, 0, 0, 0, 0.5, 0.5))
VIGNETTE = (3, struct.pack(">7d", 0.3, 0.1, 0, 0, 0, 0.5, 0.5))


def proraw(light: Any, bits: int, table: int, **more: Any) -> bytes:
    """Three samples to a pixel through a table, in big-endian tiles of a SubIFD, as Apple has it."""
    raw = {50712: squared(table), 50714: (SHORT, [0] * 3), 50717: (LONG, [65535] * 3)}
    tiles = {"tile": (96, 112), "order": ">", "sub_ifd": True, "bits": bits}
    return bytes(make_dng(roots(light, (1 << bits) - 1), raw=raw, **{**tiles, **more}))


def monochrom(**raw: Any) -> bytes:
    levels = {50714: (SHORT, 512), 50717: (LONG, 16383)}
    gray = codes(CAMERA[..., 1:2], 512, 16383)
    named = {int(key[1:]): value for key, value in raw.items()}
    of_one = {50721: (SRATIONAL, [3, 10, 5, 10, 2, 10]), 50778: (SHORT, 21), 50728: (RATIONAL, [1, 1])}
    return bytes(make_dng(gray, bits=14, compression=7, tile=(96, 112), raw=levels | named, main=of_one))


def lossy() -> bytes:
    """Adobe's lossy DNG before 1.7: 8-bit JPEG tiles of roots, and polynomials that undo them."""
    undo = [
        (8, struct.pack(">8I", 0, 0, HEIGHT, WIDTH, p, 1, 1, 1) + struct.pack(">I3d", 2, 0, 0, 1)) for p in range(3)
    ]
    raw = {51009: opcodes(*undo), 50717: (LONG, [255] * 3)}
    return bytes(make_dng(roots(CAMERA, 255), bits=8, compression=LOSSY_JPEG, tile=(96, 112), quality=98, raw=raw))


def merged(**choice: Any) -> bytes:
    """A high dynamic range merge: half floats, three to a pixel."""
    raw = {50717: (LONG, [16] * 3)} | choice.pop("raw", {})
    brighter = {50730: (SRATIONAL, [5, 2])}
    image = (CAMERA * 16).astype(np.float32)
    return bytes(make_dng(image, raw=raw, main=brighter | NEWEST, **{"bits": 16, "tile": (96, 112), **choice}))


def drone() -> bytes:
    raw = {50714: (SHORT, [4096] * 3), 50717: (LONG, [65535] * 3), 51022: opcodes(VIGNETTE, WARP)}
    return bytes(make_dng(codes(CAMERA, 4096, 65535), raw=raw))


def anamorphic() -> bytes:
    """A cinema camera behind a lens that squeezes: pixels of 4 x 3, in a crop of their own."""
    crop = {50719: (RATIONAL, [4, 1, 6, 1]), 50720: (LONG, [192, 160]), 50718: (RATIONAL, [4, 3, 1, 1])}
    return bytes(make_dng(codes(CAMERA, 0, 65535), raw=crop))


# How far pixels may be off at the 99th percentile; where they are resampled, kernels differ at edges.
MAKERS: dict[str, tuple[Callable[[], bytes], float]] = {
    "ProRAW, lossless JPEG of 12 bits": (lambda: proraw(CAMERA, 12, 4096, compression=7, frame="rgb"), 0.02),
    "ProRAW, JPEG XL of 10 bits": (lambda: proraw(CAMERA, 10, 65536, compression=JPEG_XL, main=NEWEST), 0.02),
    "ProRAW, lossy JPEG XL": (
        lambda: proraw(CAMERA, 12, 65536, compression=JPEG_XL, quality=0.1, main=NEWEST),
        1.0,
    ),
    "monochrome": (monochrom, 0.02),
    "monochrome, gain map in list 2": (lambda: monochrom(t51009=opcodes(gain_map(1, 1))), 0.02),
    "monochrome, curve in list 2": (lambda: monochrom(t51009=opcodes(SQUARE, gain_map(1, 1))), 0.02),
    "monochrome, gain map and curve in list 3": (lambda: monochrom(t51022=opcodes(gain_map(1, 1), SQUARE)), 0.02),
    "lossy DNG": (lossy, 0.05),
    "HDR merge, deflate": (lambda: merged(compression=8, predictor=34894), 0.02),
    "HDR merge, JPEG XL": (lambda: merged(compression=JPEG_XL), 0.02),
    "drone: vignette and warp": (drone, 1.0),
    "pixels of 4 x 3": (anamorphic, 1.0),
    "black level below 0": (lambda: merged(raw={50714: (SRATIONAL, [-1, 10] * 3), 50717: (LONG, [16] * 3)}), 0.02),
    "linear, gain map by plane": (
        lambda: bytes(make_dng(codes(CAMERA, 0, 65535), raw={51009: opcodes(gain_map(3, 3))})),
        0.02,
    ),
}


def pixels(path: Path) -> Any:
    """What is developed of a file, in linear ProPhoto, without baseline exposure."""
    raw = read_raw(path)
    scene = develop(raw, off=STAGES).pixels * np.float32(2.0 ** -total_baseline_exposure(raw))
    return scene @ rec2020_to_prophoto().T


@needs_sdk
@pytest.mark.parametrize("name", MAKERS)
def test_agrees_with_the_sdk(name: str, tmp_path: Path) -> None:
    build, most = MAKERS[name]
    path = tmp_path / "made.dng"
    path.write_bytes(build())
    theirs = adobe_sdk.stages(path).render
    theirs = np.repeat(theirs, 3, -1) if theirs.shape[-1] == 1 else theirs
    mine = pixels(path)
    kept = profiles.inside(theirs) & (mine.max(-1) < 0.98)
    assert kept.mean() > 0.9
    error = profiles.delta_e(theirs, mine)[kept]
    assert np.median(error) < min(most, 0.3)
    assert np.percentile(error, 99) < most


@needs_sdk
@pytest.mark.parametrize("kind", adobe_files.KINDS)
def test_files_that_the_sdk_wrote(kind: str, tmp_path: Path) -> None:
    """Mosaics and linear raw in JPEG XL, lossless and lossy, in tiles, fields and roots of its choice."""
    path, made = tmp_path / "a.dng", tmp_path / "b.dng"
    levels = {50714: (SHORT, 512), 50717: (LONG, 16383), 50719: (RATIONAL, [4, 1, 6, 1]), 50720: (LONG, [192, 160])}
    path.write_bytes(make_dng(codes(mosaic(CAMERA), 512, 16383), bits=14, raw=levels))
    adobe_files.write(path, made, kind)
    theirs, mine = adobe_sdk.stages(made).render, pixels(made)
    error = profiles.delta_e(theirs, mine)[profiles.inside(theirs)]
    assert np.median(error) < 0.3
    # At edges of patches, demosaics differ.
    assert np.percentile(error, 99 if kind in ("linear", "jpeg") else 75) < 0.5


def test_cinema_cameras_lossy_raw(tmp_path: Path) -> None:
    """Blackmagic's 12-bit DCT of double rows, of which Adobe's SDK knows nothing."""
    stored = roots(mosaic(CAMERA), 4095)
    data = imagecodecs.jpeg8_encode(stored.reshape(HEIGHT // 2, WIDTH * 2), bitspersample=12, level=98)
    dng = bytearray(make_dng(stored, bits=12, compression=7, raw={50712: squared(4096), 50717: (LONG, 65535)}))
    at = len(dng)
    fields = {273: at, 279: len(data)}
    first = int.from_bytes(dng[4:8], "little")
    for entry in range(first + 2, first + 2 + 12 * int.from_bytes(dng[first : first + 2], "little"), 12):
        tag = int.from_bytes(dng[entry : entry + 2], "little")
        if tag in fields:
            dng[entry + 8 : entry + 12] = fields[tag].to_bytes(4, "little")
    path = tmp_path / "made.dng"
    path.write_bytes(bytes(dng) + bytes(data))
    found = read_raw(path).mosaic / 65535
    assert abs(found - mosaic(CAMERA)).max() < 0.02
