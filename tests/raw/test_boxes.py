"""The EXIF block out of HEIC, AVIF and JPEG XL, and what happens to damaged ones."""

import io
import struct
import time
from pathlib import Path

import pytest
from PIL import Image, features

from fotohaus.errors import ReadError
from fotohaus.raw.boxes import exif_block
from fotohaus.raw.exif import encode_exif
from fotohaus.raw.image import CaptureInfo
from fotohaus.raw.sibling import read_metadata
from fotohaus.raw.tiff import Source, TiffError

BLOCK = encode_exif(CaptureInfo(make="Barnes", model="Testcam 1", focal_length=8.7), width=1, height=1)


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", len(body) + 8, kind) + body


def heif(version: int = 1, method: int = 0, infe: int = 2) -> bytes:
    """A HEIF file of nothing but an EXIF item, in two extents."""
    stored = struct.pack(">I", 6) + b"Exif\0\0" + BLOCK
    cut = len(stored) // 3
    number = ">H" if infe == 2 else ">I"
    item = box(b"infe", bytes([infe, 0, 0, 0]), struct.pack(number, 7), bytes(2), b"Exif\0")
    other = box(b"infe", bytes([infe, 0, 0, 0]), struct.pack(number, 1), bytes(2), b"hvc1\0")
    iinf = box(b"iinf", bytes(4), struct.pack(">H", 2), other, item)

    def meta(base: int) -> bytes:
        wide = "H" if version < 2 else "I"
        head = bytes([version, 0, 0, 0, 0x44, 0x40]) + struct.pack(f">{wide}", 2)
        how = struct.pack(">H", method) if version else b""
        where = struct.pack(f">{wide}", 1) + how + struct.pack(">HIHII", 0, 0, 1, 9, 9)
        where += struct.pack(f">{wide}", 7) + how + struct.pack(">HIH", 0, base, 2)
        where += struct.pack(">4I", 0, cut, cut, len(stored) - cut)
        idat = box(b"idat", stored) if method else b""
        return box(b"meta", bytes(4), iinf, box(b"iloc", head + where), idat)

    ftyp = box(b"ftyp", b"heic", bytes(4), b"mif1heic")
    base = 0 if method else len(ftyp) + len(meta(0)) + 8
    return ftyp + meta(base) + box(b"mdat", stored)


@pytest.mark.parametrize(("version", "method", "infe"), [(0, 0, 2), (1, 0, 2), (1, 1, 2), (2, 0, 3), (2, 1, 3)])
def test_an_item_is_found(version: int, method: int, infe: int) -> None:
    assert exif_block(Source(heif(version, method, infe))) == BLOCK


def test_jpeg_xl() -> None:
    head = box(b"JXL ", b"\r\n\x87\n") + box(b"ftyp", b"jxl \0\0\0\0jxl ")
    assert exif_block(Source(head + box(b"jxlc", b"x" * 99) + box(b"Exif", bytes(4), BLOCK))) == BLOCK
    assert exif_block(Source(head + box(b"jxlc", b"x" * 99))) is None
    large = struct.pack(">I4sQ", 1, b"Exif", 16 + 4 + len(BLOCK)) + bytes(4) + BLOCK
    assert exif_block(Source(head + large)) == BLOCK


def test_endless_parts_of_items_end() -> None:
    """Numbers of no bytes make parts that take no room."""
    infe = box(b"infe", bytes([2, 0, 0, 0]), struct.pack(">H", 1), bytes(2), b"Exif\0")
    items = b"".join(struct.pack(">4H", 7, 0, 0, 9999) for _ in range(9999))
    iloc = box(b"iloc", bytes([1, 0, 0, 0, 0, 0]), struct.pack(">H", 9999), items)
    meta = box(b"meta", bytes(4), box(b"iinf", bytes(4), struct.pack(">H", 1), infe), iloc)
    began = time.process_time()
    with pytest.raises(TiffError, match="more parts"):
        exif_block(Source(box(b"ftyp", b"avif", bytes(4)) + meta))
    assert time.process_time() - began < 1


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow writes no AVIF")
def test_a_file_that_another_program_made(tmp_path: Path) -> None:
    out = io.BytesIO()
    Image.new("RGB", (16, 16)).save(out, "AVIF", exif=b"Exif\0\0" + BLOCK)
    (tmp_path / "a.avif").write_bytes(out.getvalue())
    assert read_metadata(tmp_path / "a.avif").model == "Testcam 1"


def test_a_phones_file(shared: Path) -> None:
    found = read_metadata(shared / "formats" / "IMG_2682.heic")
    assert found.make == "Apple"
    assert found.lens_model is not None
    assert found.focal_length is not None


def test_a_file_without_exif_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.heic").write_bytes(box(b"ftyp", b"heic", bytes(4)) + box(b"mdat", b"x"))
    with pytest.raises(ReadError, match=r"a\.heic: says nothing about its capture"):
        read_metadata(tmp_path / "a.heic")


def test_damage_is_told_and_never_taken_for_more(tmp_path: Path) -> None:
    whole = heif()
    for at in range(len(whole)):
        for value in (0, 1, 0x7F, 0xFF):
            data = whole[:at] + bytes([value]) + whole[at + 1 :]
            try:
                exif_block(Source(data))
            except TiffError:
                continue
    for length in range(0, len(whole), 7):
        (tmp_path / "a.heic").write_bytes(whole[:length])
        with pytest.raises(ReadError) as caught:
            read_metadata(tmp_path / "a.heic")
        assert "\n" not in str(caught.value)
