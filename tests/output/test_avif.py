"""AVIF through readers that we did not write: libavif (twice) and exiftool."""

import io
import json
import shutil
import subprocess
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageCms, features
from tests.output.renditions import Lit, scenery

from fotohaus import kernels
from fotohaus.errors import WriteError
from fotohaus.output import write
from fotohaus.output.avif import encode_avif, level
from fotohaus.output.transfer import from_light, pq, to_light, to_pq, to_ten_bits
from fotohaus.recipe import Recipe
from fotohaus.render.picture import Picture

pytestmark = pytest.mark.skipif(not imagecodecs.AVIF.available, reason="imagecodecs was built without AVIF")


def encoded(picture: object, **choices: object) -> bytes:
    return b"".join(encode_avif(picture, exif=b"II*\0\x08\0\0\0\0\0\0\0\0\0", xmp=b"<x/>", **choices))


def told(path: Path) -> dict[str, object]:
    program = shutil.which("exiftool")
    if program is None:
        pytest.skip("exiftool is not installed")
    command = [program, "-j", "-n", "-all", "-validate", path]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)[0]


@pytest.mark.parametrize(
    ("shape", "items"), [((96, 140), 1), ((700, 201), 1), ((900, 200), 2), ((1501, 130), 1), ((2051, 64), 1)]
)
def test_any_size_comes_back(shape: tuple[int, int], items: int) -> None:
    picture = Lit(scenery(*shape))
    data = encoded(picture)
    assert data.count(b"infe") == items + (items > 1) + 2
    ten = imagecodecs.avif_decode(data)
    assert ten.shape == (*shape, 3)
    assert ten.dtype == np.uint16
    assert np.abs(ten / 1023 - picture.pixels / 65535).mean() < 0.004


def test_strips_fit_together() -> None:
    # Smooth: the rows at the border between strips are as close to what they should be as the others.
    y = np.linspace(0.1, 0.6, 1200)[:, None, None]
    picture = Lit(np.broadcast_to(y, (1200, 256, 3)))
    data = encoded(picture, quality=50)
    assert b"grid" in data
    rows = np.abs(imagecodecs.avif_decode(data) / 1023 - picture.pixels / 65535).mean(axis=(1, 2))
    assert rows[595:605].max() < 3 * rows.mean() + 1e-3


@pytest.mark.parametrize(("quality", "chroma", "brand"), [(92, 2, b"MA1B"), (97, 1, b"MA1A")])
def test_chroma(quality: int, chroma: int, brand: bytes) -> None:
    data = encoded(Lit(scenery(128, 128)), quality=quality)
    configuration = data[data.index(b"av1C") + 4 :][:4]
    assert brand in data[:40]
    # AV1 in ISO base media, 2.3.3: high bit depth, then subsampling.
    assert configuration[2] & 0x40
    assert bool(configuration[2] & 0x0C) == (chroma == 2)


def test_a_file_without_facts_is_one(tmp_path: Path) -> None:
    data = b"".join(encode_avif(Lit(scenery(96, 96)), exif=b"", xmp=b""))
    assert imagecodecs.avif_decode(data).shape == (96, 96, 3)
    assert b"Exif" not in data


@pytest.mark.parametrize("shape", [(1100, 96), (901, 333)])
def test_bytes_do_not_depend_on_threads(shape: tuple[int, int]) -> None:
    picture = Lit(scenery(*shape))
    try:
        made = []
        for threads in (1, 3):
            kernels.set_threads(threads)
            made.append(encoded(picture))
    finally:
        kernels.set_threads(0)
    assert made[0] == made[1]


@pytest.mark.parametrize(("gamut", "primaries"), [("srgb", 1), ("p3", 12)])
def test_an_sdr_avif_says_which_colours(tmp_path: Path, picture: Picture, gamut: str, primaries: int) -> None:
    path = write(Picture(picture.pixels, gamut, picture.recipe, picture.capture), tmp_path / "p.avif")
    facts = told(path)
    assert (facts["ColorPrimaries"], facts["TransferCharacteristics"], facts["MatrixCoefficients"]) == (
        primaries,
        13,
        6,
    )
    assert facts["ImagePixelDepth"] == "10 10 10"
    assert facts["Validate"] == "0 0 0"
    assert facts["ISO"] == 1600
    if not features.check("avif"):
        pytest.skip("Pillow was built without AVIF")
    with Image.open(path) as image:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"])).profile
        assert profile.profile_description == {"srgb": "sRGB", "p3": "Display P3"}[gamut]
        assert image.getexif()[0x0110] == "Testcam 1"
        assert b"fotohaus:recipe" in image.info["xmp"]
        assert np.abs(np.asarray(image.convert("RGB")) - picture.pixels / 257).mean() < 4


def to_nits(code: np.ndarray) -> np.ndarray:
    """The EOTF of ST 2084, from the standard's own constants."""
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    p = np.clip(code, 0, 1) ** (1 / m2)
    return 10000 * (np.maximum(p - c1, 0) / (c2 - c3 * p)) ** (1 / m1)


def test_an_hdr_avif_holds_the_light(tmp_path: Path) -> None:
    picture = Lit(scenery(1100, 200, brightest=5.0), Recipe(hdr=True, quality=95))
    path = tmp_path / "p.avif"
    path.write_bytes(encoded(picture, hdr=True, quality=95))
    facts = told(path)
    assert (facts["ColorPrimaries"], facts["TransferCharacteristics"], facts["MatrixCoefficients"]) == (9, 16, 9)
    assert "ProfileDescription" not in facts
    data = path.read_bytes()
    cll, fall = np.frombuffer(data, ">u2", 2, data.index(b"clli") + 4)
    assert cll == pytest.approx(5 * 203, rel=0.01)
    assert fall == pytest.approx(203 * picture.light.max(axis=2).mean(), rel=0.01)
    light = to_nits(imagecodecs.avif_decode(data) / 1023) / 203
    stops = np.abs(np.log2(np.maximum(light, 1e-3) / np.maximum(picture.light, 1e-3)))
    assert np.median(stops) < 0.02
    lamp = picture.light[..., 0] > 4
    assert np.median(light[lamp], axis=0) == pytest.approx([5.0, 4.75, 4.5], rel=0.02)


def test_an_sdr_picture_has_no_hdr_avif(tmp_path: Path, picture: Picture) -> None:
    with pytest.raises(WriteError, match="no HDR rendition"):
        write(picture, tmp_path / "p.avif", recipe=Recipe(hdr=True))
    assert not list(tmp_path.iterdir())


def test_too_large_a_side_is_told() -> None:
    with pytest.raises(WriteError, match="65535 pixels a side"):
        encode_avif(Picture(np.zeros((1, 65536, 3), np.uint16)), exif=b"", xmp=b"")


@pytest.mark.parametrize("hdr", [False, True])
def test_quality_grows_with_quality(hdr: bool) -> None:
    levels = [level(quality, hdr) for quality in range(1, 101)]
    assert levels == sorted(levels)
    assert 0 < levels[0] < levels[-1] < 100


def test_transfer_functions() -> None:
    assert pq(np.array([0.0, 203.0, 10000.0])) == pytest.approx([0.0, 0.5806, 1.0], abs=1e-4)  # BT.2408, table 1: 58 %
    light = np.geomspace(1e-5, 49, 6000).astype(np.float32).reshape(20, 100, 3)
    assert np.abs(to_pq(light) / 65535 - pq(light * 203.0)).max() < 1 / 4096
    every = np.arange(65536, dtype=np.uint16).repeat(3).reshape(256, 256, 3)
    assert np.abs(to_ten_bits(every) - every / 65535 * 1023).max() < 0.52
    assert to_light(every)[[0, -1], [0, -1]].tolist() == [[0] * 3, [1] * 3]
    assert np.abs(from_light(to_light(every)).astype(int) - every).max() <= 8
    odd = np.array([[[np.nan, -np.inf, np.inf], [-1, 0, 100]]], np.float32)
    assert from_light(odd).tolist() == [[[65535, 0, 65535], [0, 0, 65535]]]
