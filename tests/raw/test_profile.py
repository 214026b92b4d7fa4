"""Camera profiles: in DNGs, in DCP files, and back out."""

import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adobe_sdk
from fotohaus.errors import ReadError
from fotohaus.raw import apply_profile, describe, read_dcp, read_raw, stream
from fotohaus.raw.dng import encode_dng
from fotohaus.raw.dng_read import read_dng
from fotohaus.raw.illuminant import read_white
from fotohaus.raw.image import RawImage
from fotohaus.raw.profile import CameraProfile
from fotohaus.raw.tiff import Source, TiffError
from fotohaus.report import Report

Maker = Callable[..., Any]
BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SRATIONAL, FLOAT = 1, 2, 3, 4, 5, 7, 10, 11
MATRIX = np.array([[0.8, -0.2, -0.1], [-0.4, 1.2, 0.2], [-0.1, 0.2, 0.6]])


def thousandths(values: np.ndarray | list[float]) -> list[int]:
    return [part for v in np.ravel(values) for part in (round(float(v) * 1000), 1000)]


def table(hues: int, saturations: int, values: int, seed: int = 0) -> np.ndarray:
    shifts = np.random.default_rng(seed).uniform(0.5, 1.5, (values, hues, saturations, 3)).astype(np.float32)
    shifts[:, :, 0, 2] = 1
    return shifts


def gain_table(order: str, extended: int | None = None) -> tuple[bytes, np.ndarray]:
    gains = np.random.default_rng(1).uniform(0.5, 2.0, (3, 4, 16)).astype(np.float32)
    head = struct.pack(order + "2I4dI5f", 3, 4, 0.5, 1 / 3, 0.0, 0.0, 16, 0.25, 0.25, 0.25, 0.0, 0.25)
    if extended is None:
        return head + gains.astype(order + "f4").tobytes(), gains
    low, high = float(gains.min()), float(gains.max())
    largest = {0: 255, 1: 65535}.get(extended)
    stored = gains if largest is None else np.rint((gains - low) / (high - low) * largest)
    kind = {0: "u1", 1: "u2", 2: "f2", 3: "f4"}[extended]
    return head + struct.pack(order + "I3f", extended, 2.0, low, high) + stored.astype(order + kind).tobytes(), gains


def rgb_tables(order: str) -> tuple[bytes, np.ndarray]:
    colors = np.random.default_rng(2).uniform(0, 1, (4, 4, 4, 3))
    parts = [struct.pack(order + "2I", 2, 1)]
    parts += [struct.pack(order + "H", 3), b"sky", bytes([4, 1, 1, 4, 1])]
    # Entries are little-endian in files of either order, as Adobe's SDK has them.
    parts += [np.rint(colors * 65535).astype("<u2").tobytes()]
    parts += [struct.pack(order + "H", 0), bytes([4, 0, 0, 3, 0]), np.rint(colors * 255).astype("u1").tobytes()]
    return b"".join(parts), colors


CURVE = [0.0, 0.0, 0.25, 0.4, 0.5, 0.7, 1.0, 1.0]


def fields(order: str = "<") -> dict[int, Any]:
    """A profile with everything."""
    return {
        50936: (ASCII, "Barnes Vivid"),
        52552: (ASCII, "Barnes"),
        50942: (ASCII, "(c) Barnes"),
        50941: (LONG, 3),
        50721: (SRATIONAL, thousandths(MATRIX)),
        50722: (SRATIONAL, thousandths(2 * MATRIX)),
        52531: (SRATIONAL, thousandths(3 * MATRIX)),
        50964: (SRATIONAL, thousandths(4 * MATRIX)),
        50965: (SRATIONAL, thousandths(5 * MATRIX)),
        52532: (SRATIONAL, thousandths(6 * MATRIX)),
        50778: (SHORT, 17),
        50779: (SHORT, 21),
        52529: (SHORT, 255),
        52535: (UNDEFINED, struct.pack(order + "H4I", 0, 3100, 10000, 3300, 10000)),
        50937: (LONG, [6, 4, 2]),
        **{tag: (FLOAT, table(6, 4, 2, i).ravel().tolist()) for i, tag in enumerate((50938, 50939, 52537))},
        51107: (LONG, 1),
        50981: (LONG, [5, 3, 1]),
        50982: (FLOAT, table(5, 3, 1, 9).ravel().tolist()),
        50940: (FLOAT, CURVE),
        51109: (SRATIONAL, [-7, 10]),
        51110: (LONG, 1),
        52543: (UNDEFINED, rgb_tables(order)[0]),
        52544: (UNDEFINED, gain_table(order, 3)[0]),
        52551: (UNDEFINED, struct.pack(order + "2Hf", 1, 1, 8.0)),
    }


def check(profile: CameraProfile | None, order: str = "<") -> None:
    assert profile is not None
    assert (profile.name, profile.group, profile.copyright) == ("Barnes Vivid", "Barnes", "(c) Barnes")
    assert (profile.embed_policy, profile.black_render) == (3, "none")
    assert profile.baseline_exposure_offset == -0.7
    assert (profile.dynamic_range, profile.peak) == ("HDR", 8.0)
    for i, made in enumerate(profile.calibrations):
        np.testing.assert_allclose(made.color_matrix, (i + 1) * MATRIX, atol=1e-3)
        np.testing.assert_allclose(made.forward_matrix, (i + 4) * MATRIX, atol=1e-3)
        assert made.hue_sat_map is not None
        np.testing.assert_array_equal(made.hue_sat_map.shifts, table(6, 4, 2, i))
        assert made.hue_sat_map.encoding == "sRGB"
    assert [c.illuminant for c in profile.calibrations] == [17, 21, 255]
    assert profile.calibrations[2].white_xy == pytest.approx((0.31, 0.33))
    assert profile.look_table is not None
    np.testing.assert_array_equal(profile.look_table.shifts, table(5, 3, 1, 9))
    assert profile.look_table.encoding == "linear"
    np.testing.assert_allclose(profile.tone_curve, np.reshape(CURVE, (-1, 2)))
    assert profile.gain_table_map is not None
    np.testing.assert_array_equal(profile.gain_table_map.gains, gain_table(order)[1])
    assert (profile.gain_table_map.gamma, profile.gain_table_map.spacing_v) == (2.0, 0.5)
    assert profile.rgb_tables is not None
    assert profile.rgb_tables.method == "sequential"
    sky, rest = profile.rgb_tables.tables
    assert (sky.mask, sky.gamma, sky.primaries, sky.extend_gamut) == ("sky", "sRGB", "ProPhoto", True)
    assert (rest.mask, rest.gamma, rest.primaries, rest.extend_gamut) == ("", "linear", "Rec. 2020", False)
    np.testing.assert_allclose(sky.table, rgb_tables(order)[1], atol=1e-5)
    np.testing.assert_allclose(rest.table, rgb_tables(order)[1], atol=3e-3)


def read(data: bytes) -> RawImage:
    return read_dng(Source(data), "test.dng")


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_profile_in_a_dng(dng: Maker, samples: Maker, order: str, tmp_path: Path) -> None:
    data = dng(samples((8, 8)), order=order, main=fields(order))
    image = read(data)
    check(image.profile, order)
    assert (image.color.illuminant_1, image.color.illuminant_2, image.color.illuminant_3) == (17, 21, 255)
    np.testing.assert_allclose(image.color.color_matrix_3, 3 * MATRIX, atol=1e-3)
    assert image.color.illuminant_whites[:2] == (None, None)
    assert image.color.illuminant_whites[2] == pytest.approx((0.31, 0.33))
    (tmp_path / "a.dng").write_bytes(data)
    facts = describe(tmp_path / "a.dng")
    assert facts["profile"]["hue_sat_maps"] == ["6 x 4 x 2, sRGB"] * 3
    assert facts["profile"]["rgb_tables"] == ["sky", "background"]
    assert facts["profile"]["gain_table_map"] == "3 x 4 x 16"
    assert facts["color"]["illuminant_3"] == "other"


def dcp(tiff: Any, order: str, change: dict[int, Any] | None = None) -> bytes:
    made = tiff(order)
    whole = fields(order) | {50708: (ASCII, "Barnes Testcam 1")} | (change or {})
    data = bytearray(made.finish(made.ifd({tag: value for tag, value in whole.items() if value is not None})))
    data[2:4] = struct.pack(order + "H", 0x4352)
    return bytes(data)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_dcp_file(tiff_maker: Any, dng: Maker, samples: Maker, order: str, tmp_path: Path) -> None:
    path = tmp_path / "vivid.dcp"
    path.write_bytes(dcp(tiff_maker, order))
    profile = read_dcp(path)
    check(profile, order)
    assert profile.camera == "Barnes Testcam 1"
    calibration = {50723: (SRATIONAL, thousandths(np.diag([1.1, 1, 0.9]))), 50931: (ASCII, "com.x")}
    image = read(dng(samples((8, 8)), main=calibration))
    other = apply_profile(image, profile)
    check(other.profile, order)
    np.testing.assert_allclose(other.color.color_matrix_2, 2 * MATRIX, atol=1e-3)
    assert other.color.as_shot_neutral == image.color.as_shot_neutral
    # The camera's calibration was made for another profile's reference camera.
    np.testing.assert_array_equal(other.color.calibration_1, np.eye(3))
    own = apply_profile(image, replace(profile, calibration_signature="com.x"))
    np.testing.assert_allclose(own.color.calibration_1, np.diag([1.1, 1, 0.9]))


def test_what_is_no_profile_is_refused(tiff_maker: Any, dng: Maker, samples: Maker, tmp_path: Path) -> None:
    path = tmp_path / "a.dcp"
    whole = dcp(tiff_maker, "<")
    made = tiff_maker("<")
    bare = bytearray(made.finish(made.ifd({50936: (ASCII, "nothing")})))
    bare[2:4] = b"RC"
    for data in (b"", b"text, long enough to be read", dng(samples((8, 8))), whole[: len(whole) // 2], bytes(bare)):
        path.write_bytes(data)
        with pytest.raises(ReadError):
            read_dcp(path)
    with pytest.raises(ReadError, match="no such file"):
        read_dcp(tmp_path / "no.dcp")


def with_extra(dng: Maker, samples: Maker, tiff_maker: Any, wanted: str, order: str) -> bytes:
    """A DNG whose extra profile lies after everything else, offsets counted from its own beginning."""
    data = bytearray(
        dng(samples((8, 8)), main={50936: (ASCII, "Plain"), 50934: (ASCII, wanted), 50933: (LONG, 0x7777)})
    )
    at = data.index((50933).to_bytes(2, "little") + b"\x04\0\x01\0\0\0")
    data[at + 8 : at + 12] = len(data).to_bytes(4, "little")
    return bytes(data) + dcp(tiff_maker, order)


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_profile_as_shot_is_taken_among_several(dng: Maker, samples: Maker, tiff_maker: Any, order: str) -> None:
    image = read(with_extra(dng, samples, tiff_maker, "Barnes Vivid", order))
    check(image.profile, order)
    np.testing.assert_allclose(image.color.color_matrix_2, 2 * MATRIX, atol=1e-3)
    for wanted in ("Plain", "Unknown"):
        image = read(with_extra(dng, samples, tiff_maker, wanted, order))
        assert image.profile is None
        assert image.color.color_matrix_2 is None


@pytest.mark.parametrize("kind", [0, 1, 2, 3])
def test_gain_tables_of_every_type(dng: Maker, samples: Maker, kind: int) -> None:
    data, gains = gain_table("<", kind)
    profile = read(dng(samples((8, 8)), main={52544: (UNDEFINED, data)})).profile
    assert profile is not None
    assert profile.gain_table_map is not None
    np.testing.assert_allclose(profile.gain_table_map.gains, gains, atol={0: 5e-3, 1: 2e-5, 2: 1e-3, 3: 0}[kind])


@pytest.mark.parametrize("place", ["main", "raw"])
def test_the_older_gain_table_lies_in_either_ifd(dng: Maker, samples: Maker, place: str) -> None:
    data, gains = gain_table("<")
    profile = read(dng(samples((8, 8)), sub_ifd=True, **{place: {52525: (UNDEFINED, data)}})).profile
    assert profile is not None
    assert profile.gain_table_map is not None
    np.testing.assert_array_equal(profile.gain_table_map.gains, gains)
    assert profile.gain_table_map.gamma == 1


def test_the_newer_gain_table_comes_first(dng: Maker, samples: Maker) -> None:
    both = {52525: (UNDEFINED, gain_table("<")[0]), 52544: (UNDEFINED, gain_table("<", 0)[0])}
    profile = read(dng(samples((8, 8)), main=both)).profile
    assert profile is not None
    assert profile.gain_table_map is not None
    assert profile.gain_table_map.gamma == 2


def broken() -> list[tuple[str, str, dict[int, Any]]]:
    """Tables that make no sense: their name, what is wrong, and the fields of it."""
    gains, tables = gain_table("<", 3)[0], rgb_tables("<")[0]
    nan = struct.pack("<f", np.nan)
    hue, look, tone, gain, rgb = "hue/sat map", "look table", "tone curve", "gain table map", "RGB tables"
    return [
        (hue, "has no divisions", {50937: None}),
        (hue, "has 144 numbers for 6 x 4 divisions", {50937: (LONG, [6, 4])}),
        (hue, "has 0 x 4 x 2 divisions", {50937: (LONG, [0, 4, 2])}),
        (hue, "has 6 x 1 x 8 divisions", {50937: (LONG, [6, 1, 8])}),
        (hue, "has 144 numbers for 6 x 8 x 2 divisions", {50937: (LONG, [6, 8, 2])}),
        (hue, "has 144 numbers for", {50937: (LONG, [2**31, 2**31, 2])}),
        (hue, "has values that are not numbers", {50938: (FLOAT, [np.nan] * 144)}),
        (hue, "has absurd numbers", {50938: (FLOAT, [-1.0] * 144)}),
        (look, "has absurd numbers", {50982: (FLOAT, [1e9] * 45)}),
        (look, "has 44 numbers for 5 x 3 x 1 divisions", {50982: (FLOAT, [1.0] * 44)}),
        (tone, "has 3 numbers", {50940: (FLOAT, [0.0, 0.0, 1.0])}),
        (tone, "does not ascend", {50940: (FLOAT, [0.0, 0.0, 0.0, 1.0])}),
        (tone, "has values that are not numbers", {50940: (FLOAT, [0.0, np.nan, 1.0, 1.0])}),
        (tone, "leaves the range from 0 to 1", {50940: (FLOAT, [0.0, 0.0, 2.0, 1.0])}),
        (tone, "has 20000 numbers", {50940: (FLOAT, [float(i) for i in range(20000)])}),
        (gain, "has 3 x 4 x 16 gains in 847 bytes", {52544: (UNDEFINED, gains[:-1])}),
        (gain, "is cut short", {52544: (UNDEFINED, gains[:30])}),
        (gain, "has gains that are not numbers", {52544: (UNDEFINED, gains[:-4] + nan)}),
        (gain, "has 2147483648 x", {52544: (UNDEFINED, struct.pack("<2I", 2**31, 2**31) + gains[8:])}),
        (gain, "has no extent", {52544: (UNDEFINED, gains[:8] + bytes(8) + gains[16:])}),
        (gain, "is of kind 4", {52544: (UNDEFINED, gains[:64] + struct.pack("<I", 4) + gains[68:])}),
        (gain, "is of kind 3 with gamma nan", {52544: (UNDEFINED, gains[:68] + nan + gains[72:])}),
        (rgb, "is cut short", {52543: (UNDEFINED, tables[:-1])}),
        (rgb, "has 21 tables", {52543: (UNDEFINED, struct.pack("<I", 21) + tables[4:])}),
        (rgb, "has a table of 255", {52543: (UNDEFINED, tables[:13] + b"\xff" + tables[14:])}),
    ]


ATTRIBUTES = {
    "hue/sat map": "hue_sat_maps",
    "look table": "look_table",
    "tone curve": "tone_curve",
    "gain table map": "gain_table_map",
    "RGB tables": "rgb_tables",
}


@pytest.mark.parametrize(("table", "reason", "change"), broken(), ids=str)
def test_a_table_that_makes_no_sense_is_left_out(
    dng: Maker, samples: Maker, tiff_maker: Any, tmp_path: Path, table: str, reason: str, change: dict[int, Any]
) -> None:
    path, report = tmp_path / "a.dng", Report()
    path.write_bytes(dng(samples((8, 8)), main=fields() | change))
    whole, profile = read(dng(samples((8, 8)), main=fields())).profile, read_raw(path, report).profile
    assert profile is not None
    for name, attribute in ATTRIBUTES.items():
        assert bool(getattr(whole, attribute) is not None)
        got = getattr(profile, attribute)
        assert (got is None or (len(np.shape(got)) == 1 and not len(got))) == (name == table)
    (warning,) = report.warnings
    assert warning.startswith(f"{path}: its camera profile's {table} is left out: it {reason}")
    (told,) = describe(path)["profile"]["left_out"]
    assert told.startswith(f"{table}: {reason}")
    # A profile that was asked for is refused.
    data = bytearray(dcp(tiff_maker, "<", change))
    path.write_bytes(data)
    with pytest.raises(ReadError, match=f"is damaged: the {table} {reason}"):
        read_dcp(path)


def test_a_table_that_the_file_does_not_hold_is_left_out(dng: Maker, samples: Maker) -> None:
    data = bytearray(dng(samples((8, 8)), main={50940: (FLOAT, CURVE)}))
    at = data.index(struct.pack("<2HI", 50940, FLOAT, len(CURVE)))
    data[at + 8 : at + 12] = struct.pack("<I", len(data) - 8)
    report = Report()
    assert read_dng(Source(bytes(data)), "cut.dng", report).profile is None
    (warning,) = report.warnings
    assert warning.startswith("cut.dng: its camera profile's tone curve is left out: it is damaged or cut short")


def test_a_map_of_two_sizes_has_no_divisions_of_value(dng: Maker, samples: Maker) -> None:
    shifts = table(5, 3, 1)
    profile = read(dng(samples((8, 8)), main={50981: (LONG, [5, 3]), 50982: (FLOAT, shifts.ravel().tolist())})).profile
    assert profile is not None
    assert profile.look_table is not None
    np.testing.assert_array_equal(profile.look_table.shifts, shifts)


def test_what_ails_all_frames_of_a_burst_is_said_once(dng: Maker, samples: Maker, tmp_path: Path) -> None:
    broken_curve = {50940: (FLOAT, [0.0, 0.0, 0.0, 1.0])}
    for i in range(3):
        (tmp_path / f"{i}.dng").write_bytes(dng(samples((8, 8)), main=broken_curve))
    report = Report()
    assert len(list(stream([tmp_path / f"{i}.dng" for i in range(3)], report))) == 3
    (warning,) = report.warnings
    assert warning.startswith(f"{tmp_path / '0.dng'}: its camera profile's tone curve")


def test_the_older_gain_table_stands_in_for_a_broken_one(dng: Maker, samples: Maker) -> None:
    older, gains = gain_table("<")
    both = {52525: (UNDEFINED, older), 52544: (UNDEFINED, gain_table("<", 3)[0][:-1])}
    profile = read(dng(samples((8, 8)), main=both)).profile
    assert profile is not None
    assert profile.gain_table_map is not None
    np.testing.assert_array_equal(profile.gain_table_map.gains, gains)


@pytest.mark.skipif(adobe_sdk.library() is None, reason="needs dngpy 0.1.3 on x86-64 Linux")
@pytest.mark.parametrize(
    "change",
    [
        {50937: (LONG, [6, 8, 2]), 50938: (FLOAT, table(6, 4, 2).ravel().tolist())},
        {50937: (LONG, [6, 4, 2]), 50938: (FLOAT, table(6, 4, 2).ravel().tolist()[:-1])},
        {50981: (LONG, [3]), 50982: (FLOAT, table(5, 3, 1).ravel().tolist())},
        {50940: (FLOAT, [0.0, 0.0, 0.5, 0.6, 0.5, 0.7, 1.0, 1.0])},
        {50940: (FLOAT, [0.0, 0.0, 0.5, 0.6, 1.0, 1.5])},
        {50940: (FLOAT, [*CURVE, 1.0])},
    ],
    ids=["larger map", "shorter map", "look of one size", "curve back", "curve beyond 1", "odd curve"],
)
def test_adobe_leaves_them_out_as_well(dng: Maker, samples: Maker, tmp_path: Path, change: dict[int, Any]) -> None:
    renders = []
    for name, fields_ in (("broken.dng", change), ("plain.dng", {})):
        (tmp_path / name).write_bytes(dng(samples((24, 32, 3)), main=fields_))
        renders.append(adobe_sdk.stages(tmp_path / name, look=True).render)
        assert read_raw(tmp_path / name).profile is None
    np.testing.assert_array_equal(*renders)


@pytest.mark.parametrize("change", [{52531: (SRATIONAL, [0, 0] * 9)}, {52532: (SRATIONAL, [1, 1] * 9)}], ids=str)
def test_matrices_that_make_no_sense_are_refused(dng: Maker, samples: Maker, change: dict[int, Any]) -> None:
    with pytest.raises(TiffError):
        read(dng(samples((8, 8)), main=fields() | change))


def test_a_third_calibration_needs_two_others(dng: Maker, samples: Maker) -> None:
    color = read(dng(samples((8, 8)), main={52531: (SRATIONAL, thousandths(3 * MATRIX)), 52529: (SHORT, 23)})).color
    assert color.color_matrix_3 is None


# Custom illuminants


def test_the_white_of_a_spectrum() -> None:
    colour = pytest.importorskip("colour")
    for name in ("A", "D65", "FL2"):
        light = colour.SDS_ILLUMINANTS[name].copy().align(colour.SpectralShape(380, 780, 5))
        values = [part for v in light.values for part in (round(float(v) * 1000), 1000)]
        data = struct.pack(f"<HI4I{len(values)}I", 1, len(light.values), 380, 1, 5, 1, *values)
        found = read_white(data, "<")
        assert found is not None
        wanted = colour.CCS_ILLUMINANTS["CIE 1931 2 Degree Standard Observer"][name]
        np.testing.assert_allclose(found, wanted, atol=3e-3)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        struct.pack("<H4I", 0, 1, 0, 1, 3),
        struct.pack("<H4I", 0, 2, 1, 1, 3),
        struct.pack("<H4I", 0, 0, 1, 1, 3),
        struct.pack("<HI4I", 1, 2**31, 380, 1, 10, 1),
        struct.pack("<HI8I", 1, 2, 380, 1, 0, 1, 1, 1, 1, 1),
        struct.pack("<HI8I", 1, 2, 380, 1, 10, 1, 0, 1, 0, 1),
        struct.pack("<HI8I", 1, 2, 380, 1, 10, 1, 1, 0, 1, 1),
        struct.pack("<H4I", 7, 1, 3, 1, 3),
    ],
)
def test_whites_that_make_no_sense_are_none(data: bytes) -> None:
    assert read_white(data, "<") is None


# Back out


def written(image: RawImage, tmp_path: Path) -> RawImage:
    path = tmp_path / "out.dng"
    path.write_bytes(encode_dng(image))
    return read_raw(path)


def by_adobe(path: Path) -> np.ndarray:
    pytest.importorskip("dngpy")
    script = "import sys, dngpy, numpy as np; np.save(sys.argv[2], dngpy.Dng(sys.argv[1]).raw_pixels)"
    out = path.with_suffix(".npy")
    done = subprocess.run([sys.executable, "-c", script, path, out], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "*** Error" not in done.stdout + done.stderr
    return np.load(out).squeeze()


def test_a_profile_is_written_as_it_was_read(dng: Maker, samples: Maker, tmp_path: Path) -> None:
    image = read(dng(samples((24, 32)), main=fields()))
    again = written(image, tmp_path)
    check(again.profile)
    np.testing.assert_allclose(again.color.color_matrix_3, image.color.color_matrix_3)
    assert again.color.illuminant_whites[2] == pytest.approx((0.31, 0.33))
    assert image.profile is not None
    never = written(replace(image, profile=replace(image.profile, embed_policy=2)), tmp_path)
    assert never.profile is None


@pytest.mark.parametrize("shape", [(70, 90), (37, 51), (40, 50, 3), (40, 50, 1)])
def test_floats_are_written_as_floats(dng: Maker, samples: Maker, tmp_path: Path, shape: tuple[int, ...]) -> None:
    light = samples(shape).astype(np.float32) / 30000
    level = {50714: (SHORT, 100), 50717: (LONG, [1100] * (shape[2] if len(shape) == 3 else 1))}
    image = read(dng(light * 1000 + 100, bits=32, raw=level if len(shape) == 2 else {}))
    again = written(image, tmp_path)
    scale = (image.white - image.black).flat[0]
    np.testing.assert_allclose(again.mosaic, (image.mosaic - image.black.flat[0]) / scale, rtol=1e-5, atol=1e-6)
    assert (again.cfa, again.monochrome) == (image.cfa, image.monochrome)
    stored = again.mosaic[..., 0] if again.monochrome else again.mosaic
    np.testing.assert_array_equal(by_adobe(tmp_path / "out.dng"), stored)


def test_monochrome_is_written_as_one_plane(dng: Maker, samples: Maker, tmp_path: Path) -> None:
    image = read(dng(samples((40, 50, 1)), raw={50714: (SHORT, 10)}))
    again = written(image, tmp_path)
    assert again.monochrome
    np.testing.assert_array_equal(again.mosaic, image.mosaic)
    np.testing.assert_array_equal(again.black, image.black)
    np.testing.assert_array_equal(by_adobe(tmp_path / "out.dng"), image.mosaic[..., 0])
