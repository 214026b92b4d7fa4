"""JPEGs with a gain map as input: their HDR rendition is read, whoever wrote them, and what is broken harms nothing."""

import io
import re
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fotohaus.develop.pipeline import prepare
from fotohaus.errors import ReadError
from fotohaus.modes.photo import make_photo
from fotohaus.output import write
from fotohaus.output.embedded import read_gain_map
from fotohaus.output.icc import profile
from fotohaus.output.jpeg_stream import segment
from fotohaus.raw import describe, read, read_raw
from fotohaus.raw.exif import encode_exif
from fotohaus.raw.gain_map_metadata import apple_headroom, read_iso, read_xmp
from fotohaus.raw.image import CaptureInfo, RawImage
from fotohaus.raw.tiff import TiffError
from fotohaus.recipe import Recipe
from fotohaus.render import color
from fotohaus.render.gain_map import GainMap
from fotohaus.render.picture import Picture
from fotohaus.report import Report

HEADROOM = 2.5
ISO = b"urn:iso:std:iso:ts:21496:-1\0"
XMP = b"http://ns.adobe.com/xap/1.0/\0"
APPLE_XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description
 xmlns:apdi="http://ns.apple.com/pixeldatainfo/1.0/" xmlns:HDRGainMap="http://ns.apple.com/HDRGainMap/1.0/">
 <apdi:AuxiliaryImageType>urn:com:apple:photo:2020:aux:hdrgainmap</apdi:AuxiliaryImageType>%s
</rdf:Description></rdf:RDF></x:xmpmeta>"""


def pictured(channels: int = 1) -> Picture:
    """Smooth light of up to 2.5 EV over white: an SDR rendition of half to full white, and gains of 0 to 2.5 EV."""
    y, x = np.mgrid[0:96, 0:128] / 96
    sdr = np.stack([0.3 + 0.6 * x / x.max(), 0.5 + 0.3 * y, np.full_like(x, 0.4)], -1)
    code = np.rint(255 * np.stack([y[::4, ::4], x[::4, ::4] / x.max(), 1 - y[::4, ::4]], -1)).astype(np.uint8)
    gain = GainMap(code[..., 0] if channels == 1 else code, (0.0,) * 3, (HEADROOM,) * 3, headroom=HEADROOM)
    return Picture(np.rint(color.encode_srgb(sdr) * 65535).astype(np.uint16), "p3", gain=gain)


def truth(picture: Picture) -> np.ndarray:
    """The HDR rendition by the formula; the map's pixels lie on a plane, so that any interpolation is the same one."""
    gain = picture.gain
    assert gain is not None
    small = gain.pixels.reshape(*gain.pixels.shape[:2], -1) / 255
    for axis, count in enumerate(picture.shape):
        place = ((np.arange(count) + 0.5) / 4 - 0.5).clip(0, small.shape[axis] - 1)
        small = np.apply_along_axis(lambda v, p=place: np.interp(p, np.arange(len(v)), v), axis, small)  # type: ignore[misc]
    return np.asarray((color.decode_srgb(picture.pixels / 65535) + 1 / 64) * 2 ** (HEADROOM * small) - 1 / 64)


def light(raw: RawImage) -> np.ndarray:
    """Linear light with SDR white at 1."""
    return np.asarray(raw.mosaic / 65535 * 2**raw.color.baseline_exposure)


def close(got: np.ndarray, wanted: np.ndarray, least: float = 0.04) -> None:
    off = np.abs(np.log2(np.maximum(got, 1e-4) / wanted))
    assert np.median(off) < 0.02
    assert np.percentile(off, 99) < least * 2.5
    assert got.max() == pytest.approx(wanted.max(), rel=0.03)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An Ultra HDR file that fotohaus wrote."""
    return write(pictured(), tmp_path_factory.mktemp("gain") / "a.jpg", recipe=Recipe(quality=98)).read_bytes()


@pytest.fixture(scope="module")
def base(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    path = tmp_path_factory.mktemp("base") / "a.jpg"
    path.write_bytes(data)
    return np.asarray(read_raw(path, hdr=False).mosaic)


def saved(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    return path


def joined(first: bytes, second: bytes, more: bytes = b"") -> bytes:
    """Two JPEG files as one, with an MPF index of little-endian order; `more` are segments for the first."""
    entries = struct.pack("<IIIHH", 0x030000, 0, 0, 0, 0) + struct.pack("<IIIHH", 0, len(second), 0, 0, 0)
    fields = struct.pack("<HHI4s", 0xB000, 7, 4, b"0100") + struct.pack("<HHII", 0xB001, 4, 1, 2)
    index = b"MPF\0II*\0" + struct.pack("<IH", 8, 3) + fields + struct.pack("<HHII", 0xB002, 7, 32, 50) + bytes(4)
    whole = first[:2] + more + segment(0xE2, index + entries) + first[2:]
    start = 2 + len(more) + 8
    offset = struct.pack("<I", len(whole) - start)
    place = start + 50 + 16 + 8
    return whole[:place] + offset + whole[place + 4 :] + second


def plain(picture: np.ndarray, quality: int = 98, **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=quality, subsampling=0, **options)
    return out.getvalue()


def eight(picture: Picture) -> np.ndarray:
    return (picture.pixels / 257).round().astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_hdr_rendition_is_read(tmp_path: Path, channels: int) -> None:
    picture = pictured(channels)
    raw = read_raw(write(picture, tmp_path / "a.jpg", recipe=Recipe(quality=98)), report := Report())
    assert (raw.mosaic.dtype, raw.rendered, report.warnings) == (np.uint16, True, [])
    assert raw.mosaic.max() > 50000
    close(light(raw), truth(picture))
    # ... on its way to a picture, too.
    scene = prepare(raw, off=("denoise", "defringe")).scene()
    to_rec2020 = np.linalg.solve(color.rgb_to_xyz("rec2020"), color.rgb_to_xyz("p3"))
    close(scene.pixels, truth(picture) @ to_rec2020.T)


@pytest.mark.parametrize(
    "without",
    [
        lambda data: data.replace(ISO, b"x" * len(ISO)),  # XMP is left
        lambda data: data.replace(b"hdr-gain-map", b"hdr-gone-map").replace(b"GainMap", b"GoneMap"),  # ISO and MPF
        lambda data: data.replace(b"MPF\0", b"mpf\0"),  # the container directory is left
    ],
)
def test_one_way_of_saying_it_is_enough(tmp_path: Path, data: bytes, without: Callable[[bytes], bytes]) -> None:
    spoiled = without(data)
    assert spoiled != data
    close(light(read_raw(saved(tmp_path, spoiled))), truth(pictured()))


def test_a_file_of_libultrahdr(tmp_path: Path) -> None:
    wanted = np.dstack([truth(pictured()), np.ones((96, 128))]).astype(np.float16)
    data = imagecodecs.ultrahdr_encode(
        wanted, level=98, gamut=imagecodecs.ULTRAHDR.CG.DISPLAY_P3, transfer=imagecodecs.ULTRAHDR.CT.LINEAR
    )
    raw = read_raw(saved(tmp_path, data), report := Report())
    assert not report.warnings
    got = light(raw)
    off = np.abs(np.log2(got / wanted[..., :3].astype(np.float64)))
    assert np.median(off) < 0.06
    theirs = imagecodecs.ultrahdr_decode(data)[..., :3].astype(np.float64)
    assert np.median(np.abs(np.log2(got / theirs))) < 0.03


def test_info_tells_of_it(tmp_path: Path, data: bytes) -> None:
    path = saved(tmp_path, data)
    told = {"kind": "ISO 21496-1", "width": 32, "height": 24, "channels": 1, "headroom_ev": HEADROOM}
    assert describe(path)["gain_map"] == told
    assert "gain_map" not in describe(saved(tmp_path, plain(eight(pictured()))))
    assert "not_usable" in describe(saved(tmp_path, data[:-3000]))["gain_map"]


def test_the_map_itself_is_read(tmp_path: Path, data: bytes) -> None:
    picture = pictured()
    assert picture.gain is not None
    assert read_gain_map(saved(tmp_path, plain(eight(picture)))) is None
    found = read_gain_map(saved(tmp_path, data))
    assert found is not None
    assert np.abs(found.pixels.astype(int) - picture.gain.pixels).max() <= 4
    assert replace(found, pixels=picture.gain.pixels) == picture.gain
    # Apple's, told in stops instead, leads to the same light.
    path = saved(tmp_path, apple(True))
    found = read_gain_map(path)
    assert found is not None
    expected = light(read_raw(path))
    again = write(replace(picture, gain=found), tmp_path / "again.jpg", recipe=Recipe(quality=98))
    close(light(read_raw(again)), expected)
    with pytest.raises(ReadError, match="gain map"):
        read_gain_map(saved(tmp_path, data[:-3000]))


def test_orientation_turns_both(tmp_path: Path) -> None:
    info = CaptureInfo(model="One")
    picture = pictured()
    written = write(picture, tmp_path / "a.jpg", recipe=Recipe(quality=98)).read_bytes()
    old = encode_exif(CaptureInfo(), width=128, height=96, color_space=0xFFFF)
    assert old in written
    new = encode_exif(info, width=128, height=96, orientation=6, color_space=0xFFFF)
    at = written.index(b"Exif\0\0") - 4
    turned = written[:at] + segment(0xE1, b"Exif\0\0" + new) + written[at + 10 + len(old) :]
    # The index counts from itself, and stands after the block that has grown.
    raw = read_raw(saved(tmp_path, turned))
    assert raw.orientation == 6
    scene = prepare(raw, off=("denoise", "defringe")).scene()
    assert scene.shape == (128, 96)
    to_rec2020 = np.linalg.solve(color.rgb_to_xyz("rec2020"), color.rgb_to_xyz("p3"))
    close(scene.pixels, np.rot90(truth(picture) @ to_rec2020.T, -1))


def apple_note(headroom: float, gain: float) -> bytes:
    entries = struct.pack(">HHII", 33, 10, 1, 42 + 2) + struct.pack(">HHII", 48, 10, 1, 52)
    values = struct.pack(">4i", round(headroom * 1000), 1000, round(gain * 1000), 1000)
    return b"Apple iOS\0\0\1MM" + struct.pack(">H", 2) + entries + bytes(4) + values


@pytest.mark.parametrize(
    ("headroom", "gain", "stops"),
    [(0.5, 0.0, 1.8), (0.5, 0.01, 1.6), (0.5, 1.0, 1.5), (1.0, 0.0, 3.0), (1.0, 0.01, 2.3), (2.0, 1.0, 2.0), (2, 8, 0)],
)
def test_headroom_by_apples_maker_note(headroom: float, gain: float, stops: float) -> None:
    assert apple_headroom(apple_note(headroom, gain)) == pytest.approx(stops, abs=1e-6)
    for cut in range(0, 60, 7):
        assert apple_headroom(apple_note(headroom, gain)[:cut]) is None
    assert apple_headroom(apple_note(headroom, gain).replace(b"\0\0\3\xe8", bytes(4))) is None


def apple(version_2: bool) -> bytes:
    """A photo as iPhones write them, with 2 EV of headroom, and a map from black to white."""
    said = b"<HDRGainMap:HDRGainMapHeadroom>4.0</HDRGainMap:HDRGainMapHeadroom>" if version_2 else b""
    gain = pictured().gain
    assert gain is not None
    second = plain(gain.pixels)
    second = second[:2] + segment(0xE1, XMP + APPLE_XMP % said) + second[2:]
    note = apple_note(2.0, 1.0)
    exif = b"MM\0*" + struct.pack(">IH", 8, 1) + struct.pack(">HHII", 0x8769, 4, 1, 26) + bytes(4)
    exif += struct.pack(">H", 1) + struct.pack(">HHII", 0x927C, 7, len(note), 44) + bytes(4) + note
    more = b"" if version_2 else segment(0xE1, b"Exif\0\0" + exif)
    return joined(plain(eight(pictured()), icc_profile=profile("p3")), second, more)


@pytest.mark.parametrize("version_2", [True, False])
def test_apples_gain_map(tmp_path: Path, version_2: bool) -> None:
    picture = pictured()
    raw = read_raw(saved(tmp_path, apple(version_2)), report := Report())
    assert not report.warnings
    # Apple, "Applying Apple HDR effect to your photos": light times 1 + (headroom - 1) times the map's light.
    assert picture.gain is not None
    rows = ((np.arange(96) + 0.5) / 4 - 0.5).clip(0, 23)
    code = np.interp(rows, np.arange(24), picture.gain.pixels[:, 0] / 255)
    share = np.where(code < 0.081, code / 4.5, ((code + 0.099) / 1.099) ** (1 / 0.45))
    wanted = color.decode_srgb(picture.pixels / 65535) * (1 + 3 * share)[:, None, None]
    close(light(raw), wanted)


def test_real_files_of_apples(shared: Path) -> None:
    for name, headroom in (("new", 2.18), ("old", 3.0)):
        path = shared / "formats" / f"apple_gainmap_{name}.jpg"
        raw = read_raw(path, report := Report())
        assert not report.warnings
        assert describe(path)["gain_map"]["headroom_ev"] == pytest.approx(headroom, abs=0.01)
        assert 1 < raw.color.baseline_exposure <= headroom + 1e-6
        assert light(raw).max() > 2.5
        # Nothing gets darker, and what the map does not lift stays.
        lifted = light(raw) / np.maximum(light(read_raw(path, hdr=False)), 0.02)
        assert np.median(lifted) < 1.5


def test_gains_of_other_primaries(tmp_path: Path) -> None:
    """The map says that its gains are of Rec. 2020, and carries that profile."""
    picture = pictured(3)
    written = write(picture, tmp_path / "a.jpg", recipe=Recipe(quality=98)).read_bytes()
    second = written[written.rindex(b"\xff\xd8\xff\xe0") :]
    at = second.index(ISO) + len(ISO) + 4
    second = second[:at] + bytes([second[at] & ~0x40]) + second[at + 1 :]
    icc = segment(0xE2, b"ICC_PROFILE\0\1\1" + profile("rec2020"))
    data = joined(plain(eight(picture), icc_profile=profile("p3")), second[:2] + icc + second[2:])
    raw = read_raw(saved(tmp_path, data))
    assert raw.color.color_matrix_1 == pytest.approx(np.linalg.inv(color.rgb_to_xyz("rec2020")), abs=2e-3)
    to_rec2020 = np.linalg.solve(color.rgb_to_xyz("rec2020"), color.rgb_to_xyz("p3"))
    sdr = color.decode_srgb(picture.pixels / 65535)
    factor = (truth(picture) + 1 / 64) / (sdr + 1 / 64)
    close(light(raw), (sdr @ to_rec2020.T + 1 / 64) * factor - 1 / 64)


def test_a_burst_is_of_the_photos_as_they_are(tmp_path: Path, data: bytes, base: np.ndarray) -> None:
    paths = [tmp_path / name for name in ("1.jpg", "2.jpg")]
    for path in paths:
        path.write_bytes(data)
    assert all(np.array_equal(raw.mosaic, base) for raw in read(paths))
    assert read(paths[:1])[0].color.baseline_exposure > 2


def test_rendered_again_lights_stay_apart(tmp_path: Path, data: bytes) -> None:
    out = tmp_path / "again.png"
    make_photo([saved(tmp_path, data)], out, Recipe())
    again = np.asarray(Image.open(out)).astype(float) / 255
    lights = truth(pictured()).max(-1)
    rows = [again[(lights > low) & (lights < 1.1 * low)].max(-1).mean() for low in (1.0, 1.5, 2.2, 3.2)]
    assert np.diff(rows).min() > 0.004
    dark = lights < 0.6
    codes = color.encode_srgb(lights[dark].clip(0, 1))
    assert np.abs(again[dark].max(-1) - codes).mean() < 0.06


def test_rendered_again_it_shines_as_before(tmp_path: Path, data: bytes) -> None:
    out = tmp_path / "again.jpg"
    make_photo([saved(tmp_path, data)], out, Recipe(quality=98))
    again, before = light(read_raw(out)).max(-1), light(read_raw(tmp_path / "photo.jpg")).max(-1)
    assert again.max() == pytest.approx(before.max(), rel=0.15)
    assert (again > 1).mean() == pytest.approx((before > 1).mean(), abs=0.05)
    off = np.abs(np.log2(again / before))
    assert np.median(off) < 0.08
    # Without its HDR rendition, it is an SDR photo.
    make_photo([tmp_path / "photo.jpg"], out, Recipe(sdr=True))
    assert light(read_raw(out)).max() <= 1


def spoil(data: bytes, what: str) -> bytes:
    second = data.rindex(b"\xff\xd8\xff\xe0")
    mpf = data.index(b"MPF\0") + 4
    number = {"huge": 0xFFFFFFF0, "zero": 0, "itself": 8}.get(what)
    if number is not None:  # where the second image is, by the index; nothing is said elsewhere
        at = mpf + 50 + 16 + 8
        return (data[:at] + struct.pack(">I", number) + data[at + 4 :]).replace(b"Item:Length", b"Item:Lungth")
    if what == "cycle":  # directories that follow themselves, and no list of images
        at = mpf + 8 + 2 + 36
        spoiled = data[:at] + struct.pack(">I", 8) + data[at + 4 :]
        return spoiled.replace(b"\xb0\x02\0\7", b"\xb0\x09\0\7").replace(b"Item:Length", b"Item:Lungth")
    if what == "length":  # past the end, in both
        at = mpf + 50 + 16 + 4
        spoiled = data[:at] + struct.pack(">I", 1 << 30) + data[at + 4 :]
        return re.sub(rb'Item:Length="\d{4}', b'Item:Length="9999', spoiled)
    if what == "cut":
        return data[: second + 200] + b"\0" * 100 + data[second + 800 :]
    if what == "claim":
        at = data.index(b"\xff\xc0", second) + 5
        return data[:at] + b"\xff\xff\xff\xff" + data[at + 4 :]
    if what == "other size":
        at = data.index(b"\xff\xc0", second) + 5
        return data[:at] + struct.pack(">HH", 5000, 5000) + data[at + 4 :]
    iso = data.index(ISO, second) + len(ISO) + 5
    if what == "iso zero":
        return data[: iso + 4] + bytes(4) + data[iso + 8 :]
    if what == "iso huge":
        return data[: iso + 8] + b"\xff\xff\xff\xff\0\0\0\1" + data[iso + 16 :]
    if what == "hdr base":
        return data[:iso] + b"\0\x7f\0\0" + data[iso + 4 :]
    if what == "version":
        return data[: iso - 5] + b"\0\1" + data[iso - 3 :]
    number_text, without = {"nan": (b"nan", 2), "inf": (b"inf", 2), "text": (b"x.y", 2), "1e9": (b"1e9", 2)}[what]
    del without
    spoiled = data.replace(ISO, b"x" * len(ISO))
    return re.sub(rb'hdrgm:GainMapMax="[^"]*"', b'hdrgm:GainMapMax="' + number_text + b'"', spoiled)


BROKEN = ["huge", "zero", "itself", "cycle", "length", "cut", "claim", "other size", "iso zero", "iso huge", "hdr base"]


@pytest.mark.parametrize("what", [*BROKEN, "version", "nan", "inf", "text", "1e9"])
def test_a_broken_gain_map_leaves_the_photo(tmp_path: Path, data: bytes, base: np.ndarray, what: str) -> None:
    spoiled = spoil(data, what)
    assert spoiled != data
    raw = read_raw(saved(tmp_path, spoiled), report := Report())
    assert np.array_equal(raw.mosaic, base)
    assert raw.color.baseline_exposure == 0
    assert len(report.warnings) == 1
    assert "its gain map is left aside: " in report.warnings[0]


def test_spoiled_files_are_read_or_refused(tmp_path: Path, data: bytes) -> None:
    rng = np.random.default_rng(5)
    header = [*range(700), *range(data.rindex(b"\xff\xd8\xff\xe0"), len(data))]
    outcomes = set()
    for source in (data, apple(False)):
        for _ in range(80):
            spoiled = bytearray(source)
            for at in rng.choice([i for i in header if i < len(spoiled)], 6):
                spoiled[at] = rng.integers(256)
            end = len(spoiled) if rng.random() < 0.7 else int(rng.integers(4, len(spoiled)))
            path = saved(tmp_path, bytes(spoiled[:end]))
            try:
                raw = read_raw(path, report := Report())
                describe(path)
                outcomes.add("warned" if report.warnings else "read")
                assert np.isfinite(raw.color.baseline_exposure)
            except ReadError:
                outcomes.add("refused")
    assert outcomes == {"read", "warned", "refused"}


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=160))
def test_any_bytes_are_metadata_or_refused(data: bytes) -> None:
    apple_headroom(b"Apple iOS\0\0\1MM" + data)
    for read_bytes in (read_iso, lambda data: read_iso(b"\0\0\0\0" + data), lambda data: read_xmp(data, None)):
        try:
            found = read_bytes(data)
        except TiffError:
            continue
        if found is not None:
            assert np.isfinite(found.factors()).all()


@settings(max_examples=100, deadline=None)
@given(
    st.text(alphabet="0123456789.eE+-naif ", max_size=12), st.sampled_from(["Gamma", "GainMapMax", "HDRCapacityMax"])
)
def test_any_numbers_in_xmp_are_metadata_or_refused(number: str, name: str) -> None:
    said = {"GainMapMax": "2", "HDRCapacityMax": "2", "Gamma": "1", name: number}
    attributes = " ".join(f'hdrgm:{key}="{value}"' for key, value in said.items())
    packet = f'<rdf:Description xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0" {attributes}/>'
    try:
        found = read_xmp(packet.encode(), None)
    except TiffError:
        return
    assert found is not None
    assert np.isfinite(found.factors()).all()


def test_sequences_and_elements_of_xmp() -> None:
    packet = b"""<rdf:Description xmlns:gm="http://ns.adobe.com/hdr-gain-map/1.0/"><gm:Version>1.0</gm:Version>
    <gm:GainMapMax><rdf:Seq><rdf:li>1</rdf:li><rdf:li>2</rdf:li><rdf:li>3.5</rdf:li></rdf:Seq></gm:GainMapMax>
    <gm:Gamma>1.5</gm:Gamma><gm:HDRCapacityMax> 3.5 </gm:HDRCapacityMax></rdf:Description>"""
    found = read_xmp(packet, None)
    assert found is not None
    assert (found.low, found.high, found.gamma, found.headroom) == ((0,) * 3, (1, 2, 3.5), (1.5,) * 3, 3.5)
    assert (found.offset_sdr, found.offset_hdr) == ((1 / 64,) * 3, (1 / 64,) * 3)
    with pytest.raises(TiffError, match="HDR image"):
        read_xmp(
            packet.replace(b"<gm:Gamma>1.5", b"<gm:BaseRenditionIsHDR>True</gm:BaseRenditionIsHDR><gm:Gamma>1"), None
        )
    with pytest.raises(TiffError, match="incomplete"):
        read_xmp(packet.replace(b"GainMapMax", b"GainMapMost"), None)
    assert read_xmp(packet.replace(b"gm:Version", b"gm:Virsion"), None) is None
    assert replace(found, gamma=(1.0,) * 3).factors()[-1] == pytest.approx((2, 4, 2**3.5), rel=1e-6)
