"""Files in headless Chromium: what a page shows is our SDR rendition, in the colours that the file says."""

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.output import chromium
from tests.output.renditions import Lit, scenery

from fotohaus.output import write
from fotohaus.output.avif import encode_avif
from fotohaus.output.jpeg import encode_jpeg
from fotohaus.output.jxl import encode_jxl
from fotohaus.recipe import Recipe
from fotohaus.render import color
from fotohaus.render.difference import cie_lab, delta_e_2000
from fotohaus.render.picture import Picture

pytestmark = pytest.mark.skipif(
    not (imagecodecs.AVIF.available and imagecodecs.JPEGXL.available), reason="imagecodecs lacks AVIF or JPEG XL"
)

Shown = dict[str, NDArray[np.uint8] | None]
MOST = {"jpg": 1.0, "avif": 1.5, "jxl": 1.0, "pq": 3.5}
"""Mean CIEDE2000 of what is shown, of eight bits and dither above all: 0.79, 1.15, 0.77, 2.85. Without an HDR screen,
Chromium cuts an AVIF's ten bits down to eight, which costs most in PQ: a step of it is 4 % of the light."""
BARE = {"exif": b"", "xmp": b"<rdf:RDF></rdf:RDF>"}


def colorful() -> NDArray[np.float64]:
    """Light (768, 320, 3), linear Rec. 2020: smooth things and edges, and P3's own red, green and blue."""
    light = scenery(768, 320)
    to_rec2020 = np.linalg.solve(color.rgb_to_xyz("rec2020"), color.rgb_to_xyz("p3"))
    for i in range(3):
        light[40 + 100 * i : 100 + 100 * i, 40:140] = to_rec2020[:, i] * 0.8
    return light


def apart(pixels: NDArray[np.uint8] | None, wanted: NDArray[np.uint16], space: str = "p3") -> float:
    """Mean CIEDE2000 of pixels in a space and a rendition in it."""
    assert pixels is not None
    matrix = np.linalg.solve(color.rgb_to_xyz("srgb"), color.rgb_to_xyz("p3" if space == "p3" else "srgb"))
    both = (cie_lab(color.decode_srgb(v) @ matrix.T) for v in (pixels / 255, wanted / 65535))
    return float(delta_e_2000(*both).mean())


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The scene in each kind of file; "bright" has a lamp of four times white."""
    chromium.program()
    folder = tmp_path_factory.mktemp("chromium")
    lit, bright = Lit(colorful()), Lit(scenery(256, 320, 4.0))
    coded = {
        "plain.jpg": encode_jpeg(lit, hdr=False, **BARE),
        "ultra.jpg": encode_jpeg(lit, **BARE),
        "grid.avif": encode_avif(lit, **BARE),
        "pq.avif": encode_avif(lit, hdr=True, **BARE),
        "bright.avif": encode_avif(bright, hdr=True, **BARE),
        "sdr.jxl": encode_jxl(lit, **BARE),
    }
    for name, pieces in coded.items():
        (folder / name).write_bytes(b"".join(pieces))
    assert b"hdr-gain-map" in (folder / "ultra.jpg").read_bytes()
    assert b"grid" in (folder / "grid.avif").read_bytes()
    narrow = Picture(lit.pixels[:256], "srgb", Recipe(gamut="srgb"))
    for kind in ("jpg", "avif"):
        write(narrow, folder / f"srgb.{kind}")
    return {path.name: path for path in folder.iterdir()}


@pytest.fixture(scope="module")
def in_p3(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Shown:
    return chromium.shown(files, tmp_path_factory.mktemp("p3"))


@pytest.mark.parametrize("name", ["plain.jpg", "ultra.jpg", "grid.avif"])
def test_a_page_shows_the_sdr_rendition(in_p3: Shown, name: str) -> None:
    wanted = Lit(colorful()).pixels
    assert apart(in_p3[name], wanted) < MOST[name.partition(".")[2]]
    # Fully saturated in P3: where the profile was not looked at, or cut to sRGB, this is not so.
    pixels = in_p3[name]
    assert pixels is not None
    for i in range(3):
        patch = pixels[50 + 100 * i : 90 + 100 * i, 50:130].mean((0, 1))
        assert np.abs(patch - wanted[70 + 100 * i, 90] / 257).max() < 3


def test_jpeg_xl_where_it_is_read(in_p3: Shown) -> None:
    if in_p3["sdr.jxl"] is None:
        pytest.skip("this Chromium reads no JPEG XL")
    assert apart(in_p3["sdr.jxl"], Lit(colorful()).pixels) < MOST["jxl"]


def test_pq_without_lights_is_the_sdr_rendition(in_p3: Shown) -> None:
    """SDR white at 203 cd/m2 is a page's white, and Rec. 2020 is Rec. 2020."""
    assert apart(in_p3["pq.avif"], Lit(colorful()).pixels) < MOST["pq"]


def test_pq_with_lights_keeps_colours_and_their_order(in_p3: Shown) -> None:
    """How Chromium fits a lamp into an SDR page is its own choice; colour is not."""
    wanted, pixels = Lit(scenery(256, 320, 4.0)).pixels[::8, ::8], in_p3["bright.avif"]
    assert pixels is not None
    ours, theirs = (color.decode_srgb(v) for v in (wanted / 65535, pixels[::8, ::8] / 255))
    inside = (ours.max(-1) < 0.95) & (ours.min(-1) > 0.05)
    assert inside.mean() > 0.5
    shares = [(v / v.sum(-1, keepdims=True))[inside] for v in (ours, theirs)]
    assert np.abs(shares[0] - shares[1]).mean() < 0.01
    order = [v[inside].sum(-1).argsort().argsort() for v in (ours, theirs)]
    assert np.corrcoef(*order)[0, 1] > 0.99


def test_a_page_in_srgb_is_given_srgb(files: dict[str, Path], tmp_path: Path) -> None:
    names = ["srgb.jpg", "srgb.avif", "ultra.jpg"]
    pixels = chromium.shown({name: files[name] for name in names}, tmp_path, "srgb")
    lit = Lit(colorful())
    for name in names[:2]:
        assert apart(pixels[name], lit.pixels[:256], "srgb") < MOST[name[5:]]
    # P3's colours, as far as sRGB has them.
    matrix = np.linalg.solve(color.rgb_to_xyz("srgb"), color.rgb_to_xyz("p3"))
    inside = np.rint(color.encode_srgb(np.clip(lit.sdr @ matrix.T, 0, 1)) * 65535).astype(np.uint16)
    assert apart(pixels["ultra.jpg"], inside, "srgb") < MOST["jpg"]
    assert apart(pixels["ultra.jpg"], lit.pixels, "srgb") > 2 * MOST["jpg"]


def test_a_photograph_is_shown_as_it_is_rendered(shared: Path, tmp_path: Path) -> None:
    from fotohaus.develop.pipeline import prepare
    from fotohaus.raw import read_raw
    from fotohaus.render.pipeline import Rendering
    from fotohaus.report import Report

    chromium.program()
    rendering = Rendering(prepare(read_raw(shared / "raw" / "canon_colorchecker.dng")), Recipe(), Report())
    picture = Picture(np.ascontiguousarray(rendering.rows(300, 700)[:, 300:900]), "p3", Recipe())
    paths = {name: write(picture, tmp_path / name) for name in ("a.jpg", "a.avif")}
    shown = chromium.shown(paths, tmp_path)
    for name in paths:
        assert apart(shown[name], picture.pixels) < 2.2, name
    # What Chromium decodes is what libjpeg does.
    assert np.array_equal(shown["a.jpg"], imagecodecs.jpeg8_decode(paths["a.jpg"].read_bytes()))  # type: ignore[arg-type]
