"""JPEG XL through libjxl's decoder, which gives pixels in the space that the header names."""

import imagecodecs
import numpy as np
import pytest
from tests.output.renditions import Lit, scenery

from fotohaus import kernels
from fotohaus.errors import WriteError
from fotohaus.output import write
from fotohaus.output.boxes import boxes
from fotohaus.output.jxl import distance, encode_jxl
from fotohaus.output.jxl_header import P3, with_colors
from fotohaus.output.transfer import to_pq
from fotohaus.recipe import Recipe
from fotohaus.render.picture import Picture

pytestmark = pytest.mark.skipif(not imagecodecs.JPEGXL.available, reason="imagecodecs was built without JPEG XL")


def encoded(picture: object, **choices: object) -> bytes:
    return b"".join(encode_jxl(picture, exif=b"II*\0\x08\0\0\0\0\0\0\0\0\0", xmp=b"<x/>", **choices))


@pytest.mark.parametrize("shape", [(1, 1), (8, 24), (37, 71), (300, 400), (257, 33), (640, 1280)])
@pytest.mark.parametrize("quality", [92, 100])
def test_any_size_comes_back(shape: tuple[int, int], quality: int) -> None:
    picture = Lit(scenery(*shape))
    back = imagecodecs.jpegxl_decode(encoded(picture, quality=quality))
    assert back.shape == (*shape, 3)
    assert back.dtype == np.uint16
    if quality == 100:
        assert np.array_equal(back, picture.pixels)
    else:
        assert np.abs(back / 65535 - picture.pixels / 65535).mean() < 0.02


def test_lossless_is_exact_and_says_its_level(picture: Picture) -> None:
    data = encoded(picture, quality=100)
    assert np.array_equal(imagecodecs.jpegxl_decode(data), picture.pixels)
    assert [kind for kind, _ in boxes(data)] == [b"JXL ", b"ftyp", b"jxll", b"Exif", b"xml ", b"jxlc"]
    assert dict(boxes(data))[b"jxll"] == bytes([10])


@pytest.mark.parametrize("gamut", ["srgb", "p3"])
def test_colours_beyond_srgb_survive(gamut: str) -> None:
    patches = np.repeat(np.repeat(np.eye(3), 64, axis=0)[:, None], 64, axis=1)
    pixels = np.rint((0.05 + 0.9 * patches) * 65535).astype(np.uint16)
    back = imagecodecs.jpegxl_decode(encoded(Picture(pixels, gamut), quality=95)) / 65535
    for i in range(3):
        assert np.abs(back[64 * i + 32, 32] - pixels[64 * i + 32, 32] / 65535).max() < 0.03


@pytest.mark.parametrize("quality", [95, 100])
def test_hdr_holds_the_light(quality: int) -> None:
    picture = Lit(scenery(300, 400, brightest=6.0))
    data = encoded(picture, quality=quality, hdr=True)
    back, exact = imagecodecs.jpegxl_decode(data).astype(float), to_pq(picture.light).astype(float)
    if quality == 100:
        assert np.array_equal(back, exact)
    else:
        assert np.median(np.abs(back - exact)) < 0.003 * 65535
        lamp = picture.light[..., 0] > 5
        assert np.abs(np.median(back[lamp], axis=0) - exact[lamp][0]).max() < 0.005 * 65535


def test_smaller_with_less_quality() -> None:
    picture = Lit(scenery(300, 400))
    sizes = [len(encoded(picture, quality=quality)) for quality in (98, 92, 75, 40)]
    assert sizes == sorted(sizes, reverse=True)
    distances = [distance(quality) for quality in range(1, 101)]
    assert distances == sorted(distances, reverse=True)
    assert 0 <= distances[-1] < distances[0] <= 25


@pytest.mark.parametrize("quality", [92, 100])
def test_bytes_do_not_depend_on_threads(quality: int) -> None:
    picture = Lit(scenery(700, 600))
    try:
        made = []
        for threads in (1, 3):
            kernels.set_threads(threads)
            made.append(encoded(picture, quality=quality))
    finally:
        kernels.set_threads(0)
    assert made[0] == made[1]


def test_an_sdr_picture_has_no_hdr_file(tmp_path, picture: Picture) -> None:
    with pytest.raises(WriteError, match="no HDR rendition"):
        write(picture, tmp_path / "p.jxl", recipe=Recipe(hdr=True))
    assert not list(tmp_path.iterdir())


def test_a_header_that_is_not_known_is_not_rewritten() -> None:
    grey = imagecodecs.jpegxl_encode(np.zeros((16, 16), np.uint8), lossless=False, usecontainer=False)
    for data, shape in ((grey, (16, 16)), (b"\xff\x0a" + b"\xff" * 40, (16, 16)), (grey, (8, 8)), (b"", (1, 1))):
        with pytest.raises(ValueError, match="JPEG XL"):
            with_colors(bytes(data), *shape, P3)
