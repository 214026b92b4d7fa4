"""Finished photos as linear raw: light, colour, orientation, and what is refused."""

import io
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from fotohaus.errors import ReadError
from fotohaus.output.icc import profile
from fotohaus.raw import expand_sources, read_raw
from fotohaus.raw.describe_file import describe
from fotohaus.raw.exif import encode_exif
from fotohaus.raw.image import CaptureInfo, RawImage
from fotohaus.raw.rendered import read_samples
from fotohaus.raw.rendered_profile import read_rgb_profile
from fotohaus.raw.tiff import Source
from fotohaus.report import Report
from fotohaus.srgb import decode_srgb


def colors(depth: int = 8) -> np.ndarray:
    """A smooth picture with every hue."""
    y, x = np.mgrid[0:48, 0:64] / (48, 64)[0]
    rgb = np.stack([x / x.max(), y / y.max(), 1 - x / x.max()], -1)
    return np.rint(rgb * (2**depth - 1)).astype(np.uint8 if depth == 8 else np.uint16)


def save(path: Path, picture: np.ndarray, icc: bytes | None = None, **options: Any) -> Path:
    if path.suffix == ".jpg":
        Image.fromarray(picture).save(path, quality=100, subsampling=0, icc_profile=icc, **options)
    elif path.suffix == ".png" and picture.dtype == np.uint8:
        Image.fromarray(picture).save(path, icc_profile=icc, **options)
    elif path.suffix == ".png":
        path.write_bytes(imagecodecs.png_encode(picture))
    else:
        tifffile.imwrite(path, picture, photometric="rgb", iccprofile=icc, **options)
    return path


@pytest.mark.parametrize(("name", "depth"), [("a.jpg", 8), ("a.png", 8), ("a.png", 16), ("a.tif", 8), ("a.tif", 16)])
def test_samples_become_light(tmp_path: Path, name: str, depth: int) -> None:
    picture = colors(depth)
    raw = read_raw(save(tmp_path / name, picture))
    assert (raw.mosaic.dtype, raw.mosaic.shape, raw.cfa, raw.rendered) == (np.uint16, (48, 64, 3), None, True)
    light = decode_srgb(picture / (2**depth - 1))
    tolerance = 0.03 if name == "a.jpg" else 1.0 / 65535
    assert np.abs(raw.mosaic / 65535 - light).max() <= tolerance


def neutral_and_primaries(raw: RawImage) -> np.ndarray:
    """Columns: XYZ of the primaries, by the calibration."""
    return np.linalg.inv(raw.color.color_matrix_1)


def test_a_wide_profile_is_taken_for_what_it_says(tmp_path: Path) -> None:
    srgb = read_raw(save(tmp_path / "s.png", colors(), profile("srgb")))
    plain = read_raw(save(tmp_path / "n.png", colors()))
    wide = read_raw(save(tmp_path / "w.jpg", colors(), profile("p3")))
    assert neutral_and_primaries(srgb) == pytest.approx(neutral_and_primaries(plain), abs=2e-3)
    red = neutral_and_primaries(wide)[:, 0]
    assert red[:2] / red.sum() == pytest.approx((0.680, 0.320), abs=2e-3)
    assert neutral_and_primaries(wide).sum(1) == pytest.approx((0.9505, 1, 1.089), abs=3e-3)


def test_curves_of_all_kinds(shared: Path) -> None:
    own = read_rgb_profile(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    assert own is not None
    code = np.linspace(0, 1, 100)
    assert own.curves[0](code) == pytest.approx(decode_srgb(code), abs=1e-3)
    found = [read_rgb_profile(path.read_bytes()) for path in sorted((shared / "icc").rglob("*.ic[cm]"))]
    assert any(found)
    for space in filter(None, found):
        for curve in space.curves:
            assert curve(np.array([0.0, 1.0])) == pytest.approx((0, 1), abs=1e-3)
            assert (np.diff(curve(code)) >= 0).all()


def test_a_profile_that_is_none_is_told(tmp_path: Path) -> None:
    report = Report()
    raw = read_raw(save(tmp_path / "a.jpg", colors(), b"nonsense" * 30), report)
    assert raw.mosaic.any()
    assert len(report.warnings) == 1
    assert "colour profile" in report.warnings[0]


@pytest.mark.parametrize("cut", range(0, 600, 37))
def test_damaged_profiles_are_no_profiles(cut: int) -> None:
    whole = profile("srgb")
    read_rgb_profile(whole[:cut])
    rng = np.random.default_rng(cut)
    spoiled = bytearray(whole)
    for at in rng.integers(0, len(whole), 20):
        spoiled[at] = rng.integers(256)
    read_rgb_profile(bytes(spoiled))


def test_gray_and_transparent_pictures(tmp_path: Path) -> None:
    Image.fromarray(colors()[..., 0]).save(tmp_path / "gray.jpg", quality=100)
    gray = read_raw(tmp_path / "gray.jpg").mosaic
    assert (gray == gray[..., :1]).all()
    report = Report()
    alpha = np.dstack([colors(), np.full((48, 64), 99, np.uint8)])
    Image.fromarray(alpha).save(tmp_path / "alpha.png")
    assert np.array_equal(
        read_raw(tmp_path / "alpha.png", report).mosaic, read_raw(save(tmp_path / "a.png", colors())).mosaic
    )
    assert "transparency" in report.warnings[0]


def test_tiff_as_programs_compress_it(tmp_path: Path) -> None:
    plain = read_raw(save(tmp_path / "plain.tif", colors())).mosaic
    for i, options in enumerate(({"compression": "zlib", "predictor": 2}, {"compression": "lzw"}, {"tile": (16, 16)})):
        assert np.array_equal(read_raw(save(tmp_path / f"{i}.tif", colors(), **options)).mosaic, plain)
    with pytest.raises(ReadError, match="32 bits per floating-point sample"):
        read_raw(save(tmp_path / "f.tif", colors().astype(np.float32)))


@pytest.mark.parametrize("compression", ["lzw", "packbits"])
@pytest.mark.parametrize("depth", [8, 16])
def test_lzw_and_packbits(tmp_path: Path, compression: str, depth: int) -> None:
    plain = read_raw(save(tmp_path / "plain.tif", colors(depth))).mosaic
    for predictor in (None, 2) if compression == "lzw" else (None,):
        packed = save(tmp_path / "packed.tif", colors(depth), compression=compression, predictor=predictor)
        assert np.array_equal(read_raw(packed).mosaic, plain)
    data = packed.read_bytes()
    (tmp_path / "cut.tif").write_bytes(data.replace(data[300:900], bytes(600)))
    with pytest.raises(ReadError, match="damaged"):
        read_raw(tmp_path / "cut.tif")


def test_an_lzw_tiff_is_turned_once(tmp_path: Path) -> None:
    file = save(tmp_path / "turned.tif", colors(), compression="lzw", extratags=[(274, "H", 1, 6, True)])
    raw = read_raw(file)
    assert raw.orientation == 6
    assert raw.mosaic.shape == colors().shape


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_jpeg_in_tiff_with_shared_tables(tmp_path: Path, mode: str) -> None:
    """As libtiff writes it: YCbCr, tables once for all strips."""
    path = tmp_path / "a.tif"
    smooth = Image.fromarray(np.random.default_rng(1).integers(0, 256, (5, 6, 3), np.uint8)).resize((120, 900))
    smooth.convert(mode).save(path, compression="jpeg", quality=90)
    with tifffile.TiffFile(path) as tiff:
        assert 347 in tiff.pages[0].tags
        assert len(tiff.pages[0].dataoffsets) > 1
    with Source(path=path) as source:
        np.testing.assert_array_equal(read_samples(source)[1], np.asarray(Image.open(path)))
    assert describe(path)["format"] == "TIFF"


def test_jpeg_in_tiff_of_what_its_fields_say(tmp_path: Path) -> None:
    """RGB is not converted, grey may be lossless, and an even picture takes next to nothing."""
    path = tmp_path / "a.tif"
    colors = np.repeat(np.repeat(np.arange(192, dtype=np.uint8).reshape(8, 8, 3), 16, 0), 16, 1)
    tifffile.imwrite(path, colors, photometric="rgb", compression="jpeg", compressionargs={"level": 99})
    with Source(path=path) as source:
        assert np.abs(read_samples(source)[1].astype(int) - colors).max() <= 3
    tifffile.imwrite(
        path, colors[..., 0], photometric="minisblack", compression="jpeg", compressionargs={"lossless": 1}
    )
    with Source(path=path) as source:
        np.testing.assert_array_equal(read_samples(source)[1], colors[..., 0])
    tifffile.imwrite(path, np.full((800, 800), 7, np.uint8), compression="jpeg")
    assert path.stat().st_size < 800 * 800 / 8
    with Source(path=path) as source:
        assert (read_samples(source)[1] == 7).all()


@pytest.mark.parametrize("order", ["<", ">"])
def test_bigtiff(tmp_path: Path, order: Any) -> None:
    path = tmp_path / "a.tif"
    samples = np.arange(180, dtype=np.uint16).reshape(6, 10, 3) * 300
    tifffile.imwrite(path, samples, photometric="rgb", bigtiff=True, byteorder=order)
    with Source(path=path) as source:
        np.testing.assert_array_equal(read_samples(source)[1], samples)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("inverted grey", {"photometric": "miniswhite"}),
        ("palette colours", {"photometric": "palette", "colormap": np.zeros((3, 256), np.uint16)}),
        ("CMYK", {"photometric": "separated"}),
        ("a preview alone", {"photometric": "minisblack", "subfiletype": 1}),
        ("samples of an unknown kind", {"photometric": "logl"}),
        ("a raw mosaic", {"photometric": "cfa"}),
    ],
)
def test_what_a_tiff_is_that_is_not_read(tmp_path: Path, kind: str, options: dict[str, Any]) -> None:
    path = tmp_path / "a.tif"
    shape = (8, 8, 4) if kind == "CMYK" else (8, 8)
    tifffile.imwrite(path, np.zeros(shape, np.uint8), **options)
    for reader in (read_raw, describe):
        with pytest.raises(ReadError, match=f"TIFF image of {kind}: RGB and grey"):
            reader(path)


def test_bytes_between_segments_are_gone_over(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    Image.fromarray(colors()).save(file, quality=95)
    data = file.read_bytes()
    first = 4 + int.from_bytes(data[4:6], "big")
    (tmp_path / "b.jpg").write_bytes(data[:first] + b'="w"?>\0\xff' + data[first:])
    assert np.array_equal(read_raw(tmp_path / "b.jpg").mosaic, read_raw(file).mosaic)


def test_an_odd_png_is_read_without_a_word(tmp_path: Path) -> None:
    plain = read_raw(save(tmp_path / "a.png", colors())).mosaic
    data = (tmp_path / "a.png").read_bytes()
    odd = b"\0\0\0\1sRGB\0" + zlib.crc32(b"sRGB\0").to_bytes(4, "big")
    (tmp_path / "b.png").write_bytes(data[:33] + 2 * odd + data[33:])  # said twice
    assert np.array_equal(read_raw(tmp_path / "b.png").mosaic, plain)
    code = f"from fotohaus.raw import read_raw; read_raw({str(tmp_path / 'b.png')!r})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stderr == b""


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (UnicodeDecodeError("utf-8", b"\xf3", 0, 1, "no"), "a chunk makes no sense"),
        (ValueError("pt\x13+6\x7f"), "a chunk makes no sense"),
        (ValueError(""), "a chunk makes no sense"),
        (ValueError("0"), "a chunk makes no sense"),
        (ValueError("IDAT: CRC error"), "IDAT: CRC error"),
    ],
)
def test_a_png_decoders_reason_that_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    """libpng's reasons are gone when imagecodecs reads them: bytes of anything stand in their place."""

    def fail(data: bytes) -> None:
        raise error

    path = tmp_path / "a.png"
    Image.new("L", (4, 4)).save(path)
    monkeypatch.setattr(imagecodecs, "png_decode", fail)
    with pytest.raises(ReadError) as found:
        read_raw(path)
    assert str(found.value) == f"{path}: is damaged: {reason}"


def test_exif_is_taken(tmp_path: Path) -> None:
    info = CaptureInfo(make="Maker", model="One", exposure_time=0.01, iso=400)
    block = encode_exif(info, width=64, height=48, orientation=6)
    raw = read_raw(save(tmp_path / "a.jpg", colors(), exif=b"Exif\0\0" + block))
    assert raw.orientation == 6
    assert (raw.capture.model, raw.capture.iso, raw.capture.sources) == ("One", 400, ("a.jpg",))


def test_a_folder_has_photos_only_where_it_has_no_raw_files(tmp_path: Path) -> None:
    photos = [save(tmp_path / name, colors()) for name in ("1.jpg", "2.JPG", "10.png")]
    (tmp_path / "notes.txt").touch()
    assert expand_sources([tmp_path]) == photos
    (tmp_path / "1.dng").write_bytes(b"raw")
    assert expand_sources([tmp_path]) == [tmp_path / "1.dng"]


def bad_photos() -> dict[str, bytes]:
    out = io.BytesIO()
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (200, 300, 3), np.uint8)).save(out, "JPEG")
    whole = out.getvalue()
    start = whole.index(b"\xff\xc0")
    claim = whole[: start + 5] + b"\xff\xff\xff\xff" + whole[start + 9 :]
    cmyk = io.BytesIO()
    Image.new("CMYK", (20, 20)).save(cmyk, "JPEG")
    png = imagecodecs.png_encode(rng.integers(0, 255, (200, 300, 3), np.uint8))
    return {
        "half.jpg": whole[: len(whole) // 2],
        "claim.jpg": claim,
        "cmyk.jpg": cmyk.getvalue(),
        "head.jpg": whole[:20],
        "half.png": png[: len(png) // 2],
        "head.png": png[:20],
        "claim.png": png[:16] + b"\x0f\xff\xff\xff\x0f\xff\xff\xff" + png[24:],
    }


def test_a_jpeg_of_more_bits_is_not_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "twelve.jpg"
    path.write_bytes(imagecodecs.jpeg8_encode(np.full((16, 16, 3), 2000, np.uint16), bitspersample=12))
    with pytest.raises(ReadError) as error:
        read_raw(path)
    assert error.value.reason == "has samples of 12 bits, which is not supported in a JPEG"


@pytest.mark.parametrize("name", [*bad_photos()])
def test_bad_photos_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(bad_photos()[name])
    with pytest.raises(ReadError, match=name) as error:
        read_raw(tmp_path / name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif"])
def test_spoiled_bytes_are_read_or_refused(tmp_path: Path, name: str) -> None:
    whole = save(tmp_path / name, colors(), profile("p3")).read_bytes()
    rng = np.random.default_rng(1)
    for _ in range(60):
        spoiled = bytearray(whole[: rng.integers(len(whole) // 2, len(whole) + 1)])
        for at in rng.integers(0, len(spoiled), 4):
            spoiled[at] = rng.integers(256)
        (tmp_path / name).write_bytes(spoiled)
        try:
            raw = read_raw(tmp_path / name)
        except ReadError:
            continue
        assert raw.mosaic.shape[2] == 3
