"""Valid DNGs of random combinations beside Adobe's DNG SDK: `python benchmarks/adobe_combinations.py [COUNT [FIRST]]`.

Each file draws its container, levels, areas, opcodes, calibrations and the look of its profile. Delta E 2000 of linear
raw pixel by pixel, of mosaics in means of 8 x 8, without what is clipped, the outermost 6 px, and colours outside of
ProPhoto, which the SDK cuts. Files that are off are listed with what they hold; what the SDK refuses is counted.
"""

from __future__ import annotations

import struct
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

import adobe_sdk
import common  # noqa: F401, first: it says where tests/helpers is
import dng_parts as kit
import profiles
from common import table
from dng_files import MATRIX, make_dng
from fotohaus import kernels
from fotohaus.develop import develop
from fotohaus.develop.geometry import orient
from fotohaus.develop.profile_look import apply_profile_look
from fotohaus.develop.profile_tables import rec2020_to_prophoto, total_baseline_exposure
from fotohaus.errors import ReadError
from fotohaus.raw import read_raw
from sdk import means

SHORT, LONG, RATIONAL, SRATIONAL, FLOAT = 3, 4, 5, 10, 11
LIGHTS = (1, 2, 3, 4, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24)
STAGES = ("defringe", "denoise", "capture-sharpen", "highlights", "ca")
MOST = (0.12, 1.0)  # median and 99th percentile of a file that is not off
SEEN = 0.2  # of all pixels, at least
EDGE = 6


class Drawn:
    """A file: its bytes, whether its look takes part, and the names of what was drawn."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.names: list[str] = []
        self.raw: dict[int, Any] = {}
        self.main: dict[int, Any] = {}
        self.more: dict[str, Any] = {}
        self.mosaic = self.maybe("mosaic", 0.5)
        self.bits = int(self.rng.choice([10, 12, 14, 16])) if self.maybe("packed", 0.3) else 16
        self.more |= {"order": ">"} if self.maybe("big-endian", 0.3) else {}
        self.more |= {"sub_ifd": True} if self.maybe("SubIFD", 0.4) else {}
        self._levels()
        self._opcodes()
        self._color()
        self.look = self._look()
        self.white: tuple[float, float] | None = None
        self.judged: bytes | None = None  # what the SDK gets, where that is another file
        self._newer(np.random.default_rng(seed + 1_000_000))
        self.data = bytes(make_dng(self.stored, bits=self.bits, raw=self.raw, main=self.main, **self.more))

    def maybe(self, name: str, chance: float) -> bool:
        drawn = bool(self.rng.random() < chance)
        if drawn:
            self.names.append(name)
        return drawn

    def _levels(self) -> None:
        rng, top = self.rng, (1 << self.bits) - 1
        rows, columns = (1, 1)
        if self.maybe("black of a pattern", 0.4):
            rows, columns = ((2, 2), (4, 4), (6, 6), (3, 5))[rng.integers(4)]
        planes = 1 if self.mosaic else 3
        black = (top * rng.uniform(0.02, 0.06) + rng.uniform(0, 0.01 * top, (rows, columns, planes))).round(2)
        self.raw = {50713: (SHORT, [rows, columns]), 50714: (RATIONAL, kit.rationals(*black.ravel()))}
        white = int(top * (rng.uniform(0.9, 1) if self.maybe("white", 0.5) else 1))
        self.raw[50717] = (LONG, [white] * planes)
        light = kit.mosaic(kit.CAMERA)[..., None] if self.mosaic else kit.CAMERA
        repeats = (-(-kit.HEIGHT // rows), -(-kit.WIDTH // columns), 1)
        stored = kit.codes(light, np.tile(black, repeats)[: kit.HEIGHT, : kit.WIDTH], white)
        self.stored = stored[..., 0] if self.mosaic else stored
        if self.maybe("crop", 0.3):
            self.raw |= kit.CROP
        if self.maybe("oblong", 0.1):
            self.raw[50718] = (RATIONAL, [1, 1, 2, 1])
        if self.maybe("turned", 0.3):
            self.main[274] = (SHORT, int(rng.integers(2, 9)))

    def _opcodes(self) -> None:
        rng = self.rng
        wave = 1 + 0.1 * np.sin(np.arange(kit.HEIGHT) / rng.uniform(5, 20))
        curve = 8, kit.area(kit.HEIGHT, kit.WIDTH) + struct.pack(">I3d", 2, 0, 0.8, 0.2)
        both = [kit.VIGNETTE, kit.lines(12, kit.HEIGHT, kit.WIDTH, wave), curve]
        both += [kit.gain_map(*(int(n) for n in rng.integers(2, 9, 2)), rng.uniform(0, 0.6))]
        for tag, chance, choice in ((51009, 0.4, both), (51022, 0.4, [*both, kit.WARP, kit.FISHEYE])):
            if self.maybe(f"list {tag - 51007 if tag == 51009 else 3}", chance):
                picked = [choice[i] for i in rng.permutation(len(choice))[: int(rng.integers(1, 4))]]
                self.raw[tag] = kit.opcodes(*picked)

    def _color(self) -> None:
        rng = self.rng
        matrix = np.array(MATRIX)
        count = int(rng.integers(1, 4))
        self.names.append(f"{count} calibrations")
        for i, light in enumerate(rng.choice(LIGHTS, count, replace=False)):
            own = matrix * rng.uniform(0.96, 1.04, 9)
            self.main[(50721, 50722, 52531)[i]] = (SRATIONAL, kit.rationals(*own))
            self.main[(50778, 50779, 52529)[i]] = (SHORT, int(light))
        if self.maybe("neutral", 0.5):
            self.main[50728] = (RATIONAL, kit.rationals(rng.uniform(0.45, 0.7), 1, rng.uniform(0.45, 0.7)))
        if self.maybe("analog balance", 0.2):
            self.main[50727] = (RATIONAL, kit.rationals(*rng.uniform(0.9, 1.1, 3)))
        if self.maybe("output-referred", 0.1):
            self.main[50879] = (SHORT, 1)
        if self.maybe("exposure", 0.5):
            self.main[50730] = (SRATIONAL, [int(rng.integers(-100, 60)), 100])

    def _look(self) -> bool:
        look: dict[int, Any] = {}
        if self.maybe("tone curve", 0.3):
            look |= kit.CURVE
        if self.maybe("look table", 0.3):
            look |= kit.look_table()
        # The SDK crashes on colour tables of a cropped image.
        if 50719 not in self.raw and self.maybe("colour table", 0.2):
            look |= kit.color_tables(self.more.get("order", "<"), "")
        self.main |= look
        return bool(look)

    def _newer(self, rng: np.random.Generator) -> None:
        """What came later, drawn apart: files keep what they had."""
        self.rng = rng
        if self.maybe("another white", 0.3):
            self.white = [(0.4476, 0.4074), (0.2990, 0.3149), (0.36, 0.39), (0.3127, 0.3290)][rng.integers(4)]
        if self.maybe("black deltas", 0.2):
            for tag, count in ((50715, kit.WIDTH), (50716, kit.HEIGHT)):
                self.raw[tag] = (SRATIONAL, kit.rationals(*rng.uniform(-1, 1, count) * (1 << self.bits) / 1000))
        if self.maybe("forward matrices", 0.3):
            for tag, light in ((50964, 50778), (50965, 50779), (52532, 52529)):
                rows = np.array([[0.5, 0.3, 0.15], [0.25, 0.75, 0], [0.02, 0.1, 0.7]]) * rng.uniform(0.9, 1.1, (3, 3))
                rows *= (np.array([0.9642, 1, 0.8249]) / rows.sum(1))[:, None]
                if light in self.main:
                    self.main[tag] = (SRATIONAL, kit.rationals(*rows.ravel()))
        if self.maybe("camera calibrations", 0.3):
            for tag in (50723, 50724, 52530):
                own = np.eye(3) + rng.uniform(-0.03, 0.03, (3, 3))
                self.main[tag] = (SRATIONAL, kit.rationals(*own.ravel()))
            self.main |= {50931: (2, "one"), 50932: (2, ["one", "another"][rng.integers(2)])}
        if 50728 not in self.main and self.maybe("white by x and y", 0.3):
            self.main |= {50728: None, 50729: (RATIONAL, kit.rationals(*rng.uniform(0.31, 0.4, 2)))}
        # Over oblong pixels the SDK lays such a map as if they were square.
        if 50718 not in self.raw and self.maybe("gain table map 2", 0.25):
            gains = (0.7 + np.cumsum(rng.uniform(0, 0.06, (4, 5, 17)), 2)).astype(np.float32)
            order = self.more.get("order", "<")
            head = struct.pack(order + "2I4dI5f", 4, 5, 0.3, 0.22, 0.05, 0.06, 17, 0.2, 0.3, 0.1, 0.1, 0.3)
            head += struct.pack(order + "I3f", 3, float(rng.uniform(0.5, 2)), 0.125, 8)
            self.main[52544] = (7, head + gains.astype(order + "f4").tobytes())
            self.look = True
        if self.look and self.maybe("HDR profile", 0.3):
            self.main[52551] = (7, struct.pack(self.more.get("order", "<") + "2Hf", 1, 1, 4.0))
        if self.maybe("tiles", 0.5):
            self.more["tile"] = (48, 64)
        if self.maybe("compressed", 0.4):
            kinds: list[dict[str, Any]] = [{"compression": 8, "predictor": p} for p in (1, 2, 34892)]
            kinds += [{"compression": 7, "frame": "pairs" if self.mosaic else "rgb"}]
            kinds += [{"compression": 52546}] if self.bits == 16 else []
            kind = kinds[rng.integers(len(kinds))]
            self.more |= kind if self.bits == 16 or kind["compression"] == 7 else {}
            self.names.append(str(kind))


def compared(drawn: Drawn, path: Path) -> np.ndarray | None:
    """Delta E of what can be compared; None where there is too little of it."""
    path.write_bytes(drawn.judged or drawn.data)
    theirs = adobe_sdk.stages(path, white=drawn.white, look=drawn.look).render
    path.write_bytes(drawn.data)
    raw = read_raw(path)
    scene = develop(raw, wb="as-shot" if drawn.white is None else f"{drawn.white[0]},{drawn.white[1]}", off=STAGES)
    mine = scene.pixels * np.float32(1 if drawn.look else 2.0 ** -total_baseline_exposure(raw))
    free = (mine @ rec2020_to_prophoto().T).max(-1) < 0.98
    if drawn.look and scene.camera_look is not None:
        mine = apply_profile_look(kernels.planar(mine), scene.camera_look)
    undo = {6: 8, 8: 6}.get(raw.orientation, raw.orientation)
    mine, free = orient(mine, undo) @ rec2020_to_prophoto().T, orient(free, undo)
    kept = profiles.inside(theirs) & free & (mine.min(-1) > 0)
    inner = slice(EDGE, -EDGE), slice(EDGE, -EDGE)
    theirs, mine, kept = theirs[inner], mine[inner], kept[inner]
    if drawn.mosaic:
        theirs, mine, kept = means(theirs), means(mine), means(kept[..., None])[..., 0] == 1
    return profiles.delta_e(theirs, mine)[kept] if kept.mean() > SEEN else None


def summary(files: Iterable[tuple[int, Any]]) -> None:
    """Tables of files as `Drawn` makes them, by seed: how far all are off, and which are."""
    off, found, refused, dark, count = [], [], 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.dng"
        for seed, drawn in files:
            count += 1
            try:
                error = compared(drawn, path)
            except RuntimeError:
                refused += 1
                continue
            except (ReadError, ValueError) as reason:
                off.append([seed, str(reason)[-60:], "", ", ".join(drawn.names)])
                continue
            if error is None:
                dark += 1
                continue
            figures = float(np.median(error)), float(np.percentile(error, 99))
            found.append(figures)
            if figures[0] > MOST[0] or figures[1] > MOST[1]:
                off.append([seed, *(f"{f:.3f}" for f in figures), ", ".join(drawn.names)])
    medians, tails = np.array(found).T
    print(f"{count} files, {refused} refused by the SDK, {dark} with too little that is not clipped, {len(off)} off")
    head = ("median of a file", "99 % of a file")
    rows = [[f"{np.percentile(medians, p):.3f}", f"{np.percentile(tails, p):.3f}", f"{p} % of files"] for p in (50, 99)]
    print(table((*head, ""), rows))
    if off:
        print(table(("file", "median", "99 %", "what it holds"), off))


def main() -> None:
    if adobe_sdk.library() is None:
        print("needs dngpy 0.1.3 on x86-64 Linux")
        return
    count, begin = (int(sys.argv[i]) if sys.argv[i:] else n for i, n in ((1, 100), (2, 0)))
    summary((seed, Drawn(seed)) for seed in range(begin, begin + count))


if __name__ == "__main__":
    main()
