"""DNG files, opened by Adobe's SDK, LibRaw, tifffile and our own reader: the same samples and facts everywhere."""

import io
import json
import shutil
import subprocess
import sys
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rawpy
import tifffile
from PIL import Image

from fotohaus import kernels
from fotohaus.errors import WriteError
from fotohaus.raw import read_raw
from fotohaus.raw.dng import encode_dng, encode_opcodes
from fotohaus.raw.dng_samples import Compression, tile_side
from fotohaus.raw.image import (
    CFA_PATTERNS,
    CaptureInfo,
    CfaPattern,
    ColorCalibration,
    GainMap,
    NoiseProfile,
    OtherOpcode,
    RawImage,
    Rectangle,
)
from fotohaus.raw.opcode_types import FixVignetteRadial

SDK = """
import sys, dngpy, numpy as np
image = dngpy.Dng(sys.argv[1])
np.save(sys.argv[2], image.raw_pixels)
"""

MATRIX_1 = np.array([[1.8331, -0.8166, -0.2478], [0.1391, 0.8961, -0.0367], [0.0822, 0.1058, 0.6541]])
MATRIX_2 = np.array([[1.0344, -0.421, -0.062], [-0.2315, 1.0625, 0.1948], [0.0093, 0.1058, 0.5541]])
FORWARD = np.array([[0.6, 0.25, 0.1142], [0.25, 0.7, 0.05], [0.02, 0.1, 0.7049]])


def gain_map(top: int, left: int, height: int, width: int) -> GainMap:
    gains = np.linspace(1, 2.5, 5 * 7, dtype=np.float32).reshape(5, 7, 1)
    return GainMap(Rectangle(top, left, height - top, width - left), 2, 2, 0, 1, 0.0, 0.0, 0.25, 1 / 6, gains)


def make(height: int = 300, width: int = 420, cfa: CfaPattern | None = "RGGB", **changes: object) -> RawImage:
    rng = np.random.default_rng(height + width)
    shape = (height, width) if cfa else (height, width, 3)
    ramp = np.linspace(300, 15000, width).reshape(1, -1, *[1] * (len(shape) - 2))
    mosaic = (ramp + rng.normal(0, 60, shape)).clip(0, 16383).astype(np.uint16)
    levels = (2, 2) if cfa else (1, 3)
    raw = RawImage(
        mosaic=mosaic,
        cfa=cfa,
        black=np.array([256, 256.5, 255.25, 256] if cfa else [256] * 3, np.float32).reshape(levels),
        white=np.array([16382.5, 16383, 16381.75, 16382.5] if cfa else [16383] * 3, np.float32).reshape(levels),
        denoised=0.25,
        scale=(1.0, 1.5),
        color=ColorCalibration(
            MATRIX_1,
            17,
            MATRIX_2,
            21,
            FORWARD,
            FORWARD,
            as_shot_neutral=(0.522449, 1.0, 0.571429),
            baseline_exposure=-0.5,
        ),
        crop=Rectangle(6, 8, height - 12, width - 16),
        noise=NoiseProfile((1.5e-4, 1.6e-4, 1.7e-4), (4e-8, 5e-8, 6e-8)),
        capture=CaptureInfo(
            make="Barnes",
            model="Testcam 1",
            unique_model="Barnes Testcam 1",
            taken=datetime(2026, 1, 2, 3, 4, 5),
            exposure_time=1 / 455,
            f_number=1.9,
            iso=1600,
            frames=8,
            sources=("a.dng", "b.dng"),
            serial="SERIAL-4711",
            owner="Jane Private",
            position=(48.858, -2.2945),
        ),
    )
    return replace(raw, **changes)  # type: ignore[arg-type]


def adobe(path: Path, tmp_path: Path) -> tuple[np.ndarray, list[str]]:
    """The samples as Adobe's SDK reads them, and what it complains about."""
    pytest.importorskip("dngpy")
    out = tmp_path / "sdk.npy"
    done = subprocess.run([sys.executable, "-c", SDK, path, out], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return np.load(out), [line for line in (done.stdout + done.stderr).splitlines() if "***" in line]


def save(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "out.dng"
    path.write_bytes(data)
    return path


def same(ours: np.ndarray, theirs: np.ndarray) -> None:
    assert ours.shape == theirs.shape
    assert not (ours != theirs).any()


def variants() -> dict[str, RawImage]:
    height, width = 300, 420
    maps = tuple(gain_map(y, x, height, width) for y in (0, 1) for x in (0, 1))
    # FixVignetteRadial: five coefficients and the centre.
    vignette = FixVignetteRadial((0.1, 0, 0, 0, 0), (0.5, 0.5))
    return {
        **{cfa: make(cfa=cfa) for cfa in CFA_PATTERNS},
        "linear": make(cfa=None),
        "odd size": make(517, 1043),
        "smaller than a tile": make(40, 50),
        "one row of tiles": make(64, 1300),
        "opcodes": make(height, width, opcodes_2=maps, opcodes_3=(vignette,)),
        "sixteen bits": make(mosaic=np.random.default_rng(0).integers(0, 65536, (300, 420)).astype(np.uint16)),
        "bare": make(capture=CaptureInfo(), noise=None, color=ColorCalibration(MATRIX_1)),
        "mirrored": make(orientation=2),
        "silent noise": make(noise=NoiseProfile((0, 0, 0), (0, 0, 0))),
    }


@pytest.mark.parametrize("name", variants())
def test_adobe_reads_every_sample_and_finds_nothing_wrong(tmp_path: Path, name: str) -> None:
    raw = variants()[name]
    samples, complaints = adobe(save(tmp_path, encode_dng(raw)), tmp_path)
    # A camera that does not say what white was is allowed to.
    assert [c for c in complaints if name != "bare" or "AsShotNeutral" not in c] == []
    same(samples.reshape(raw.mosaic.shape), raw.mosaic)


@pytest.mark.parametrize("name", variants())
def test_libraw_and_tifffile_read_every_sample(tmp_path: Path, name: str) -> None:
    raw = variants()[name]
    data = encode_dng(raw)
    with rawpy.imread(io.BytesIO(data)) as image:
        same(image.raw_image[..., :3] if raw.cfa is None else image.raw_image, raw.mosaic)
        if raw.cfa:
            letters = "".join(image.color_desc.decode()[i] for i in image.raw_pattern.ravel())
            assert letters == raw.cfa
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        same(file.pages[0].asarray(), raw.mosaic)


@pytest.mark.parametrize("name", [n for n in variants() if n != "silent noise"])
def test_our_own_reader_gives_the_same_raw_image(tmp_path: Path, name: str) -> None:
    raw = variants()[name]
    again = read_raw(save(tmp_path, encode_dng(raw)), off=("opcodes",))
    assert np.array_equal(again.mosaic, raw.mosaic)
    assert (again.cfa, again.crop, again.orientation) == (raw.cfa, raw.crop, raw.orientation)
    assert np.array_equal(again.black, raw.black)
    assert np.array_equal(again.white, raw.white)
    assert again.denoised == pytest.approx(raw.denoised, abs=1e-6)
    assert again.scale == raw.scale
    if raw.noise:
        assert again.noise is not None
        assert (again.noise.scale, again.noise.offset) == (raw.noise.scale, raw.noise.offset)
    for field in fields(ColorCalibration):
        ours, theirs = getattr(raw.color, field.name), getattr(again.color, field.name)
        if field.name in ("illuminant_whites", "camera_calibrations"):
            continue
        assert (ours is None) == (theirs is None), field.name
        assert ours is None or np.allclose(ours, theirs, atol=1e-6), field.name
    for name_of in ("opcodes_1", "opcodes_2", "opcodes_3"):
        assert encode_opcodes(getattr(again, name_of)) == encode_opcodes(getattr(raw, name_of))
    if raw.capture.make:
        assert again.capture.exposure_time == pytest.approx(1 / 455)
        assert (again.capture.taken, again.capture.iso) == (raw.capture.taken, 1600)


def test_opcode_bytes_of_a_real_file_come_back_exactly(shared: Path) -> None:
    path = shared / "raw" / "gopro_hero6_mural.dng"
    with tifffile.TiffFile(path) as file:
        stored = file.pages[0].tags[51009].value
    assert encode_opcodes(read_raw(path).opcodes_2) == stored


@pytest.mark.parametrize("name", ["gopro_hero6_mural", "gopro_fusion_front", "canon_colorchecker"])
def test_real_files_go_through_unharmed(shared: Path, tmp_path: Path, name: str) -> None:
    path = shared / "raw" / f"{name}.dng"
    raw = read_raw(path)
    samples, complaints = adobe(save(tmp_path, encode_dng(raw)), tmp_path)
    assert np.array_equal(samples.reshape(raw.mosaic.shape), raw.mosaic)
    # As they are, the SDK finds too little padding, edge by edge: they have no pixels beyond the crop.
    assert complaints == []


@pytest.mark.parametrize("compression", ["jxl", "none"])
@pytest.mark.parametrize("name", ["GRBG", "linear", "odd size", "smaller than a tile", "opcodes", "sixteen bits"])
def test_other_compressions_keep_every_sample(tmp_path: Path, name: str, compression: Compression) -> None:
    raw = variants()[name]
    data = encode_dng(raw, compression=compression)
    samples, complaints = adobe(save(tmp_path, data), tmp_path)
    assert complaints == []
    same(samples.reshape(raw.mosaic.shape), raw.mosaic)
    same(read_raw(tmp_path / "out.dng", off=("opcodes",)).mosaic, raw.mosaic)
    if compression == "none":
        with rawpy.imread(io.BytesIO(data)) as image:
            same(image.raw_image[..., :3] if raw.cfa is None else image.raw_image, raw.mosaic)


def test_jpeg_xl_may_lose_less_than_the_noise(tmp_path: Path) -> None:
    raw = make(517, 1043)
    whole, less = encode_dng(raw, compression="jxl"), encode_dng(raw, compression="jxl", distance=0.05)
    assert len(less) < 0.8 * len(whole) < 0.8 * len(encode_dng(raw))
    samples, complaints = adobe(save(tmp_path, less), tmp_path)
    assert complaints == []
    ours = read_raw(tmp_path / "out.dng").mosaic
    # Two versions of one decoder of floats.
    assert np.abs(samples.reshape(ours.shape).astype(int) - ours).max() <= 1
    # The samples have the whole of 16 bits now; before, the noise's deviation was 60.
    scale = 65535 / raw.white.max()
    lost = ours / scale - raw.mosaic
    assert 0 < lost.std() < 20
    assert abs(lost.mean()) < 0.5
    linear = make(cfa=None)
    same(read_raw(save(tmp_path, encode_dng(linear, compression="jxl", distance=1))).mosaic, linear.mosaic)


def test_a_digest_that_is_wrong_is_seen(tmp_path: Path) -> None:
    for compression in ("lossless", "jxl"):
        data = bytearray(encode_dng(make(), compression=compression))  # type: ignore[arg-type]
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            data[file.pages[0].tags[51111].valueoffset] ^= 1
        _, complaints = adobe(save(tmp_path, bytes(data)), tmp_path)
        assert "NewRawImageDigest does not match" in complaints[0]


def test_tiles_are_those_that_libraw_reads() -> None:
    for length in range(16, 6000):
        side = tile_side(length)
        assert side % 16 == 0
        assert side <= length
        assert side <= 512
        assert 2 * side != length
        assert -(-length // side) * side < length + 16 * -(-length // side)


@pytest.mark.parametrize(("height", "width"), [(640, 480), (480, 640), (300, 1024), (1100, 512), (400, 96), (100, 992)])
def test_libraw_reads_every_width(tmp_path: Path, height: int, width: int) -> None:
    raw = make(height, width)
    data = encode_dng(raw)
    with rawpy.imread(io.BytesIO(data)) as image:
        same(image.raw_image, raw.mosaic)
    if shutil.which("unprocessed_raw"):  # LibRaw's own, of another age than rawpy's
        save(tmp_path, data)
        subprocess.run(["unprocessed_raw", "-T", tmp_path / "out.dng"], capture_output=True, check=True)
        same(tifffile.imread(tmp_path / "out.dng.tiff"), raw.mosaic)


def test_a_thumbnail_comes_first_and_a_preview_last(tmp_path: Path) -> None:
    raw = make()
    y, x = np.mgrid[:400, :600]
    preview = np.stack([x * 0.4, y * 0.6, 128 + 0 * x], axis=-1).astype(np.uint8)
    data = encode_dng(raw, preview=preview)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        first = file.pages[0]
        assert first.shape == (171, 256, 3)
        assert np.abs(first.asarray()[::10, ::16].astype(int) - preview[1::23, 1::37][:18, :16]).mean() < 4
        main, last = first.pages
        same(main.asarray(), raw.mosaic)
        assert 51041 in main.tags  # NoiseProfile
        assert np.abs(last.asarray().astype(int) - preview).mean() < 3
        assert [page.tags[254].value for page in (first, main, last)] == [1, 0, 1]
    samples, complaints = adobe(save(tmp_path, data), tmp_path)
    assert complaints == []
    assert np.array_equal(samples[..., 0], raw.mosaic)
    assert np.array_equal(read_raw(tmp_path / "out.dng").mosaic, raw.mosaic)
    with rawpy.imread(io.BytesIO(data)) as image:
        same(image.raw_image, raw.mosaic)
        shown = image.extract_thumb()
        with Image.open(io.BytesIO(shown.data)) as picture:
            assert picture.size == (600, 400)


def test_exiftool_finds_nothing_wrong(tmp_path: Path) -> None:
    program = shutil.which("exiftool")
    if program is None:
        pytest.skip("exiftool is not installed")
    preview = np.zeros((64, 96, 3), np.uint8)
    for data in (
        encode_dng(make()),
        encode_dng(make(cfa=None)),
        encode_dng(make(), preview=preview, xmp=b"<x/>"),
        encode_dng(make(), compression="none"),
    ):
        path = save(tmp_path, data)
        command = [program, "-j", "-validate", "-warning", "-a", path]
        told = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)[0]
        assert told["Validate"] == "OK", told


@pytest.mark.parametrize("cfa", ["RGGB", None])
@pytest.mark.parametrize("program", ["darktable-cli", "rawtherapee-cli"])
def test_raw_developers_open_it(tmp_path: Path, program: str, cfa: CfaPattern | None) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    path, out = save(tmp_path, encode_dng(make(cfa=cfa))), tmp_path / "out.jpg"
    arguments = {
        "darktable-cli": [path, out, "--core", "--configdir", tmp_path / "config", "--library", ":memory:"],
        "rawtherapee-cli": ["-q", "-o", out, "-c", path],
    }
    command = [program, *map(str, arguments[program])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert out.exists(), done.stdout + done.stderr
    with Image.open(out) as image:
        assert image.width > 380
        # The ramp of the mosaic, from left to right.
        line = np.asarray(image.convert("L"), float).mean(axis=0)
        assert line[-40:].mean() > line[:40].mean() + 50


def test_a_reader_must_be_new_enough_for_what_it_may_not_skip() -> None:
    def needed(raw: RawImage, **options: Any) -> bytes:
        with tifffile.TiffFile(io.BytesIO(encode_dng(raw, **options))) as file:
            assert bytes(file.pages[0].tags[50706].value) >= bytes(file.pages[0].tags[50707].value)
            return bytes(file.pages[0].tags[50707].value)

    must = OtherOpcode(1, 0x01030000, 0, bytes(8))
    assert needed(make()) == bytes([1, 1, 0, 0])
    assert needed(make(opcodes_3=(must,))) == bytes([1, 3, 0, 0])
    assert needed(make(opcodes_3=(replace(must, flags=1),))) == bytes([1, 1, 0, 0])
    assert needed(make(), compression="jxl") == bytes([1, 7, 1, 0])
    own = replace(make().color, illuminant_1=255, illuminant_whites=((0.35, 0.36), None, None))
    assert needed(make(color=own)) == bytes([1, 6, 0, 0])
    third = replace(make().color, color_matrix_3=MATRIX_2, illuminant_3=23)
    assert needed(make(color=third)) == bytes([1, 1, 0, 0])
    assert encode_dng(make(color=third)).index(bytes([1, 6, 0, 0])) < 1000  # DNGVersion, in the head


def test_nothing_private_goes_in() -> None:
    data = encode_dng(make())
    for secret in (b"SERIAL-4711", b"Jane Private"):
        assert secret not in data
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        assert 34853 not in file.pages[0].tags


@pytest.mark.parametrize("compression", ["lossless", "jxl"])
def test_the_same_raw_image_makes_the_same_bytes(compression: Compression) -> None:
    made = []
    for threads in (1, 2):
        kernels.set_threads(threads)
        made.append(encode_dng(make(600, 900), compression=compression))
    kernels.set_threads(0)
    assert made[0] == made[1]


@pytest.mark.parametrize(
    "options", [{"distance": 4}, {"distance": float("nan")}, {"preview": np.zeros((4, 4), np.uint8)}]
)
def test_impossible_choices_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(WriteError, match="not expressible as DNG"):
        encode_dng(make(), **options)


@pytest.mark.parametrize(
    "changes",
    [
        {"color": ColorCalibration(np.full((3, 3), np.nan))},
        {"color": ColorCalibration(MATRIX_1, as_shot_neutral=(np.inf, 1.0, 1.0))},
        {"white": np.full((2, 2), 100, np.float32)},
        {"white": np.full((2, 2), np.nan, np.float32)},
        {"mosaic": np.zeros((0, 10), np.uint16)},
        {"mosaic": np.zeros((300, 420), np.float64)},
        {"mosaic": np.zeros((300, 420, 3), np.uint16)},
        {"crop": Rectangle(-5, 0, 10, 10)},
        {"orientation": 100_000},
    ],
)
def test_what_dng_cannot_hold_is_refused_in_one_line(changes: dict[str, object]) -> None:
    with pytest.raises(WriteError, match="not expressible as DNG") as caught:
        encode_dng(make(**changes))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
