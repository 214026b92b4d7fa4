"""JPEG strips joined into one file."""

import io

import numpy as np
import pytest
from imagecodecs import jpeg8_encode
from PIL import Image

from fotohaus.output.jpeg import encode_jpeg, quantize
from fotohaus.output.jpeg_coder import quantization_tables
from fotohaus.output.jpeg_stream import join, segment, segments
from fotohaus.render.picture import Picture
from fotohaus.strips import STRIP


def noise(height, width):
    rng = np.random.default_rng(height * width)
    coarse = rng.integers(0, 65536, (height // 8 + 1, width // 8 + 1, 3))
    return np.kron(coarse, np.ones((8, 8, 1)))[:height, :width].astype(np.uint16)


@pytest.mark.parametrize("quality", [92, 75])
@pytest.mark.parametrize("size", [(1, 1), (STRIP, 40), (STRIP + 1, 33), (5 * STRIP - 3, 70), (17, 3000)])
def test_strips_decode_like_a_picture_coded_at_once(size, quality):
    picture = Picture(noise(*size))
    file = b"".join(encode_jpeg(picture, quality=quality, exif=b"MM\0*\0\0\0\x08\0\0\0\0\0\0", xmp=b"<x/>"))
    sampling = "4:4:4" if quality >= 90 else "4:2:0"
    whole = io.BytesIO()
    tables = quantization_tables(quality)
    Image.fromarray(quantize(picture.pixels)).save(whole, "JPEG", qtables=tables, subsampling=sampling)
    with Image.open(io.BytesIO(file)) as ours, Image.open(whole) as theirs:
        assert ours.size == size[::-1]
        assert np.array_equal(np.asarray(ours), np.asarray(theirs))
        assert ours.info["dpi"] == (72, 72)


def test_many_restart_intervals_and_a_wide_picture():
    """More strips than there are restart markers, and an interval at its limit of 65535 blocks."""
    wide = Picture(np.broadcast_to(noise(1, 65000), (80, 65000, 3)))
    file = b"".join(encode_jpeg(wide, quality=95, exif=b"", xmp=b""))
    intervals = [int.from_bytes(data, "big") for marker, data in segments(file)[0] if marker == 0xDD]
    assert intervals == [65000 // 8 * 8]
    with Image.open(io.BytesIO(file)) as image:
        assert image.size == (65000, 80)
        assert np.abs(np.asarray(image)[70].astype(int) - np.asarray(image)[1]).max() <= 12
    tall = Picture(noise(20 * STRIP, 16))
    with Image.open(io.BytesIO(b"".join(encode_jpeg(tall, quality=95, exif=b"", xmp=b"")))) as image:
        assert np.abs(np.asarray(image).astype(int) - tall.pixels // 257).mean() < 3


def test_one_strip_needs_no_restart_marker():
    strip = jpeg8_encode(np.zeros((8, 8, 3), np.uint8), level=90)
    file = b"".join(join([strip], 8, 1, [segment(0xE0, b"JFIF\0\1\2\1\0\x48\0\x48\0\0")]))
    assert 0xDD not in [marker for marker, _ in segments(file)[0]]


def test_a_segment_too_long_is_refused():
    with pytest.raises(ValueError, match="65533"):
        segment(0xE1, b"x" * 65534)
