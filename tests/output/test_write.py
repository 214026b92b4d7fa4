"""Every kind of file: the pixels, the facts and the recipe come back through readers that we did not write."""

import io
import json
import os
import shutil
import struct
import subprocess
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
import rawpy
import tifffile
from PIL import Image, ImageCms

from fotohaus.develop.scene import Scene
from fotohaus.errors import WriteError
from fotohaus.output import read_recipe, write
from fotohaus.raw.image import RawImage
from fotohaus.recipe import Recipe
from fotohaus.render.picture import Picture
from fotohaus.report import Report

NAMES = ["p.jpg", "p.JPEG", "p.avif", "p.jxl", "p.tif", "p.tiff", "p.png", "p.exr", "p.dng"]
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
OURS = "{https://fotohaus.org/ns/1.0/}"


@pytest.fixture
def nouns(picture: Picture, scene: Scene, raw: RawImage) -> dict[str, Picture | Scene | RawImage]:
    pictured = (".jpg", ".jpeg", ".avif", ".jxl", ".tif", ".tiff", ".png")
    return {".exr": scene, ".dng": raw, **dict.fromkeys(pictured, picture)}


@pytest.fixture(params=NAMES)
def written(request: pytest.FixtureRequest, tmp_path: Path, nouns: dict[str, Picture], recipe: Recipe) -> Path:
    path = tmp_path / request.param
    assert write(nouns[path.suffix.lower()], path, recipe=recipe) == path
    return path


def test_the_recipe_comes_back_and_nothing_else_is_left(written: Path, recipe: Recipe) -> None:
    assert read_recipe(written) == recipe
    assert os.listdir(written.parent) == [written.name]


def test_nothing_private_is_in_the_file(written: Path) -> None:
    data = written.read_bytes()
    for secret in ("SERIAL-4711", "Jane Private", "jane-secret", "secret-folder", "48.858", "2.2945"):
        assert secret.encode() not in data
        assert secret.encode("utf-16-le") not in data
    if written.suffix.lower() not in (".exr", ".dng", ".jxl"):
        with Image.open(io.BytesIO(data)) as image:
            assert not image.getexif().get_ifd(0x8825)


def test_the_xmp_is_well_formed_and_names_the_frames(written: Path) -> None:
    data = written.read_bytes()
    begin = data.index(b"<x:xmpmeta")
    packet = ElementTree.fromstring(data[begin : data.index(b"</x:xmpmeta>") + 12])
    description = packet[0][0]
    assert description.find(f"{OURS}frames").text == "3"
    names = [item.text for item in description.iterfind(f"{OURS}sources/{RDF}Seq/{RDF}li")]
    assert names == ['a <&> "1" ]]>.dng', "b.dng", "c��.dng"]


def test_exiftool_finds_nothing_wrong(written: Path) -> None:
    program = shutil.which("exiftool")
    if program is None:
        pytest.skip("exiftool is not installed")
    command = [program, "-j", "-validate", "-warning", "-error", "-a", "-ExposureTime", written]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)[0]
    assert told["ExposureTime"] == "1/455"
    if "tif" in written.suffix:
        # exiftool's list of valid compressions ends before deflate.
        assert told["Warning"] == "Invalid value for IFD0 tag 0x0103 Compression"
    else:
        assert told["Validate"] == "OK", told


@pytest.mark.parametrize("name", ["p.png", "p.tif"])
@pytest.mark.parametrize("height", [1, 7, 96])
def test_sixteen_bits_are_exact(tmp_path: Path, picture: Picture, name: str, height: int) -> None:
    import imagecodecs

    cut = replace(picture, pixels=picture.pixels[:height])
    path = write(cut, tmp_path / name)
    pixels = tifffile.imread(path) if name == "p.tif" else imagecodecs.png_decode(path.read_bytes())
    assert pixels.dtype == np.uint16
    assert np.array_equal(pixels, cut.pixels)


def test_a_large_tiff_has_several_strips_and_is_exact(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, (700, 901, 3)).astype(np.uint16)
    path = write(Picture(pixels), tmp_path / "p.tif")
    with tifffile.TiffFile(path) as file:
        assert len(file.pages[0].dataoffsets) > 1
        assert np.array_equal(file.pages[0].asarray(), pixels)


@pytest.mark.parametrize(("quality", "sampling"), [(89, "4:2:0"), (90, "4:4:4")])
def test_a_jpeg_is_close_and_keeps_its_chroma(tmp_path: Path, picture: Picture, quality: int, sampling: str) -> None:
    path = write(picture, tmp_path / "p.jpg", recipe=Recipe(quality=quality))
    with Image.open(path) as image:
        assert image.layer[0][1:3] == {"4:2:0": (2, 2), "4:4:4": (1, 1)}[sampling]
        assert np.abs(np.asarray(image) - picture.pixels / 257).mean() < 1.5
        assert image.info["dpi"] == (72, 72)


def test_dither_can_be_left_out(tmp_path: Path) -> None:
    flat = Picture(np.full((64, 64, 3), 100 * 257 + 128, np.uint16))
    for off, plain in (((), False), (("dither",), True)):
        path = write(flat, tmp_path / "p.jpg", recipe=Recipe(quality=100, off=off))
        with Image.open(path) as image:
            assert (len(np.unique(np.asarray(image))) == 1) == plain


def segments(data: bytes) -> list[tuple[int, bytes]]:
    found, offset = [], 2
    while True:
        marker, size = struct.unpack_from(">HH", data, offset)
        found.append((marker, data[offset + 4 : offset + 2 + size]))
        offset += 2 + size
        if marker == 0xFFDA:
            return found


def test_the_segments_of_a_jpeg(tmp_path: Path, picture: Picture) -> None:
    found = segments(write(picture, tmp_path / "p.jpg").read_bytes())
    assert [m for m, _ in found][:4] == [0xFFE0, 0xFFE1, 0xFFE1, 0xFFE2]
    starts = [data[:6] for marker, data in found if marker in (0xFFE1, 0xFFE2)]
    assert starts == [b"Exif\0\0", b"http:/", b"ICC_PR"]


@pytest.mark.parametrize("gamut", ["srgb", "p3"])
@pytest.mark.parametrize("name", ["p.jpg", "p.png", "p.tif"])
def test_the_profile_and_the_exif_say_which_space(tmp_path: Path, picture: Picture, gamut: str, name: str) -> None:
    path = write(replace(picture, gamut=gamut), tmp_path / name)
    if name == "p.tif":
        with tifffile.TiffFile(path) as file:
            tags = file.pages[0].tags
            profile, space = tags[34675].value, tags[34665].value["ColorSpace"]
    else:
        with Image.open(path) as image:
            profile, space = image.info["icc_profile"], image.getexif().get_ifd(0x8769)[40961]
    opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    assert opened.profile.profile_description == {"srgb": "sRGB", "p3": "Display P3"}[gamut]
    assert space == {"srgb": 1, "p3": 0xFFFF}[gamut]


def chunks(data: bytes) -> dict[bytes, bytes]:
    import zlib

    found, offset = {}, 8
    while offset < len(data):
        size, kind = struct.unpack_from(">I4s", data, offset)
        body = data[offset + 8 : offset + 8 + size]
        assert struct.unpack_from(">I", data, offset + 8 + size)[0] == zlib.crc32(kind + body)
        found.setdefault(kind, body)
        offset += 12 + size
    return found


def test_the_chunks_of_a_png(tmp_path: Path, picture: Picture) -> None:
    found = chunks(write(picture, tmp_path / "p.png").read_bytes())
    assert list(found) == [b"IHDR", b"cICP", b"iCCP", b"eXIf", b"iTXt", b"IDAT", b"IEND"]
    assert found[b"cICP"] == bytes([12, 13, 0, 1])
    assert found[b"IHDR"][8:10] == bytes([16, 2])


def test_an_exr_holds_the_light(tmp_path: Path, scene: Scene, recipe: Recipe) -> None:
    scene.pixels[0, 0] = np.nan, np.inf, -np.inf
    scene.pixels[1, 1] = 1e6, -0.25, 65504
    path = write(scene, tmp_path / "p.exr", recipe=recipe)
    with OpenEXR.File(str(path), separate_channels=True) as file:
        header, channels = dict(file.header()), file.channels()
        planes = [channels[c].pixels for c in "RGB"]
    assert all(plane.dtype == np.float16 for plane in planes)
    expected = np.clip(np.nan_to_num(scene.pixels, nan=0.0), -65504, 65504).astype(np.float16)
    assert np.array_equal(np.stack(planes, axis=-1), expected)
    assert np.allclose(header["chromaticities"], (0.708, 0.292, 0.17, 0.797, 0.131, 0.046, 0.3127, 0.329))
    assert header["expTime"] == pytest.approx(1 / 455)
    assert header["isoSpeed"] == 1600
    assert header["cameraModel"] == "Testcam 1"
    assert header["capDate"] == "2026:01:02 03:04:05"
    assert header["utcOffset"] == -8 * 3600


def test_a_dng_holds_the_mosaic(tmp_path: Path, raw: RawImage) -> None:
    path = write(raw, tmp_path / "p.dng")
    with rawpy.imread(str(path)) as image:
        assert np.array_equal(image.raw_image, raw.mosaic)


def test_bytes_depend_on_the_image_alone(tmp_path: Path, nouns: dict[str, Picture], recipe: Recipe) -> None:
    for name in NAMES:
        noun = nouns[Path(name).suffix.lower()]
        first = write(noun, tmp_path / f"1{name}", recipe=recipe).read_bytes()
        assert write(noun, tmp_path / f"2{name}", recipe=recipe).read_bytes() == first, name


def test_the_picture_carries_its_own_recipe(tmp_path: Path, picture: Picture, scene: Scene) -> None:
    assert read_recipe(write(picture, tmp_path / "p.png")) == picture.recipe
    assert b"fotohaus:recipe" not in write(scene, tmp_path / "p.exr").read_bytes()


@pytest.mark.parametrize("name", ["p.gif", "p", ".jpg", "p.jpg.txt"])
def test_an_unknown_kind_is_refused(tmp_path: Path, picture: Picture, name: str) -> None:
    with pytest.raises(WriteError, match=r"unknown kind of file .*\.jpg, .*\.dng can be written"):
        write(picture, tmp_path / name)


def test_a_wrong_pairing_is_refused_with_what_fits(tmp_path: Path, nouns: dict[str, Picture]) -> None:
    for name in NAMES:
        for kind, noun in nouns.items():
            if noun is nouns[Path(name).suffix.lower()]:
                continue
            with pytest.raises(WriteError, match=rf"holds a .*, not a .*: use .*\{kind}"):
                write(noun, tmp_path / name)
    assert os.listdir(tmp_path) == []


def test_an_image_that_a_format_cannot_hold_is_refused(tmp_path: Path) -> None:
    for shape, name in (((0, 5, 3), "p.png"), ((5, 5), "p.tif"), ((1, 65501, 3), "p.jpg")):
        with pytest.raises(WriteError, match=name):
            write(Picture(np.zeros(shape, np.uint16)), tmp_path / name)
    assert os.listdir(tmp_path) == []


def test_the_report_hears_of_it(tmp_path: Path, picture: Picture) -> None:
    report = Report()
    write(picture, tmp_path / "p.jpg", report=report)
    assert [stage.name for stage in report.stages] == ["write"]
    assert "p.jpg" in report.stages[0].notes[0]
