"""Colour against Adobe's DNG SDK 1.7.1: `python benchmarks/sdk.py [FILE.dng ...]`.

CIE delta E 2000 between linear ProPhoto renditions without tone curve, shadows or look, outside of clipped areas (which
the SDK cuts and fotohaus keeps), for several whites. "colour": the SDK's demosaiced samples through fotohaus's colour,
pixel by pixel. "develop": the whole developer, pixel by pixel (the SDK's demosaic is bilinear) and as means of 8 x 8
pixels, in which demosaics hardly differ. "SDK's demosaic": the whole developer with a demosaic by the SDK's rules and
without what the SDK lacks (denoising and the like), pixel by pixel. Then made-up files for every matrix and table of a
profile.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import adobe_sdk
import common  # noqa: F401, first: it says where tests/helpers is
import profiles
from common import DATA, table
from fotohaus.develop import develop
from fotohaus.develop.color import camera_to_rec2020
from fotohaus.develop.geometry import orient
from fotohaus.develop.profile_tables import rec2020_to_prophoto, total_baseline_exposure
from fotohaus.raw import read_raw
from fotohaus.raw.dng import encode_dng
from fotohaus.raw.image import RawImage

FILES = ("gopro_hero6_mural", "gopro_fusion_front", "canon_colorchecker")
WHITES = {"as shot": None, "2850 K": (0.4476, 0.4074), "3000 K": (0.4369, 0.4041), "D65": (0.3127, 0.3290)}
WHITES |= {"shade": (0.2990, 0.3149), "green": (0.36, 0.39)}
BLOCK = 8
BEYOND = ("defringe", "denoise", "ca", "capture-sharpen", "highlights")  # stages that the SDK has not
CLIPPED = 0.98  # of the white level, in any channel of the block


def means(image: np.ndarray) -> np.ndarray:
    """Means over blocks."""
    height, width = (n // BLOCK * BLOCK for n in image.shape[:2])
    return image[:height, :width].reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK, -1).mean((1, 3))


def figures(error: np.ndarray) -> list[object]:
    return [f"{np.median(error):.3f}", f"{np.percentile(error, 99):.3f}"]


def developed(raw: RawImage, wb: str, off: tuple[str, ...]) -> np.ndarray:
    """The whole picture in linear ProPhoto, as stored, without baseline exposure."""
    scene = develop(raw, wb=wb, off=off).pixels * np.float32(2 ** -total_baseline_exposure(raw))
    undo = {6: 8, 8: 6}.get(raw.orientation, raw.orientation)
    return np.asarray(orient(scene, undo) @ rec2020_to_prophoto().T.astype(np.float32))


def rows(path: Path, whites: dict[str, Any]) -> list[list[object]]:
    raw, found = read_raw(path), []
    for name, white in whites.items():
        theirs = adobe_sdk.stages(path, white=white)
        box = raw.crop
        camera = theirs.stage3[box.top : box.top + box.height, box.left : box.left + box.width].astype(np.float32)
        camera = camera / (65535 if theirs.stage3.dtype == np.uint16 else 1)
        color = camera_to_rec2020(raw.color, white_xy=white)
        free = (camera * color.multipliers).max(-1) < CLIPPED
        # Every few pixels say enough of a pointwise stage.
        thin = (slice(None, None, 5), slice(None, None, 5))
        mine = profiles.ours(raw, camera[thin], white, False)
        kept = free[thin] & profiles.inside(theirs.render[thin])
        row = [path.stem, name, *figures(profiles.delta_e(theirs.render[thin], mine)[kept])]
        wb = "as-shot" if white is None else f"{white[0]},{white[1]}"
        # Adobe's SDK leaves fringes where they are.
        whole = developed(raw, wb, ("defringe",))
        if whole.shape != theirs.render.shape:
            found.append([*row, "size differs", "", "", "", "", ""])
            continue
        kept = free[thin] & profiles.inside(theirs.render[thin])
        row += figures(profiles.delta_e(theirs.render[thin], whole[thin])[kept])
        blocks, own = means(theirs.render), means(np.clip(whole, 0, 1))
        kept = (means(free[..., None])[..., 0] == 1) & profiles.inside(blocks)
        row += figures(profiles.delta_e(blocks, own)[kept])
        alike = developed(profiles.with_the_sdks_demosaic(raw), wb, BEYOND)[thin]
        kept = free[thin] & profiles.inside(theirs.render[thin]) & (alike.max(-1) < CLIPPED)
        found.append([*row, *figures(profiles.delta_e(theirs.render[thin], alike)[kept])])
    return found


def main() -> None:
    if adobe_sdk.library() is None:
        print("needs dngpy 0.1.3 on x86-64 Linux")
        return
    paths = [Path(name) for name in sys.argv[1:]] or [DATA / "raw" / f"{name}.dng" for name in FILES]
    found = [row for path in paths for row in rows(path, WHITES)]
    heads = ("colour, median", "99 %", "develop, median", "99 %", "8 x 8, median", "99 %")
    heads += ("SDK's demosaic, median", "99 %")
    print(table(("file", "white", *heads), found))
    if sys.argv[1:]:
        return
    made = []
    with tempfile.TemporaryDirectory() as folder:
        for name, case in [*profiles.colour_cases(), *profiles.look_cases()]:
            path = Path(folder) / "made.dng"
            path.write_bytes(encode_dng(case.raw))
            raw = read_raw(path)
            theirs = adobe_sdk.stages(path, white=case.white, look=case.look)
            mine = profiles.ours(raw, theirs.stage3, case.white, case.look)
            made.append([name, *figures(profiles.delta_e(theirs.render, mine)[profiles.inside(theirs.render)])])
    print()
    print(table(("made-up file", "median", "99 %"), made))


if __name__ == "__main__":
    main()
