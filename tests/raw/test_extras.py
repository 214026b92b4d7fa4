"""What lies beside the raw image of a DNG: depth maps, semantic masks, transparency."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest

from fotohaus.errors import ReadError
from fotohaus.raw import describe, read_extras, read_raw
from fotohaus.raw.extras import DepthMap, SemanticMask

Maker = Callable[..., Any]
ASCII, SHORT, LONG, RATIONAL = 2, 3, 4, 5


def beside(depth: np.ndarray, mask: np.ndarray, area: list[int]) -> Callable[[Any], list[int]]:
    def plane(tiff: Any, values: np.ndarray, kind: int, photometric: int, more: dict[int, Any]) -> int:
        height, width = values.shape
        bits = values.dtype.itemsize * 8
        fields = {254: (LONG, kind), 256: (LONG, width), 257: (LONG, height), 258: (SHORT, bits), 259: (SHORT, 1)}
        fields |= {262: (SHORT, photometric), 273: (LONG, tiff.add(values.tobytes())), 277: (SHORT, 1)}
        return int(tiff.ifd(fields | {278: (LONG, height), 339: (SHORT, 3 if values.dtype.kind == "f" else 1)} | more))

    name = {52526: (ASCII, "sky"), 52528: (ASCII, "one"), 52536: (LONG, area)}

    def subs(tiff: Any) -> list[int]:
        return [
            plane(tiff, depth, 8, 51177, {}),
            plane(tiff, mask, 0x10004, 52527, name),
            plane(tiff, (mask * 255).astype(np.uint8), 4, 4, {}),
        ]

    return subs


def test_depth_and_masks(dng: Maker, samples: Maker, tmp_path: Path) -> None:
    depth, mask = samples((6, 8)), samples((4, 5)).astype(np.float32) / 65535
    path = tmp_path / "a.dng"
    distances = {51177: (SHORT, 2), 51178: (RATIONAL, [1, 2]), 51179: (RATIONAL, [1, 0]), 51180: (SHORT, 1)}
    path.write_bytes(dng(samples((24, 32)), subs=beside(depth, mask, [1, 2, 10, 8]), main=distances))
    assert read_raw(path).mosaic.shape == (24, 32)
    extras = read_extras(path)
    assert extras.depth is not None
    np.testing.assert_allclose(extras.depth.values, depth / 65535, rtol=1e-6)
    assert (extras.depth.format, extras.depth.near, extras.depth.far) == ("inverse", 0.5, np.inf)
    found = extras.depth.distances()
    assert found is not None
    assert found.min() == pytest.approx(0.5 / (1 - depth.min() / 65535))
    (sky,) = extras.masks
    assert (sky.name, sky.instance, sky.corner, sky.full) == ("sky", "one", (1, 2), (8, 10))
    np.testing.assert_array_equal(sky.whole()[1:5, 2:7], mask)
    assert sky.whole().sum() == pytest.approx(float(mask.sum()))
    assert extras.transparency is not None
    assert extras.transparency.shape == (4, 5)
    facts = describe(path)["extras"]
    assert [f["kind"] for f in facts] == ["depth", "mask", "transparency"]
    assert facts[0]["far_m"] == "infinity"
    assert facts[1]["name"] == "sky"


def test_masks_may_be_lossy_or_lossless_jpegs(dng: Maker, samples: Maker, tmp_path: Path) -> None:
    """Apple's are lossy."""
    mask = np.add.outer(np.arange(16), np.arange(24)).astype(np.uint8) * 6
    lossy, lossless = (bytes(imagecodecs.jpeg8_encode(mask, **how)) for how in ({"level": 95}, {"lossless": True}))

    def subs(tiff: Any) -> list[int]:
        fields = {254: (LONG, 0x10004), 256: (LONG, 24), 257: (LONG, 16), 258: (SHORT, 8), 259: (SHORT, 7)}
        fields |= {262: (SHORT, 52527), 277: (SHORT, 1), 278: (LONG, 16)}
        places = [(tiff.add(data), len(data)) for data in (lossy, lossless)]
        return [tiff.ifd(fields | {273: (LONG, at), 279: (LONG, count)}) for at, count in places]

    (tmp_path / "a.dng").write_bytes(dng(samples((24, 32)), subs=subs))
    first, second = read_extras(tmp_path / "a.dng").masks
    np.testing.assert_allclose(first.values, mask / 255, atol=0.02)
    np.testing.assert_allclose(second.values, mask / 255, atol=1e-6)


def test_depths_whose_distances_nobody_knows() -> None:
    values = np.array([[0.0, 1.0]], np.float32)
    assert DepthMap(values).distances() is None
    assert DepthMap(values, "linear", 1.0, np.inf).distances() is None
    assert DepthMap(values, "inverse", 0.0, 2.0).distances() is None
    np.testing.assert_allclose(DepthMap(values, "linear", 1.0, 3.0).distances(), [[1, 3]])  # type: ignore[arg-type]
    np.testing.assert_allclose(DepthMap(values, "inverse", 1.0, 4.0).distances(), [[1, 4]])  # type: ignore[arg-type]


def test_a_mask_that_does_not_fit_its_place_covers_all(dng: Maker, samples: Maker, tmp_path: Path) -> None:
    mask = np.ones((4, 5), np.float32)
    for area in ([7, 0, 10, 8], [0, 0, 2**31, 2**31]):
        (tmp_path / "a.dng").write_bytes(dng(samples((8, 8)), subs=beside(samples((6, 8)), mask, area)))
        (made,) = read_extras(tmp_path / "a.dng").masks
        assert isinstance(made, SemanticMask)
        assert made.full == (4, 5)


def test_files_without_extras(shared: Path) -> None:
    extras = read_extras(shared / "raw" / "canon_colorchecker.dng")
    assert (extras.depth, extras.masks, extras.transparency) == (None, (), None)


def test_a_damaged_mask_is_an_error_of_the_mask_only(dng: Maker, samples: Maker, tmp_path: Path) -> None:
    path = tmp_path / "a.dng"

    def subs(tiff: Any) -> list[int]:
        return [tiff.ifd({254: (LONG, 8), 256: (LONG, 8), 257: (LONG, 8), 258: (SHORT, 16), 262: (SHORT, 51177)})]

    path.write_bytes(dng(samples((24, 32)), subs=subs))
    assert read_raw(path).mosaic.shape == (24, 32)
    with pytest.raises(ReadError, match="does not say where"):
        read_extras(path)
