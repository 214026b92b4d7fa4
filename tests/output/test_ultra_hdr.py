"""Ultra HDR files: what libultrahdr, libvips, Pillow and exiftool make of them, and that the plain photo stays."""

import io
import json
import shutil
import struct
import subprocess
from dataclasses import replace
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fotohaus.output import read_recipe, write
from fotohaus.output.mpf import index_segment
from fotohaus.output.ultra_hdr import hdrgm_packet, iso_metadata
from fotohaus.raw.gain_map_metadata import read_iso, read_xmp
from fotohaus.recipe import Recipe
from fotohaus.render import color
from fotohaus.render.gain_map import GainMap
from fotohaus.render.picture import Picture

MEDIAN, LARGE, PEAK = 0.03, 0.25, 0.03  # stops, stops, share: what a decoded file may be off


def light() -> np.ndarray:
    """Linear light (432, 576, 3) with SDR white at 1: a sky, a ground with detail, a warm lamp of seven times white."""
    y, x = np.mgrid[0:432, 0:576] / 432
    sky = np.clip(1.6 - 1.5 * y, 0.12, None)[..., None] * (0.8, 0.95, 1.2)
    ground = (0.25 + 0.12 * np.sin(40 * x) * np.sin(31 * y + 3 * x))[..., None] * (1.1, 0.9, 0.5)
    mix = 1 / (1 + np.exp(60 * (0.55 - y)))[..., None]
    lamp = 1 / (1 + np.exp(90 * (np.hypot(y - 0.75, x - 0.9) - 0.14)))
    return np.asarray(sky * (1 - mix) + ground * mix + lamp[..., None] * (6.8, 6.0, 4.4))


def pictured(channels: int = 1, step: int = 4, gamma: float = 1.0, space: str = "p3") -> Picture:
    """The light's SDR rendition, rolled off, and the gain map that leads back."""
    hdr = light()
    sdr = hdr * (1 + hdr / 64) / (1 + hdr)
    height, width = hdr.shape[:2]
    small = [a.reshape(height // step, step, width // step, step, 3).mean((1, 3)) + 1 / 64 for a in (hdr, sdr)]
    if channels == 1:
        small = [a.mean(-1, keepdims=True) for a in small]
    gain = np.log2(small[0] / small[1])
    low, high = (np.broadcast_to(limit, 3) for limit in (gain.min((0, 1)), gain.max((0, 1))))
    code = np.rint(((gain - low[:channels]) / (high - low)[:channels]) ** gamma * 255).astype(np.uint8)
    made = GainMap(
        code if channels == 3 else code[..., 0],
        tuple(map(float, low)),
        tuple(map(float, high)),
        gamma=(gamma,) * 3,
        headroom=float(high.max()),
    )
    pixels = np.rint(color.encode_srgb(sdr) * 65535).astype(np.uint16)
    return Picture(
        pixels, "srgb" if space == "srgb" else "p3", Recipe(gamut="srgb" if space == "srgb" else "p3"), gain=made
    )


def enlarged(small: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Interpolated between the centres of the pixels."""
    for axis, count in enumerate(shape):
        have = small.shape[axis]
        place = ((np.arange(count) + 0.5) * have / count - 0.5).clip(0, have - 1)
        before = place.astype(int)
        part = (place - before).reshape([-1 if i == axis else 1 for i in range(3)])
        small = small.take(before, axis) * (1 - part) + small.take(np.minimum(before + 1, have - 1), axis) * part
    return small


def followed(picture: Picture) -> np.ndarray:
    """The HDR rendition by the formula (ISO 21496-1:2025, 6.3), nothing compressed."""
    gain = picture.gain
    assert gain is not None
    code = enlarged(gain.pixels.reshape(*gain.pixels.shape[:2], -1) / 255, picture.shape)
    stops = np.array(gain.low) + code ** (1 / np.array(gain.gamma)) * (np.array(gain.high) - np.array(gain.low))
    sdr = color.decode_srgb(picture.pixels / 65535)
    return np.asarray((sdr + gain.offset_sdr) * 2**stops - gain.offset_hdr)


def check(decoded: np.ndarray, truth: np.ndarray) -> None:
    """The criterion, on pixels that are not all but black, of which 8 bits know little."""
    seen = truth.max(-1) > 0.01
    off = np.abs(np.log2(np.maximum(decoded[seen], 1e-6) / np.maximum(truth[seen], 1e-6)))
    assert np.median(off) <= MEDIAN
    assert np.percentile(off, 99) <= LARGE
    assert decoded.max() == pytest.approx(truth.max(), rel=PEAK)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(pictured(), tmp_path_factory.mktemp("ultra") / "photo.jpg")


@pytest.mark.parametrize(
    ("channels", "step", "gamma", "space"),
    [(1, 4, 1.0, "p3"), (1, 2, 1.5, "srgb"), (3, 4, 1.0, "p3"), (3, 2, 0.8, "srgb")],
)
def test_libultrahdr_decodes_the_hdr_rendition(
    tmp_path: Path, channels: int, step: int, gamma: float, space: str
) -> None:
    picture = pictured(channels, step, gamma, space)
    data = write(picture, tmp_path / "a.jpg").read_bytes()
    check(imagecodecs.ultrahdr_decode(data)[..., :3].astype(np.float64), followed(picture))


def test_a_gain_map_of_other_proportions_is_laid_over_the_whole(tmp_path: Path) -> None:
    picture = pictured()
    assert picture.gain is not None
    squeezed = np.asarray(Image.fromarray(picture.gain.pixels).resize((132, 108), Image.Resampling.BOX))
    picture = replace(picture, gain=replace(picture.gain, pixels=squeezed))
    data = write(picture, tmp_path / "a.jpg").read_bytes()
    check(imagecodecs.ultrahdr_decode(data)[..., :3].astype(np.float64), followed(picture))


def test_libvips_decodes_the_hdr_rendition(file: Path) -> None:
    pyvips = pytest.importorskip("pyvips", exc_type=ImportError)
    if not pyvips.type_find("VipsOperation", "uhdrload"):
        pytest.skip("this libvips reads no Ultra HDR")
    image = pyvips.Image.uhdrload(str(file), revalidate=True)
    assert image.get("gainmap-hdr-capacity-max") == pytest.approx(2 ** pictured().gain.headroom, rel=1e-4)  # type: ignore[union-attr]
    check(image.uhdr2scRGB().numpy().astype(np.float64), followed(pictured()))


def test_plain_readers_show_the_photo_as_it_is_without_a_gain_map(file: Path, tmp_path: Path) -> None:
    plain = write(pictured(), tmp_path / "plain.jpg", recipe=Recipe(sdr=True))
    with Image.open(file) as ours, Image.open(plain) as theirs:
        assert np.array_equal(np.asarray(ours), np.asarray(theirs))
        assert ours.info["icc_profile"] == theirs.info["icc_profile"]
        assert ours.info["exif"] == theirs.info["exif"]
    assert np.array_equal(imagecodecs.jpeg8_decode(file.read_bytes()), imagecodecs.jpeg8_decode(plain.read_bytes()))


def test_sdr_and_no_headroom_leave_it_out(tmp_path: Path) -> None:
    picture = pictured()
    assert picture.gain is not None
    dim = replace(picture, gain=replace(picture.gain, headroom=0.0))
    files = [
        write(picture, tmp_path / "a.jpg", recipe=Recipe(sdr=True)),
        write(dim, tmp_path / "b.jpg", recipe=Recipe(sdr=True)),
        write(replace(picture, gain=None), tmp_path / "c.jpg", recipe=Recipe(sdr=True)),
    ]
    assert len({file.read_bytes() for file in files}) == 1
    assert b"hdr-gain-map" not in files[0].read_bytes()
    assert b"MPF\0" not in write(dim, tmp_path / "d.jpg").read_bytes()


def test_recipe_and_bytes(file: Path, tmp_path: Path) -> None:
    assert read_recipe(file) == pictured().recipe
    assert write(pictured(), tmp_path / "again.jpg").read_bytes() == file.read_bytes()


def test_the_index_and_the_directory_agree_with_the_file(file: Path) -> None:
    data = file.read_bytes()
    at = data.index(b"MPF\0") + 4
    assert data[at : at + 8] == b"MM\0*\0\0\0\x08"
    assert struct.unpack_from(">HHII", data, at + 22) == (0xB001, 4, 1, 2)
    (entries,) = struct.unpack_from(">I", data, at + 42)
    first, second = (struct.unpack_from(">IIIHH", data, at + entries + 16 * i) for i in (0, 1))
    assert first[:3] == (0x030000, len(data) - second[1], 0)
    assert second[0] == 0
    begin = at + second[2]
    assert (begin, begin + second[1]) == (first[1], len(data))
    for part in (data[:begin], data[begin:]):
        assert part.startswith(b"\xff\xd8\xff")
        assert part.endswith(b"\xff\xd9")
    assert f'Item:Length="{second[1]}"'.encode() in data
    with Image.open(io.BytesIO(data[begin:])) as image:
        assert (image.size, image.mode) == ((144, 108), "L")
    # Each image says that the other metadata is of ISO's version 0, the gain map all of it.
    iso = b"urn:iso:std:iso:ts:21496:-1\0"
    assert data[data.index(iso) - 2 :].startswith(struct.pack(">H", 2 + len(iso) + 4) + iso + bytes(4))
    assert data.count(iso) == 2


def test_exiftool_finds_nothing_wrong(file: Path) -> None:
    program = shutil.which("exiftool")
    if program is None:
        pytest.skip("exiftool is not installed")
    command = [program, "-j", "-a", "-validate", "-warning", "-error", "-MPImageStart", "-NumberOfImages", file]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)[0]
    # Versions before ISO 21496-1 do not know its segment.
    assert told.get("Warning", "[minor] Unknown APP2 segment") == "[minor] Unknown APP2 segment"
    assert "Error" not in told
    assert told["NumberOfImages"] == 2
    taken = subprocess.run([program, "-b", "-MPImage2", file], capture_output=True, check=True).stdout
    assert taken == file.read_bytes()[told["MPImageStart"] :]


def test_an_index_that_can_not_be_is_refused() -> None:
    with pytest.raises(ValueError, match="4 GiB"):
        index_segment((1 << 31, 1 << 31), 300)


stops = st.floats(-7.9, 7.9)
triples = st.one_of(stops.map(lambda v: (v, v, v)), st.tuples(stops, stops, stops))
offsets = st.one_of(st.just((1 / 64,) * 3), st.tuples(*[st.floats(0, 1)] * 3))


@settings(max_examples=60, deadline=None)
@given(triples, triples, st.tuples(*[st.floats(0.1, 10)] * 3), offsets, offsets, st.floats(0.01, 8))
def test_metadata_comes_back_both_ways(one, other, gamma, sdr, hdr, headroom) -> None:  # type: ignore[no-untyped-def]
    low, high = (tuple(f(a, b) for a, b in zip(one, other, strict=True)) for f in (min, max))
    gain = GainMap(np.zeros((2, 2), np.uint8), low, high, gamma, sdr, hdr, headroom)  # type: ignore[arg-type]
    for read in (read_iso(iso_metadata(gain)), read_xmp(hdrgm_packet(gain), None)):
        assert read is not None
        assert read.base_colors
        assert not read.linear
        assert read.headroom == pytest.approx(headroom, abs=1e-6)
        for name in ("low", "high", "gamma", "offset_sdr", "offset_hdr"):
            assert getattr(read, name) == pytest.approx(getattr(gain, name), abs=1e-6)


@pytest.mark.parametrize("kind", ["grey", "rgb"])
def test_a_photograph_as_it_is_written_decodes_to_its_hdr_rendition(shared: Path, tmp_path: Path, kind: str) -> None:
    from fotohaus.develop.pipeline import prepare
    from fotohaus.raw import read_raw
    from fotohaus.render.pipeline import Rendering
    from fotohaus.report import Report

    development = prepare(read_raw(shared / "raw" / "canon_colorchecker.dng"))
    rendering = Rendering(development, Recipe(gain_map=kind), Report())
    to_p3 = np.linalg.solve(color.rgb_to_xyz("p3"), color.rgb_to_xyz("rec2020"))
    luminance = color.rgb_to_xyz("p3")[1]
    truth = rendering.hdr_rows(0, rendering.shape[0]) @ to_p3.T @ luminance
    data = write(rendering, tmp_path / "a.jpg").read_bytes()
    light = imagecodecs.ultrahdr_decode(data)[..., :3].astype(np.float64) @ luminance
    seen = truth > 0.02
    off = np.abs(np.log2(np.maximum(light[seen], 1e-6) / truth[seen]))
    assert np.median(off) <= 0.03
    assert np.percentile(off, 99) <= 0.25
    assert light.max() == pytest.approx(truth.max(), rel=0.03)
