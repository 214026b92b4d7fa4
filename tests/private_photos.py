"""Photos full of private facts, made here, and the search for those facts in other files."""

import io
import json
import re
import shutil
import struct
import subprocess
import zlib
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fotohaus.raw import tags
from fotohaus.raw.exif import encode_exif
from fotohaus.raw.image import CaptureInfo
from fotohaus.raw.tiff_write import Directory, Type, encode

LOCATION = (48.123456, -2.345678)
SECRETS = {
    "serial": ("SN-BODY-4711", "SN-CAMERA-4712", "SN-LENS-4713"),
    "owner": ("Jane Ownersdottir",),
    "other": (
        "SECRET-MAKERNOTE",
        "SECRET-COMMENT",
        "SECRET-DNGPRIVATE",
        "SECRET-ORIGINALNAME",
        "SECRET-ORIGINALDATA",
        "SECRET-XMP",
        "SECRET-IPTC",
        "SECRET-PREVIEW",
        "SECRET-HOST",
        "SECRET-XP",
        "SECRET-HISTORY",
        "SECRET-GPSAREA",
        "SECRET-UNKNOWN",
        "0123456789abcdef0123456789abcdef",  # ImageUniqueID
        "SECRET-RAWID-16B",  # RawDataUniqueID
    ),
    "folder": ("secret-folder",),
}
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description>SECRET-XMP</rdf:Description></rdf:RDF></x:xmpmeta>'
)
SHAPE = (120, 160)


def private_dng(path: Path, seed: int = 0) -> Path:
    """A Bayer DNG that tells everything."""
    root, exif = Directory(), Directory()
    height, width = SHAPE
    noise = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    light = 300 + 2500 * (np.sin(x / 9) * np.cos(y / 7) > 0) + 3 * x
    samples = noise.normal(light, 12).clip(0, 4095).astype("<u2")
    root.set(tags.NEW_SUBFILE_TYPE, Type.LONG, 0)
    root.set(tags.IMAGE_WIDTH, Type.LONG, width)
    root.set(tags.IMAGE_LENGTH, Type.LONG, height)
    root.set(tags.BITS_PER_SAMPLE, Type.SHORT, 16)
    root.set(tags.COMPRESSION, Type.SHORT, 1)
    root.set(tags.PHOTOMETRIC, Type.SHORT, tags.PHOTOMETRIC_CFA)
    root.set(tags.SAMPLES_PER_PIXEL, Type.SHORT, 1)
    root.set(tags.ROWS_PER_STRIP, Type.LONG, height)
    root.set(tags.CFA_REPEAT_PATTERN_DIM, Type.SHORT, (2, 2))
    root.set(tags.CFA_PATTERN, Type.BYTE, bytes([0, 1, 1, 2]))
    root.set(tags.BLACK_LEVEL, Type.SHORT, 256)
    root.set(tags.WHITE_LEVEL, Type.SHORT, 4095)
    root.set(tags.DNG_VERSION, Type.BYTE, bytes([1, 4, 0, 0]))
    root.set(tags.COLOR_MATRIX_1, Type.SRATIONAL, [1.0, -0.4, -0.06, -0.2, 1.06, 0.2, 0.0, 0.1, 0.6])
    root.set(tags.AS_SHOT_NEUTRAL, Type.RATIONAL, (0.5, 1.0, 0.6))
    root.set(tags.NOISE_PROFILE, Type.DOUBLE, (2e-5, 1e-6))
    root.text(tags.MAKE, "Barnes")
    root.text(tags.MODEL, "Testcam 1")
    root.text(tags.UNIQUE_CAMERA_MODEL, "Barnes Testcam 1")
    root.text(tags.ARTIST, "Jo Public")
    root.text(316, "SECRET-HOST")  # HostComputer
    root.text(tags.CAMERA_SERIAL_NUMBER, "SN-CAMERA-4712")
    root.text(tags.ORIGINAL_RAW_FILE_NAME, "SECRET-ORIGINALNAME.CR3")
    root.set(50828, Type.UNDEFINED, b"SECRET-ORIGINALDATA" * 4)
    root.set(50740, Type.BYTE, b"Adobe\0MakNSECRET-DNGPRIVATE")
    root.set(50781, Type.BYTE, b"SECRET-RAWID-16B")
    root.set(40092, Type.BYTE, "SECRET-XP".encode("utf-16-le") + bytes(2))
    root.set(40093, Type.BYTE, "SECRET-XP Jane Ownersdottir".encode("utf-16-le") + bytes(2))
    root.set(33723, Type.UNDEFINED, b"\x1c\x02\x05\0\x0bSECRET-IPTC")
    root.set(37395, Type.ASCII, b"SECRET-HISTORY\0")
    root.set(65000, Type.ASCII, b"SECRET-UNKNOWN\0")
    root.set(tags.XMP, Type.BYTE, XMP)
    root.below(tags.EXIF_IFD, exif)
    _private_exif(exif, seed)
    root.below(tags.GPS_IFD, gps())
    preview = root.below(tags.SUB_IFDS, Directory())
    preview.set(tags.NEW_SUBFILE_TYPE, Type.LONG, 1)
    preview.set(tags.IMAGE_WIDTH, Type.LONG, 16)
    preview.set(tags.IMAGE_LENGTH, Type.LONG, 16)
    preview.set(tags.COMPRESSION, Type.SHORT, 7)
    preview.set(tags.PHOTOMETRIC, Type.SHORT, 6)
    preview.strips([_jpeg(16, 16, comment=b"SECRET-PREVIEW")])
    root.strips([samples.tobytes()])
    path.write_bytes(b"".join(encode(root)))
    return path


def _private_exif(exif: Directory, seed: int) -> None:
    exif.set(tags.EXPOSURE_TIME, Type.RATIONAL, 1 / 250)
    exif.set(tags.F_NUMBER, Type.RATIONAL, 1.9)
    exif.set(tags.ISO, Type.SHORT, 400)
    exif.text(tags.DATE_TIME_ORIGINAL, "2022:07:04 12:30:15")
    exif.text(tags.SUBSEC_TIME_ORIGINAL, f"{100 + 50 * seed}")
    exif.text(tags.OFFSET_TIME_ORIGINAL, "+02:00")
    exif.text(tags.BODY_SERIAL_NUMBER, "SN-BODY-4711")
    exif.text(tags.LENS_SERIAL_NUMBER, "SN-LENS-4713")
    exif.text(tags.CAMERA_OWNER_NAME, "Jane Ownersdottir")
    exif.text(42016, "0123456789abcdef0123456789abcdef")
    exif.set(37500, Type.UNDEFINED, b"SECRET-MAKERNOTE SN-BODY-4711 Jane Ownersdottir")
    exif.set(37510, Type.UNDEFINED, b"ASCII\0\0\0SECRET-COMMENT")


def gps() -> Directory:
    gps = Directory()
    gps.set(tags.GPS_VERSION, Type.BYTE, bytes([2, 3, 0, 0]))
    for name, tag, value, sides in ((1, 2, LOCATION[0], "NS"), (3, 4, LOCATION[1], "EW")):
        gps.text(name, sides[value < 0])
        whole, rest = divmod(round(abs(value) * 3600 * 1000), 3_600_000)
        gps.ratios(tag, [(whole, 1), (rest // 60_000, 1), (rest % 60_000, 1000)])
    gps.set(tags.GPS_ALTITUDE_REF, Type.BYTE, bytes([0]))
    gps.ratios(tags.GPS_ALTITUDE, [(31_415, 100)])
    gps.ratios(tags.GPS_TIME_STAMP, [(10, 1), (30, 1), (14, 1)])
    gps.text(tags.GPS_DATE_STAMP, "2022:07:04")
    gps.text(tags.GPS_DIRECTION_REF, "M")
    gps.ratios(tags.GPS_DIRECTION, [(27_182, 100)])
    gps.set(28, Type.UNDEFINED, b"ASCII\0\0\0SECRET-GPSAREA")
    return gps


def _jpeg(height: int, width: int, *, exif: bytes = b"", comment: bytes = b"") -> bytes:
    out = io.BytesIO()
    y, x = np.mgrid[:height, :width]
    pixels = np.stack([x * 255 // width, y * 255 // height, (x * y) % 256], -1).astype(np.uint8)
    Image.fromarray(pixels).save(out, "JPEG", quality=90, exif=exif, comment=comment)
    return out.getvalue()


def private_jpeg(path: Path) -> Path:
    """A finished photo that tells everything, its XMP too."""
    capture = CaptureInfo(
        make="Barnes",
        model="Testcam 1",
        taken=datetime(2022, 7, 4, 12, 30, 15),
        subsecond="100",
        utc_offset="+02:00",
        lens_model="Barnes 8.7 mm f/1.9",
        focal_length=8.7,
        focal_length_35mm=24,
        artist="Jo Public",
        serial="SN-BODY-4711",
        lens_serial="SN-LENS-4713",
        owner="Jane Ownersdottir",
        position=LOCATION,
        altitude=314.15,
        direction=271.82,
        fix_time=datetime(2022, 7, 4, 10, 30, 14),
    )
    block = encode_exif(capture, width=SHAPE[1], height=SHAPE[0], private=True)
    data = _jpeg(*SHAPE, exif=b"Exif\0\0" + block, comment=b"SECRET-COMMENT")
    packet = b"http://ns.adobe.com/xap/1.0/\0" + XMP
    path.write_bytes(data[:2] + struct.pack(">HH", 0xFFE1, len(packet) + 2) + packet + data[2:])
    return path


def unpacked(data: bytes) -> bytes:
    """The file, and behind it whatever in it is deflated text: chunks of a PNG, boxes of a JPEG XL."""
    parts = [data]
    for found in re.finditer(rb"x[\x01\x5e\x9c\xda]", data):
        try:
            parts.append(zlib.decompressobj().decompress(data[found.start() :], 1 << 16))
        except zlib.error:
            continue
        if len(parts) > 2000:
            break
    for found in re.finditer(rb"brob", data):
        import imagecodecs

        size = int.from_bytes(data[found.start() - 4 : found.start()], "big")
        parts.append(imagecodecs.brotli_decode(data[found.start() + 8 : found.start() - 4 + size]))
    return b"\n".join(parts)


def found_in(path: Path, kinds: tuple[str, ...] = tuple(SECRETS), *, decode: bool = True) -> list[str]:
    """The secrets that are in a file, in whatever encoding; "location" for a place."""
    data = unpacked(path.read_bytes()) if decode else path.read_bytes()
    found = [
        text
        for kind in kinds
        for text in SECRETS[kind]
        if any(text.encode(code) in data for code in ("utf-8", "utf-16-le", "utf-16-be"))
        or text.encode().hex().encode() in data.lower()
    ]
    # Degrees, minutes and seconds as rationals in either order of bytes, as text, and the altitude.
    numbers = (struct.pack(f"{o}4I", 48, 1, 7, 1) for o in "<>")
    texts = (b"48.1234", b"2.3456", b"48,7.4", b"48,07.4", b"314.15", b"271.82")
    if any(n in data for n in (*numbers, *texts)) or struct.pack("<f", LOCATION[0]) in data:
        found.append("location")
    return found


def told_by_exiftool(path: Path) -> str | None:
    """Everything that exiftool finds in a file, unknown and embedded things too; None where there is no exiftool."""
    program = shutil.which("exiftool")
    if program is None:
        return None
    command = [program, "-ee", "-a", "-u", "-U", "-g1", "-j", "-b", "-x", "ThumbnailImage", path]
    done = subprocess.run(command, capture_output=True, text=True, check=False, errors="replace")
    facts = json.loads(done.stdout)[0]
    facts.pop("SourceFile", None)
    facts.get("System", {}).pop("Directory", None)
    return json.dumps(facts, ensure_ascii=False)


def exiftool_facts(path: Path) -> dict[str, Any]:
    """What exiftool says of a file and of whether its metadata are sound; skips where there is no exiftool."""
    program = shutil.which("exiftool")
    if program is None:
        pytest.skip("exiftool is not installed")
    command = [program, "-j", "-validate", "-warning", "-error", "-a", "-exif:all", path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return dict(json.loads(done.stdout)[0])


def jpeg_with(block: bytes, path: Path) -> Path:
    """A small JPEG with an EXIF block."""
    path.write_bytes(_jpeg(16, 24, exif=b"Exif\0\0" + block))
    return path
