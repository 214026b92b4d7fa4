"""Finished photos are framed with next to no loss."""

import io
from datetime import datetime
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageFilter

from fotohaus.errors import ReadError, WriteError
from fotohaus.framing.framed import framed
from fotohaus.metadata import Metadata
from fotohaus.modes.frame_photo import frame_photo, without_gain_map
from fotohaus.output import read_recipe, write
from fotohaus.raw import describe
from fotohaus.raw.exif import encode_exif
from fotohaus.raw.image import CaptureInfo
from fotohaus.recipe import Recipe
from fotohaus.render.gain_map import GainMap
from fotohaus.render.picture import Picture
from fotohaus.report import Report

CAPTURE = CaptureInfo(
    make="Barnes",
    model="Testcam",
    taken=datetime(2026, 1, 2, 3, 4, 5),
    iso=100,
    f_number=2.8,
    serial="SERIAL-4711",
    owner="Jane Private",
    position=(48.858, 2.2945),
)


def photo(wide: int = 437, high: int = 301) -> Image.Image:
    """Something with edges, gradients, colour and grain."""
    y, x = np.mgrid[:high, :wide]
    waves = [np.sin(x / a + y / b) for a, b in ((17, 90), (40, 23), (90, 31))]
    pixels = np.stack([128 + 90 * w + 40 * (((x // 60) + (y // 50)) % 2 - 0.5) for w in waves], -1)
    pixels += np.random.default_rng(1).normal(0, 4, pixels.shape)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.6))


def decoded(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), float)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return 10 * np.log10(255**2 / max(float(((a - b) ** 2).mean()), 1e-9))


def save(path: Path, orientation: int = 1, **options: object) -> Path:
    image = photo()
    exif = encode_exif(CAPTURE, width=image.width, height=image.height, orientation=orientation, private=True)
    image.save(path, exif=b"Exif\0\0" + exif if path.suffix == ".jpg" else exif, **options)  # type: ignore[arg-type]
    return path


def test_what_the_file_does_not_say_of_its_lens_comes_from_the_catalogue(tmp_path: Path) -> None:
    """A phone of the catalogue, its photo whole: 4096 x 3072 of 8192 x 6144 pixels, four in one."""
    capture = CaptureInfo(make="Xiaomi", model="2203121C", focal_length=8.7, f_number=1.9)
    given = tmp_path / "a.jpg"
    exif = b"Exif\0\0" + encode_exif(capture, width=4096, height=3072)
    Image.new("RGB", (4096, 3072), (90, 120, 150)).save(given, exif=exif, quality=50)
    told = describe(frame_photo(given, tmp_path / "b.jpg"))["capture"]
    assert told["focal_length_35mm_mm"] == 23
    small = Image.new("RGB", (1600, 1067), (90, 120, 150))  # a part of it, nobody knows which
    small.save(given, exif=exif, quality=50)
    assert "focal_length_35mm_mm" not in describe(frame_photo(given, tmp_path / "c.jpg"))["capture"]


@pytest.mark.parametrize("quality", [60, 85, 97])
@pytest.mark.parametrize("sampling", [0, 1, 2])
@pytest.mark.parametrize("name", ["strip", "passepartout"])
def test_a_jpeg_keeps_its_blocks(tmp_path: Path, quality: int, sampling: int, name: str) -> None:
    path = save(tmp_path / "a.jpg", quality=quality, subsampling=sampling, progressive=quality == 85)
    out = frame_photo(path, tmp_path / "b.jpg", Recipe(frame=name))
    before, after = decoded(path), decoded(out)
    with Image.open(path) as a, Image.open(out) as b:
        assert a.quantization == b.quantization
        assert a.info.get("progressive") == b.info.get("progressive")
    layout = framed(Picture(np.zeros((301, 437, 3), np.uint16), capture=CAPTURE), Recipe(frame=name)).layout
    inside = after[layout.top : layout.top + 301, layout.left : layout.left + 437]
    # At the picture's edges blocks hold paper too now, and chroma is interpolated between the two.
    core = np.s_[2:272, 2:416]
    assert psnr(inside[core], before[core]) > (50 if quality > 90 else 55)
    assert psnr(inside, before) > 40
    if quality == 60 and sampling != 1:
        assert np.array_equal(inside[core], before[core])


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_the_strip_is_below_the_picture_as_it_is_shown(tmp_path: Path, orientation: int) -> None:
    from PIL import ImageOps

    path = save(tmp_path / "a.jpg", orientation, quality=90)
    out = frame_photo(path, tmp_path / "b.jpg")
    with Image.open(path) as a, Image.open(out) as b:
        before, after = ImageOps.exif_transpose(a), ImageOps.exif_transpose(b)
        assert after.width == before.width
        assert after.height > before.height
        strip = np.asarray(after.convert("L").crop((0, before.height + 8, after.width, after.height)))
        assert np.median(strip) == 255
        assert psnr(np.asarray(after.crop((0, 0, *before.size)), float), np.asarray(before, float)) > 40


def test_private_facts_stay_out_unless_asked_for(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png", "a.tif"):
        path = save(tmp_path / name)
        plain = frame_photo(path, tmp_path / f"b{path.suffix}")
        whole = frame_photo(path, tmp_path / f"c{path.suffix}", Recipe(frame="strip"), private=True)
        assert b"SERIAL-4711" not in plain.read_bytes()
        assert b"Jane Private" not in plain.read_bytes()
        if path.suffix != ".tif":  # Pillow's TIFF has no EXIF of ours
            assert describe(plain)["camera"]["model"] == "Testcam"
            assert b"SERIAL-4711" in whole.read_bytes()
            assert describe(whole)["private"]


@pytest.mark.parametrize("kind", [".jpg", ".png", ".tif"])
def test_what_our_own_photos_were_asked_to_tell_has_to_be_asked_for_again(tmp_path: Path, kind: str) -> None:
    everything = Metadata(keep=("location", "serial", "owner"))
    picture = Picture(np.full((64, 80, 3), 30000, np.uint16), "srgb", Recipe(ev=0.5), CAPTURE)
    path = write(picture, tmp_path / f"a{kind}", metadata=everything)
    plain = frame_photo(path, tmp_path / f"b{kind}")
    told = frame_photo(path, tmp_path / f"c{kind}", metadata=everything)
    for secret in (b"SERIAL-4711", b"Jane Private", b"48,51"):
        assert secret not in plain.read_bytes()
        assert secret in path.read_bytes()
        assert secret in told.read_bytes()
    assert read_recipe(plain).ev == read_recipe(told).ev == 0.5


def test_exif_tells_the_new_size(tmp_path: Path) -> None:
    from fotohaus.raw import tags

    path = save(tmp_path / "a.jpg")
    for private in (False, True):
        out = frame_photo(path, tmp_path / "b.jpg", private=private)
        with Image.open(out) as image:
            exif = image.getexif().get_ifd(tags.EXIF_IFD)
            assert (exif[tags.PIXEL_X_DIMENSION], exif[tags.PIXEL_Y_DIMENSION]) == image.size


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_png_and_tiff_keep_every_sample(tmp_path: Path, suffix: str, bits: int) -> None:
    from fotohaus.raw.rendered import read_samples
    from fotohaus.raw.tiff import Source

    path = tmp_path / f"a{suffix}"
    if bits == 16:
        pixels = np.random.default_rng(2).integers(0, 65536, (150, 201, 3), dtype=np.uint16)
        write(Picture(pixels, "p3", Recipe(), CAPTURE), path)
    else:
        photo(201, 150).save(path)
    out = frame_photo(path, tmp_path / f"b{suffix}", Recipe(frame="caption"))
    with Source(path=path) as a, Source(path=out) as b:
        (_, before, icc), (_, after, kept) = read_samples(a), read_samples(b)
    assert after.dtype == before.dtype
    assert icc == kept
    layout = framed(Picture(np.zeros((150, 201, 3), np.uint16), capture=CAPTURE), Recipe(frame="caption")).layout
    assert np.array_equal(after[layout.top : layout.top + 150, layout.left : layout.left + 201], before)


def test_transparency_and_grey(tmp_path: Path) -> None:
    image = photo().convert("RGBA")
    image.putalpha(77)
    image.save(tmp_path / "a.png")
    photo().convert("L").save(tmp_path / "a.jpg")
    with Image.open(frame_photo(tmp_path / "a.png")) as framed_png:
        assert framed_png.mode == "RGBA"
        assert framed_png.getpixel((5, 5))[3] == 77
        assert framed_png.getpixel((5, framed_png.height - 5))[3] == 255
    with Image.open(frame_photo(tmp_path / "a.jpg")) as grey:
        assert grey.mode == "L"
        assert grey.getpixel((5, grey.height - 5)) == 255


@pytest.mark.parametrize("channels", [0, 3])
def test_the_gain_map_is_framed_and_the_strip_is_sdr_white(tmp_path: Path, channels: int) -> None:
    gain = np.full((75, 100, *([channels] if channels else [])), 200, np.uint8)
    map_ = GainMap(gain, (0.0,) * 3, (2.0,) * 3, headroom=2.0)
    pixels = np.full((300, 400, 3), 52000, np.uint16)
    path = write(Picture(pixels, "p3", Recipe(), CAPTURE, map_), tmp_path / "a.jpg")
    out = frame_photo(path, tmp_path / "b.jpg")
    before, after = (imagecodecs.ultrahdr_decode(p.read_bytes()).astype(np.float32)[..., :3] for p in (path, out))
    assert after.shape[0] > 300
    assert after[-3:, :].mean() == pytest.approx(1.0, abs=0.01)
    assert np.abs(after[:280] / before[:280] - 1).max() < 0.02
    assert before.min() > 1.5
    assert out.read_bytes().count(b"hdrgm:Version") == 2


def test_an_apple_gain_map_is_kept(shared: Path, tmp_path: Path) -> None:
    photo = shared / "formats" / "apple_gainmap_new.jpg"
    out = frame_photo(photo, tmp_path / "b.jpg")
    before, after = describe(photo), describe(out)
    assert after["gain_map"]["headroom_ev"] == pytest.approx(before["gain_map"]["headroom_ev"], abs=0.01)
    hdr = imagecodecs.ultrahdr_decode(out.read_bytes())
    assert hdr[-1, -1, :3].astype(float) == pytest.approx(1.0, abs=0.01)
    assert float(hdr[..., :3].max()) > 2


def test_packets_lose_their_gain_map_and_nothing_else() -> None:
    packet = b"""<x:xmpmeta><rdf:RDF xmlns:rdf="r"><rdf:Description xmlns:hdrgm="h"
      xmlns:Container="c" hdrgm:Version="1.0"
      xmp:Rating="3"><Container:Directory><rdf:Seq/></Container:Directory><dc:title>T</dc:title></rdf:Description>
      </rdf:RDF></x:xmpmeta>"""
    left = without_gain_map(packet)
    assert b"hdrgm:Version" not in left
    assert b"Container:Directory" not in left
    assert b'xmp:Rating="3"' in left
    assert b"<dc:title>T</dc:title>" in left
    assert without_gain_map(b"<rdf:RDF><Container:Other/></rdf:RDF>") == b""


def test_refusals_name_the_file_and_leave_nothing(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg")
    with pytest.raises(WriteError, match=r"never overwritten"):
        frame_photo(path, path)
    with pytest.raises(WriteError, match=r"JPEG again"):
        frame_photo(path, tmp_path / "b.png")
    with pytest.raises(ReadError, match=r"no frame 'gold'"):
        frame_photo(path, tmp_path / "b.jpg", Recipe(frame="gold"))
    with pytest.raises(ReadError):
        frame_photo(tmp_path / "absent.jpg")
    data = path.read_bytes()
    for name, broken in (("cut.jpg", data[: len(data) // 2]), ("no.jpg", b"\xff\xd8\xff"), ("empty.jpg", b"")):
        (tmp_path / name).write_bytes(broken)
        with pytest.raises(ReadError, match=name):
            frame_photo(tmp_path / name, tmp_path / "b.jpg")
    cmyk = io.BytesIO()
    photo().convert("CMYK").save(cmyk, "JPEG")
    (tmp_path / "cmyk.jpg").write_bytes(cmyk.getvalue())
    with pytest.raises(ReadError, match="can't be framed"):
        frame_photo(tmp_path / "cmyk.jpg", tmp_path / "b.jpg")
    assert not (tmp_path / "b.jpg").exists()
    assert not list(tmp_path.glob(".fotohaus*"))


def test_a_caption_that_can_t_be_shown_is_told(tmp_path: Path) -> None:
    report = Report()
    frame_photo(save(tmp_path / "a.jpg"), None, Recipe(frame="strip", caption="\U00013000"), report)
    assert len(report.warnings) == 1
    assert (tmp_path / "a-framed.jpg").exists()
