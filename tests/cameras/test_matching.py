"""Files find their camera, and get what they lack and nothing else."""

import subprocess
import sys
from dataclasses import replace

import pytest

from fotohaus.cameras import complete, known_noise, lacks, match
from fotohaus.cameras.matching import crop_of
from fotohaus.raw.image import CaptureInfo
from fotohaus.report import Report

ULTRA = CaptureInfo(make="Xiaomi", model="2203121C")


def named(capture: CaptureInfo, size: tuple[int, int] | None = None) -> str | None:
    found = match(capture, size)
    return None if found is None or found.camera is None else found.camera.camera


@pytest.mark.parametrize(
    "capture",
    [
        ULTRA,
        CaptureInfo(make="XIAOMI", model="2203121c"),
        CaptureInfo(make="Xiaomi", model="Xiaomi 12S Ultra"),
        CaptureInfo(make="Xiaomi", model="12S Ultra"),
        CaptureInfo(unique_model="Xiaomi 2203121C"),
        CaptureInfo(model="Xiaomi 12S Ultra"),
    ],
)
def test_a_phone_is_known_by_code_and_name(capture: CaptureInfo) -> None:
    found = match(capture)
    assert found is not None
    assert found.phone == "Xiaomi 12S Ultra"
    assert found.camera is None


@pytest.mark.parametrize(
    "capture",
    [
        CaptureInfo(),
        CaptureInfo(make="Xiaomi"),
        CaptureInfo(model="2203121C"),  # a code without a make is anybody's
        CaptureInfo(make="Canon", model="2203121C"),
        CaptureInfo(make="Canon", model="Canon EOS R5"),
        CaptureInfo(make="fotohaus", model="simulated"),
        CaptureInfo(make="|", model="\t\n"),
        CaptureInfo(make="Xiaomi", model=""),
        CaptureInfo(make="", model="", unique_model=""),
    ],
)
def test_others_are_not(capture: CaptureInfo) -> None:
    assert match(capture) is None
    assert complete(capture) is capture


@pytest.mark.parametrize(
    ("facts", "camera"),
    [
        ({"f_number": 1.9}, "main"),
        ({"f_number": 1.88}, "main"),
        ({"f_number": 2.2}, "ultra-wide"),
        ({"f_number": 4.1}, "tele"),
        ({"f_number": 2.4}, None),  # the front camera's
        ({"focal_length": 8.7}, "main"),
        ({"focal_length": 22.0}, "tele"),
        ({"focal_length": 5.0}, None),
        ({"focal_length_35mm": 23.0}, "main"),
        ({"focal_length_35mm": 120.0}, "tele"),
        ({"lens_model": "Xiaomi back camera 2.4mm f/2.2"}, "ultra-wide"),
        ({"lens_model": "Xiaomi front camera 3mm f/1.9", "f_number": 1.9}, None),
        ({"focal_length": 8.7, "f_number": 4.1}, None),  # contradicts itself
        ({"f_number": 1.9, "focal_length_35mm": 46.0}, "main"),  # zoomed
    ],
)
def test_the_camera_is_told_by_what_there_is(facts: dict[str, object], camera: str | None) -> None:
    assert named(replace(ULTRA, **facts)) == camera  # type: ignore[arg-type]


def test_the_size_tells_the_camera() -> None:
    assert named(ULTRA, (4096, 3072)) == "main"
    assert named(ULTRA, (3072, 4096)) == "main"
    assert named(ULTRA, (8192, 6144)) == "main"
    assert named(ULTRA, (4000, 3000)) is None  # there are two such
    assert named(replace(ULTRA, f_number=4.1), (4000, 3000)) == "tele"


def test_a_range_of_apertures() -> None:
    phone = CaptureInfo(make="Xiaomi", model="24031PN0DC")
    assert named(replace(phone, focal_length=8.7, f_number=2.8)) == "main"
    done = complete(replace(phone, focal_length=8.7))
    assert done.f_number is None
    assert done.focal_length_35mm == pytest.approx(23, abs=0.5)


def test_an_ultra_is_completed() -> None:
    report = Report()
    capture = replace(ULTRA, f_number=1.9, iso=50, serial="1")
    done = complete(capture, (4096, 3072), report)
    assert done == replace(capture, focal_length=8.7, focal_length_35mm=23.0, lens_model="Xiaomi 12S Ultra main camera")
    [stage] = report.stages
    assert stage.name == "catalogue"
    [note] = stage.notes
    assert "8.7 mm" in note
    assert "by aperture" in note


def test_nothing_is_changed() -> None:
    capture = replace(ULTRA, f_number=1.9, focal_length=8.5, focal_length_35mm=25.0, lens_model="mine", lens_make="me")
    assert not lacks(capture)
    assert complete(capture) is capture
    done = complete(replace(capture, lens_model=None), (4096, 3072))
    assert done == replace(capture, lens_model="Xiaomi 12S Ultra main camera")


def test_a_crop_is_true() -> None:
    capture = replace(ULTRA, f_number=1.9)
    wide = complete(capture, (4096, 2304)).focal_length_35mm  # 16:9 of the binned sensor
    assert wide == pytest.approx(23 * 5120 / 4699.6, rel=0.005)
    assert complete(capture, (2304, 4096)).focal_length_35mm == wide
    assert complete(capture, (1000, 700)).focal_length_35mm is None
    assert complete(capture, (1000, 700)).focal_length == 8.7
    assert complete(capture).focal_length_35mm == 23


@pytest.mark.parametrize(
    ("size", "scale"),
    [
        ((4000, 3000), 1.0),
        ((3000, 4000), 1.0),
        ((8000, 6000), 1.0),
        ((3984, 2988), 1.0),
        ((4000, 2250), 5000 / 4589.4),
        ((3000, 3000), 5000 / 4242.6),
        ((2000, 1500), 1.0),  # 4 x 4 binned
        ((5000, 3000), None),
        ((123, 45), None),
        ((9000, 6000), None),
        ((1, 1), None),
    ],
)
def test_crops(size: tuple[int, int], scale: float | None) -> None:
    assert crop_of(size, (8000, 6000)) == (None if scale is None else pytest.approx(scale, rel=1e-3))
    assert crop_of(size, None) == crop_of(None, (8000, 6000)) == 1


def test_unverified_and_disputed_facts_are_not_filled() -> None:
    # The OnePlus 12's lenses are unverified, the 12S Pro's wide aperture and the S22 Ultra's length disputed.
    assert complete(CaptureInfo(make="OnePlus", model="CPH2581", focal_length_35mm=23.0)).focal_length is None
    wide = complete(CaptureInfo(make="Xiaomi", model="2206122SC", focal_length_35mm=14.0))
    assert wide.lens_model == "Xiaomi 12S Pro ultra-wide camera"
    assert wide.f_number is None
    assert wide.focal_length == 2.16
    main = complete(CaptureInfo(make="samsung", model="SM-S908B", f_number=1.8))
    assert main.lens_model == "Samsung Galaxy S22 Ultra main camera"
    assert main.focal_length is None
    assert main.focal_length_35mm is None


def test_a_12s_is_completed() -> None:
    phone = CaptureInfo(make="Xiaomi", model="2206123SC")
    done = complete(replace(phone, f_number=1.9), (4096, 3072))
    assert (done.focal_length, done.focal_length_35mm) == (6.92, 24)
    assert named(replace(phone, f_number=2.4)) is None  # two have it
    assert named(replace(phone, f_number=2.4), (4208, 3120)) == "ultra-wide"
    assert named(replace(phone, f_number=2.4), (2592, 1944)) == "macro"


@pytest.mark.parametrize(
    ("make", "model", "phone"),
    [
        ("samsung", "SM-S908B", "Samsung Galaxy S22 Ultra"),
        ("samsung", "SM-S918U1", "Samsung Galaxy S23 Ultra"),
        ("samsung", "SCG26", "Samsung Galaxy S24 Ultra"),
        ("samsung", "Galaxy S24 Ultra", "Samsung Galaxy S24 Ultra"),
        ("Apple", "iPhone 13 Pro", "Apple iPhone 13 Pro and Pro Max"),
        ("Apple", "iPhone14,2", "Apple iPhone 13 Pro and Pro Max"),
        ("Google", "Pixel 7 Pro", "Google Pixel 7 Pro"),
        ("Xiaomi", "2206122SC", "Xiaomi 12S Pro"),
        ("Xiaomi", "M2102K1G", "Xiaomi Mi 11 Ultra"),
        ("XIAOMI", "22200414R", "Xiaomi 12T Pro"),
        ("OnePlus", "NE2213", "OnePlus 10 Pro"),
    ],
)
def test_regional_models(make: str, model: str, phone: str) -> None:
    found = match(CaptureInfo(make=make, model=model))
    assert found is not None
    assert found.phone == phone


def test_other_makers() -> None:
    phone = CaptureInfo(make="Google", model="Pixel 7 Pro", lens_model="Pixel 7 Pro back camera 19.0mm f/3.5")
    assert named(phone) == "tele"
    assert complete(phone).focal_length_35mm == 120
    assert named(CaptureInfo(make="Apple", model="iPhone 13 Pro Max", focal_length=9.0)) == "tele"
    drone = CaptureInfo(make="Hasselblad", model="L2D-20c", focal_length=12.29)
    assert complete(drone).focal_length_35mm == 24
    assert complete(drone).lens_model is None  # its only one
    alike = CaptureInfo(make="Google", model="Pixel 4 XL", f_number=1.73)
    assert complete(alike).lens_model == "Pixel 4 XL main camera"


def test_a_gopro_stays_as_it_is() -> None:
    hero = CaptureInfo(make="GoPro", model="HERO6 Black", focal_length=3.0, focal_length_35mm=15.0, f_number=2.8)
    report = Report()
    assert complete(hero, (4000, 3000), report) == hero
    assert report.stages == []


def test_noise_grows_with_the_sensitivity() -> None:
    capture = CaptureInfo(make="GoPro", model="HERO6 Black", iso=400)
    noise = known_noise(capture, (4000, 3000))
    assert noise is not None
    assert noise.source == "catalogue"
    assert noise.scale == pytest.approx((4 * 1.56201e-4,) * 3)
    assert noise.offset == pytest.approx((16 * 4.88002e-8,) * 3)
    assert known_noise(capture, (2000, 1500)) is None, "binned"
    assert known_noise(replace(capture, iso=None)) is None
    assert known_noise(replace(capture, model="HERO7 Black"), (4000, 3000)) is None
    assert known_noise(CaptureInfo(make="Xiaomi", model="2203121C", iso=100)) is None, "nothing is known"


def test_completing_imports_little() -> None:
    """Every photo whose file says nothing of its lens pays for it."""
    program = (
        "import sys; from fotohaus.raw.image import CaptureInfo; import fotohaus.report, re; before = {*sys.modules};"
        "from fotohaus.cameras import complete;"
        "done = complete(CaptureInfo(make='Xiaomi', model='2203121C', f_number=1.9));"
        "assert done.focal_length == 8.7; print(*sorted({*sys.modules} - before))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["fotohaus.cameras", "fotohaus.cameras.index", "fotohaus.cameras.matching"]
