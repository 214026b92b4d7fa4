"""What files say about themselves."""

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fotohaus.errors import ReadError
from fotohaus.raw import decode, describe

Maker = Callable[..., Any]


@pytest.fixture
def tell(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def tell(data: bytes, name: str = "a.dng") -> dict[str, Any]:
        (tmp_path / name).write_bytes(data)
        facts = describe(tmp_path / name)
        assert json.loads(json.dumps(facts, allow_nan=False)) == facts
        return facts

    return tell


def test_a_dng(dng: Maker, samples: Maker, tell: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "decode", None)  # samples stay where they are
    facts = tell(
        dng(
            samples((40, 60), 14),
            bits=14,
            compression=7,
            tile=(16, 32),
            sub_ifd=True,
            main={274: (3, 6), 51041: (12, [1e-4, 1e-8])},
            raw={
                50714: (3, 64),
                50718: (5, [4, 3, 1, 1]),
                50829: (4, [0, 2, 40, 60]),
                51022: (7, struct.pack(">5I", 1, 1, 0x01030000, 0, 68) + struct.pack(">I8d", 1, 1, *[0] * 5, 0.5, 0.5)),
            },
            exif={33434: (5, [1, 250]), 34855: (3, 400), 42033: (2, "SN1")},
            gps={1: (2, "N"), 2: (5, [48, 1, 0, 1, 0, 1]), 3: (2, "E"), 4: (5, [11, 1, 0, 1, 0, 1])},
        )
    )
    assert facts["format"] == "DNG 1.4"
    assert facts["camera"]["model"] == "Testcam 1"
    assert facts["capture"] == {"exposure": "1/250 s", "exposure_time_s": 0.004, "iso": 400}
    raw = facts["raw"]
    assert (raw["width"], raw["height"], raw["bits"], raw["cfa"]) == (60, 40, 14, "RGGB")
    assert (raw["kind"], raw["compression"], raw["tile"]) == ("mosaic", "lossless JPEG", [32, 16])
    assert (raw["black"], raw["white"]) == (64, 16383)
    assert raw["pixels"] == "1.333 x 1"
    assert raw["orientation"] == "6 (turned by 90° clockwise)"
    assert raw["active_area"] == "58 x 40 at 2, 0"
    assert facts["color"]["illuminant_1"] == "D65"
    assert facts["color"]["as_shot_neutral"] == [0.5, 1, 0.625]
    assert facts["noise"] == {"scale": 1e-4, "offset": 1e-8}
    warp = {"list": 3, "name": "WarpRectilinear", "optional": False}
    assert facts["opcodes"] == [warp | {"coefficients": [[1, 0, 0, 0, 0, 0]], "center": 0.5}]
    assert facts["previews"][0]["width"] == 8
    assert facts["private_facts"] == ["position", "serial"]
    assert facts["private"] == {"serial": "SN1", "position": [48, 11]}
    assert "SN1" not in json.dumps({k: v for k, v in facts.items() if k != "private"})


def test_what_is_sound_but_not_supported_is_described(dng: Maker, samples: Maker, tell: Maker) -> None:
    facts = tell(dng(samples((40, 60)), raw={259: (3, 34713)}))
    assert facts["not_supported"] == "compression 34713 is not supported yet"
    assert facts["raw"]["width"] == 60


def test_hero6(shared: Path) -> None:
    facts = describe(shared / "raw" / "gopro_hero6_mural.dng")
    assert [o["name"] for o in facts["opcodes"]] == ["GainMap"] * 4
    assert facts["opcodes"][0]["points"] == [23, 23, 1]
    assert facts["raw"]["orientation"] == "2 (mirrored left to right)"
    assert facts["capture"]["exposure"] == "1/455 s"
    assert facts["private_facts"] == ["serial"]


def test_finished_photos(tell: Maker, tmp_path: Path) -> None:
    pixels = np.zeros((20, 30, 3), np.uint8)
    exif = Image.Exif()
    exif[271], exif[272], exif[274] = "Barnes", "Testcam 1", 6
    for name, kind in (("a.jpg", "JPEG"), ("a.png", "PNG"), ("a.tif", "TIFF")):
        Image.fromarray(pixels).save(tmp_path / name, exif=exif)
        facts = tell((tmp_path / name).read_bytes(), name)
        assert (facts["format"], facts["width"], facts["height"], facts["bits"]) == (kind, 30, 20, 8)
        assert facts["camera"]["model"] == "Testcam 1"
        assert facts["orientation"] == "6 (turned by 90° clockwise)"


def test_an_exr(tmp_path: Path, tell: Maker) -> None:
    openexr = pytest.importorskip("OpenEXR")
    path = tmp_path / "b.exr"
    header = {"compression": openexr.ZIP_COMPRESSION, "type": openexr.scanlineimage}
    openexr.File(header, {"RGB": np.zeros((20, 30, 3), np.float16)}).write(str(path))
    facts = tell(path.read_bytes(), "a.exr")
    assert (facts["format"], facts["width"], facts["height"]) == ("OpenEXR", 30, 20)
    assert facts["channels"] == ["B half", "G half", "R half"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.dng", b""),
        ("a.dng", b"text"),
        ("a.jpg", b"\xff\xd8\xff\xe1\0\x02"),
        ("a.jpg", b"\xff\xd8\xff" + b"\xff" * 50),
        ("a.png", b"\x89PNG\r\n\x1a\n"),
        ("a.exr", b"\x76\x2f\x31\x01" + bytes(20)),
        ("a.exr", b"\x76\x2f\x31\x01\2\0\0\0dataWindow\0box2i\0\x10\0\0\0"),
        ("a.tif", b"II*\0\x08\0\0\0\1\0"),
        ("a.txt", b"text"),
        ("a.webp", b"RIFF\0\0\0\0WEBPVP8 "),
    ],
)
def test_damaged_files_and_others_are_refused(tell: Maker, name: str, data: bytes) -> None:
    with pytest.raises(ReadError):
        tell(data, name)


def test_a_png_with_damaged_exif_is_still_described(tell: Maker) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 30, 20, 16, 2, 0, 0, 0))
    facts = tell(b"\x89PNG\r\n\x1a\n" + head + chunk(b"eXIf", b"junk") + chunk(b"IEND", b""), "a.png")
    assert (facts["width"], facts["bits"], facts["channels"]) == (30, 16, 3)
