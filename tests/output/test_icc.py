"""Our profiles against LittleCMS, reference profiles, and arithmetic."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from fotohaus.output import icc


def tags(profile: bytes) -> dict[str, bytes]:
    (count,) = struct.unpack_from(">I", profile, 128)
    entries = [struct.unpack_from(">4sII", profile, 132 + 12 * i) for i in range(count)]
    return {name.decode(): profile[offset : offset + size] for name, offset, size in entries}


def colorants(profile: bytes) -> np.ndarray:
    found = tags(profile)
    columns = [np.frombuffer(found[f"{c}XYZ"], ">i4", 3, 8) / 65536 for c in "rgb"]
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("space", icc.SPACES)
def test_a_profile_is_small_and_whole(space: str) -> None:
    profile = icc.profile(space)
    assert len(profile) < 600
    assert len(profile) % 4 == 0
    assert struct.unpack_from(">I", profile)[0] == len(profile)
    assert profile[36:40] == b"acsp"
    opened = ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile
    assert opened.profile_description == icc.SPACES[space].name
    assert opened.version == pytest.approx(4.4)
    assert opened.is_matrix_shaper
    # Undoing the adaptation that the profile names gives the primaries of the standard.
    adaptation = np.frombuffer(tags(profile)["chad"], ">i4", 9, 8).reshape(3, 3) / 65536
    xyz = np.linalg.solve(adaptation, colorants(profile))
    xy = (xyz[:2] / xyz.sum(axis=0)).T
    assert np.abs(xy - icc.SPACES[space].primaries).max() < 2e-4


@pytest.mark.parametrize("space", icc.SPACES)
def test_white_is_exactly_the_connection_space_s(space: str) -> None:
    fixed = np.round(colorants(icc.profile(space)) * 65536).astype(int)
    assert fixed.sum(axis=1).tolist() == [0xF6D6, 0x10000, 0xD32D]


@pytest.mark.parametrize(
    ("space", "reference"), [("srgb", "sRGB-v4"), ("p3", "DisplayP3-v4"), ("rec2020", "Rec2020-v4")]
)
def test_the_colorants_are_the_reference_profiles(shared: Path, space: str, reference: str) -> None:
    theirs = (shared / "icc" / f"{reference}.icc").read_bytes()
    assert np.abs(colorants(icc.profile(space)) - colorants(theirs)).max() < 1e-4


@pytest.mark.parametrize(("space", "reference"), [("srgb", "sRGB-v4"), ("p3", "DisplayP3-v4")])
def test_colours_arrive_where_the_reference_puts_them(shared: Path, space: str, reference: str) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8))
    lab = ImageCms.createProfile("LAB")

    def through(profile: bytes) -> np.ndarray:
        made = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        transform = ImageCms.buildTransform(made, lab, "RGB", "LAB", ImageCms.Intent.RELATIVE_COLORIMETRIC)
        return np.asarray(ImageCms.applyTransform(image, transform)).astype(int)

    theirs = through((shared / "icc" / f"{reference}.icc").read_bytes())
    assert np.abs(through(icc.profile(space)) - theirs).max() <= 1


def test_p3_to_srgb_is_the_arithmetic() -> None:
    # Inside sRGB, so that nothing is clipped: P3 from sRGB colours by matrices, back by LittleCMS.
    rng = np.random.default_rng(1)
    srgb = rng.uniform(0.3, 0.95, (32, 32, 3))
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    matrix = np.linalg.inv(colorants(icc.profile("p3"))) @ colorants(icc.profile("srgb"))
    p3 = linear @ matrix.T
    encoded = np.where(p3 <= 0.0031308, p3 * 12.92, 1.055 * p3 ** (1 / 2.4) - 0.055)
    image = Image.fromarray(np.round(encoded * 255).astype(np.uint8))
    back = ImageCms.profileToProfile(
        image,
        ImageCms.ImageCmsProfile(io.BytesIO(icc.profile("p3"))),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    # Rounding to 8 bits on the way costs up to two steps.
    assert np.abs(np.asarray(back) - srgb * 255).max() < 2.5


def test_the_curve_is_srgb_s() -> None:
    for space in ("srgb", "p3"):
        curve = tags(icc.profile(space))["rTRC"]
        assert curve[:4] == b"para"
        g, a, b, c, d = np.frombuffer(curve, ">i4", 5, 12) / 65536
        v = np.linspace(0, 1, 1001)
        ours = np.where(v >= d, (a * v + b) ** g, c * v)
        srgb = np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)
        assert np.abs(ours - srgb).max() < 5e-5


def encode(space: str, linear: np.ndarray) -> np.ndarray:
    if space == "rec2020":
        return np.where(linear < 0.018053968510807, 4.5 * linear, 1.09929682680944 * linear**0.45 - 0.09929682680944)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def lab(xyz: np.ndarray) -> np.ndarray:
    """CIELAB under D50."""
    t = xyz / [0.9642, 1.0, 0.8249]
    f = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)


@pytest.mark.parametrize("to", icc.SPACES)
@pytest.mark.parametrize("space", icc.SPACES)
def test_colours_go_from_space_to_space_as_the_arithmetic_has_it(space: str, to: str) -> None:
    import imagecodecs

    from fotohaus.render import color

    if not imagecodecs.CMS.available:
        pytest.skip("imagecodecs was built without LittleCMS")
    # Colours inside sRGB, in linear light: nothing is clipped on the way.
    linear = np.random.default_rng(2).uniform(0, 1, (64, 64, 3)) ** 2
    linear[0, :, :] = np.linspace(0, 1, 64)[:, None]
    xyz = linear @ color.rgb_to_xyz("srgb").T
    here, there = (encode(s, np.clip(xyz @ np.linalg.inv(color.rgb_to_xyz(s)).T, 0, 1)) for s in (space, to))
    profiles = icc.profile(space), icc.profile(to)
    back = imagecodecs.cms_transform(
        here.astype(np.float32),
        *profiles,
        colorspace="rgb",
        outcolorspace="rgb",
        intent=imagecodecs.CMS.INTENT.RELATIVE_COLORIMETRIC,
    )
    to_d50 = colorants(profiles[1])

    def seen(encoded: np.ndarray) -> np.ndarray:
        high = 1.09929682680944 - 1
        if to == "rec2020":
            light = np.where(
                encoded < 4.5 * 0.018053968510807, encoded / 4.5, ((encoded + high) / (1 + high)) ** (1 / 0.45)
            )
        else:
            light = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
        return lab(light @ to_d50.T)

    difference = np.linalg.norm(seen(back) - seen(there), axis=-1)
    assert difference.max() < 0.5
    assert difference.mean() < 0.02
