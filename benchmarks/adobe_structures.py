"""DNGs of random structure beside Adobe's DNG SDK: `python benchmarks/adobe_structures.py [COUNT [FIRST]]`.

As benchmarks/adobe_combinations.py, which draws levels, colour and looks, but here it is how a file is put together:
codecs with blocks, fields and tiles of any size, BigTIFF, float samples, other colour filter arrays, areas and crops at
odd places, several profiles, lights given as spectra, masks, depth, enhanced images and previews in any order.
"""

from __future__ import annotations

import struct
import sys
from typing import Any

import numpy as np

import adobe_sdk
import common  # noqa: F401, first: it says where tests/helpers is
import dng_parts as kit
import structures
from adobe_combinations import LIGHTS, summary
from dng_files import MATRIX, make_dng

ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SRATIONAL, FLOAT, DOUBLE = 2, 3, 4, 5, 7, 10, 11, 12
JPEG_XL = 52546
NEUTRAL = RATIONAL, [5000, 10000, 1, 1, 6250, 10000]
# What belongs to a profile.
PROFILE = (50721, 50722, 52531, 50778, 50779, 52529, 52533, 52534, 52535, 50937, 50938, 50939, 52537, 51107, 50940)
PROFILE += (50981, 50982, 50936, 50932, 51109, 52544)


class Structured:
    """A file: its bytes, whether its look takes part, the white to develop it for, and the names of what was drawn."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed + 5_000_000)
        self.names: list[str] = []
        self.raw: dict[int, Any] = {}
        self.main: dict[int, Any] = {}
        self.more: dict[str, Any] = {}
        self.white: tuple[float, float] | None = None
        self.judged: bytes | None = None
        self.chosen: dict[int, Any] | None = None
        self.mosaic = self.maybe("mosaic", 0.55)
        self.order = ">" if self.maybe("big-endian", 0.4) else "<"
        self.more["order"] = self.order
        if self.maybe("BigTIFF", 0.25):
            self.more["big"] = True
        self._samples()
        self._places()
        self._opcodes()
        self._color()
        self.blocks = self._profiles()
        self._beside()
        self.look = self._look() and (self.chosen is None or 52525 in self.raw)
        if self.chosen is not None:
            # The SDK takes the first profile, whichever was chosen on the camera.
            first = {k: v for k, v in self.main.items() if k not in PROFILE} | self.chosen
            first = {k: v for k, v in first.items() if k != 50933} | {50728: self.main.get(50728, NEUTRAL)}
            self.judged = bytes(make_dng(self.stored, raw=self.raw, main=dict.fromkeys(PROFILE) | first, **self.more))
        data = make_dng(self.stored, raw=self.raw, main=self.main, **self.more)
        self.data = structures.with_blocks(bytes(data), self.blocks, self.order)

    def maybe(self, name: str, chance: float) -> bool:
        drawn = bool(self.rng.random() < chance)
        if drawn:
            self.names.append(name)
        return drawn

    def one(self, *choices: Any) -> Any:
        return choices[int(self.rng.integers(len(choices)))]

    def _samples(self) -> None:
        """Levels, codec and how samples lie in the file."""
        rng = self.rng
        planes = 1 if self.mosaic else 3
        floating = self.maybe("floats", 0.25)
        codec = self.one("none", "none", "JPEG", "deflate", "deflate", "JPEG XL", "JPEG XL")
        bits = self.one(16, 24, 32) if floating else self.one(8, 10, 12, 14, 16, 16)
        if codec == "JPEG":
            floating = False
            bits = self.one(10, 12, 14, 16) if bits != 8 else 8
            frames = ("pairs", "rows", "double") if self.mosaic else ("rgb", "rows")
            self.more |= {"compression": 7, "frame": self.one(*frames)}
        elif codec == "deflate":
            bits = bits if floating else self.one(8, 16, 32)
            predictors = (1, 3, 34894, 34895) if floating else (1, 2, 34892, 34893)
            self.more |= {"compression": 8, "predictor": self.one(*predictors)}
        elif codec == "JPEG XL":
            bits = 16 if floating else self.one(8, 16)
            self.more |= {"compression": JPEG_XL}
        self.more["bits"] = bits
        self.names.append(f"{codec} {self.more.get('frame', self.more.get('predictor', ''))} of {bits} bits")
        tile = self.one(None, None, (48, 64), (256, 256), (30, 50), (17, 1000), (kit.HEIGHT, kit.WIDTH))
        if tile is not None:
            self.more["tile"] = tile = tile if self.more.get("frame") != "double" else (48, 64)
            self.names.append(f"tiles {tile}")
        elif self.maybe("strips", 0.6):
            self.more["rows_per_strip"] = rows = self.one(7, 13, 16, 32) if codec != "JPEG" else self.one(8, 24, 40)
            self.names.append(f"of {rows}")
        if self.maybe("fields", 0.3):
            self.more["fields"] = fields = self.one((2, 2), (2, 1), (1, 2), (3, 2), (2, 4))
            self.names.append(f"{fields}")
        # Blocks of what is compressed otherwise, the SDK leaves as they are.
        if tile == (48, 64) and codec in ("none", "JPEG") and self.maybe("blocks", 0.3):
            self.more["block"] = self.one((2, 2), (4, 8), (48, 2))
        # The SDK takes the two predictors that skip samples for whole multiples of them alone.
        if (tile[1] if tile else kit.WIDTH) % 4 and self.more.get("predictor") in (34892, 34893, 34894, 34895):
            self.more["predictor"] = 3 if floating else 2
        top = 1 if floating else (1 << bits) - 1
        black = float(rng.choice([0, 0.03125, 0.0625])) * (1.0 if floating else min(top, 1 << 24))
        black = black if floating else float(np.floor(black))
        self.cfa = self.one("RGGB", "BGGR", "GRBG", "GBRG") if self.mosaic else "RGGB"
        if self.mosaic:
            self.names.append(self.cfa)
            self.more["cfa"] = self.cfa
        light = kit.mosaic(kit.CAMERA, self.cfa)[..., None] if self.mosaic else kit.CAMERA
        stored = black + light * (top - black)
        kind = np.float32 if floating else np.uint32 if bits == 32 else np.uint16
        stored = stored.astype(kind) if floating else np.rint(stored).astype(kind)
        if floating and self.maybe("float levels", 0.3):
            stored, black, top = stored * np.float32(100), black * 100, 100
        self.stored = stored[..., 0] if self.mosaic else stored
        self.raw[50714] = (
            (RATIONAL, kit.rationals(*[black] * planes)) if top < 1 << 20 else (LONG, [int(black)] * planes)
        )
        self.raw[50717] = (LONG, [top] * planes)
        if not floating and codec != "JPEG XL" and bits in (8, 10, 12) and self.maybe("table", 0.4):
            table = np.rint(65535 * (np.arange(1 << bits) / top) ** 1.5)
            self.raw |= {50712: (SHORT, table.astype(int).tolist()), 50717: (LONG, [65535] * planes)}
            level = float(table[int(black)])
            self.raw[50714] = (LONG, [int(level)] * planes)

    def _places(self) -> None:
        """Active area, crops and turns."""
        rng = self.rng
        height, width = kit.HEIGHT, kit.WIDTH
        area, self.seen = [0, 0, height, width], self.cfa
        if self.maybe("active area", 0.35):
            area = [
                *(int(n) for n in rng.integers(0, 9, 2)),
                height - int(rng.integers(0, 9)),
                width - int(rng.integers(0, 9)),
            ]
            self.raw[50829] = (LONG, area)
            self.names.append(str(area))
            if self.mosaic:
                # The pattern begins at the active area's corner.
                rows = [self.cfa[:2], self.cfa[2:]]
                self.seen = "".join(rows[(y + area[0]) & 1][(x + area[1]) & 1] for y in (0, 1) for x in (0, 1))
                self.raw[33422] = (1, ["RGB".index(c) for c in self.seen])
            if self.maybe("masked areas", 0.5):
                self.raw[50830] = (LONG, [0, 0, height, 2])
        self.size = area[2] - area[0], area[3] - area[1]
        if self.maybe("crop", 0.4):
            left, top = (float(v) for v in rng.integers(0, 20, 2) + rng.choice([0, 0.5], 2))
            across, down = (float(v) for v in rng.integers(70, 84, 2))
            self.raw[50719] = (RATIONAL, kit.rationals(left, top))
            self.raw[50720] = (RATIONAL, kit.rationals(across, down))
            self.names.append(f"{left, top, across, down}")
        if self.maybe("turned", 0.3):
            self.main[274] = (SHORT, int(rng.integers(2, 9)))
        if self.maybe("oblong", 0.05):
            self.raw[50718] = (RATIONAL, [4, 3, 1, 1])

    def _opcodes(self) -> None:
        rng = self.rng
        (height, width), planes = self.size, 1 if self.mosaic else 3
        whole = struct.pack(">8I", 0, 0, height, width, 0, planes, 1, 1)

        def wave(count: int) -> bytes:
            return (1 + 0.1 * np.sin(np.arange(count) / rng.uniform(5, 20))).astype(">f4").tobytes()

        table = 7, whole + struct.pack(">I", 65536) + (np.linspace(0, 1, 65536) ** 1.2 * 65535).astype(">u2").tobytes()
        columns = 13, whole + struct.pack(">I", width) + wave(width)
        added = 11, whole + struct.pack(">I", width) + ((0.02 * np.sin(np.arange(width) / 9)).astype(">f4")).tobytes()
        second, third = [table, columns, added], [table, columns]
        if self.mosaic:
            of_channels, swell = [], rng.uniform(0.3, 1)
            for at in range(4):
                area = struct.pack(">8I", at // 2, at % 2, height, width, 0, 1, 2, 2)
                y, x = (np.mgrid[0:9, 0:13] / np.array([8, 12]).reshape(2, 1, 1)) - 0.5
                # Both greens alike: what is left of a difference, demosaics take for detail.
                much = {"R": 0.3, "G": 0.7, "B": 0.1}[self.seen[at]] * swell
                gains = (1 + much * (x * x + y * y)).astype(">f4").tobytes()
                of_channels.append((9, area + struct.pack(">2I4dI", 9, 13, 1 / 8, 1 / 12, 0, 0, 1) + gains))
            if self.maybe("four gain maps", 0.4):
                self.raw[51009] = kit.opcodes(*of_channels)
        numbers = rng.uniform(-0.02, 0.02, (3, 6)) * (1, 1, 1, 0.3, 0.1, 0.1) + (1, 0, 0, 0, 0, 0)
        of_planes = 1, struct.pack(">I18d2d", 3, *numbers.ravel(), 0.48, 0.53)
        radial = [1, 0, -0.04, 0.01, *[0] * 11]
        newer = 14, struct.pack(">I21dI", 1, *radial, 0.001, 0.001, 0, 1, 0.5, 0.5, 0)
        third += [of_planes, newer]
        if 51009 not in self.raw and self.maybe("list 2", 0.3):
            self.raw[51009] = kit.opcodes(*[second[i] for i in rng.permutation(3)[: int(rng.integers(1, 3))]])
        if self.maybe("list 3", 0.3):
            if self.mosaic:
                third = [of_planes, newer]
            picked = rng.permutation(len(third))[: int(rng.integers(1, 3))]
            self.names.append(str([third[i][0] for i in picked]))
            self.raw[51022] = kit.opcodes(*[third[i] for i in picked])
        if (
            self.mosaic
            and 8 < self.more["bits"] <= 16
            and self.stored.dtype == np.uint16
            and self.maybe("bad pixels", 0.2)
        ):
            points = [(int(y), int(x)) for y, x in zip(rng.integers(20, 100, 5), rng.integers(20, 100, 5), strict=True)]
            listed = struct.pack(">3I", ("RGGB", "GRBG", "GBRG", "BGGR").index(self.cfa), 5, 0) + b"".join(
                struct.pack(">2I", *p) for p in points
            )
            self.raw[51008] = kit.opcodes((5, listed))

    def _calibrations(self, count: int, lights: list[int]) -> dict[int, Any]:
        """Matrices, hue and saturation maps, and lights, some of which are the file's own."""
        rng, order = self.rng, self.order
        fields: dict[int, Any] = {}
        maps = self.maybe("hue/sat maps", 0.3)
        shape = self.one((1, 6, 4), (3, 8, 5))
        for i, light in enumerate(lights[:count]):
            own = np.array(MATRIX) * rng.uniform(0.96, 1.04, 9)
            fields[(50721, 50722, 52531)[i]] = (SRATIONAL, kit.rationals(*own))
            if self.maybe("other light", 0.2):
                kind = self.one("xy", "spectrum")
                fields[(50778, 50779, 52529)[i]] = (SHORT, 255)
                fields[(52533, 52534, 52535)[i]] = (UNDEFINED, structures.light(kind, i, order))
            else:
                fields[(50778, 50779, 52529)[i]] = (SHORT, light)
            if maps:
                shifts = rng.uniform((-10, 0.8, 0.9), (10, 1.2, 1.1), (*shape, 3))
                shifts[:, :, 0, 2] = 1
                fields[(50938, 50939, 52537)[i]] = (FLOAT, shifts.ravel().tolist())
        if maps:
            fields[50937] = (LONG, [shape[1], shape[2], shape[0]])
            # Of maps without values the SDK takes encoded ones for linear, undone as encoded: darkness.
            fields[51107] = (LONG, int(rng.integers(2)) if shape[0] > 1 else 0)
        return fields

    def _color(self) -> None:
        rng = self.rng
        self.lights = [int(n) for n in rng.choice(LIGHTS, 3, replace=False)]
        count = int(rng.integers(1, 4))
        self.names.append(f"{count} calibrations")
        self.main |= self._calibrations(count, self.lights)
        if self.maybe("another white", 0.35):
            self.white = float(rng.uniform(0.29, 0.45)), float(rng.uniform(0.3, 0.41))
        if self.maybe("neutral", 0.5):
            self.main[50728] = (RATIONAL, kit.rationals(rng.uniform(0.45, 0.7), 1, rng.uniform(0.45, 0.7)))
        if self.maybe("camera calibrations", 0.3):
            for tag in (50723, 50724, 52530):
                own = np.eye(3) + rng.uniform(-0.03, 0.03, (3, 3))
                self.main[tag] = (SRATIONAL, kit.rationals(*own.ravel()))
            self.main[50727] = (RATIONAL, kit.rationals(*rng.uniform(0.9, 1.1, 3)))
            self.main |= {50931: (ASCII, self.one("one", "another")), 50932: (ASCII, self.one("one", "another", ""))}
        self.main[50730] = (SRATIONAL, [int(rng.integers(-50, 50)), 100])
        if self.maybe("noise reduced", 0.2):
            self.raw[50935] = (RATIONAL, [int(rng.integers(0, 3)), 2])

    def _profiles(self) -> list[bytes]:
        """Further profiles, of which one may be the as-shot one."""
        if not self.maybe("profiles", 0.35):
            return []
        names = ["First", "Second", "Third"]
        self.main |= {50936: (ASCII, "First"), 50934: (ASCII, self.one(*names, "none of them"))}
        self.names.append(f"as shot {self.main[50934][1]}")
        blocks = []
        for name in names[1 : int(self.rng.integers(2, 4))]:
            fields = self._calibrations(self.one(1, 2), self.lights)
            fields |= {50936: (ASCII, name), 50708: (ASCII, "Barnes Testcam 1")}
            fields |= {50932: (ASCII, self.one("one", "another"))} if 50932 in self.main else {}
            if self.maybe("offset", 0.4):
                fields[51109] = (SRATIONAL, [int(self.rng.integers(-50, 50)), 100])
            fields |= kit.CURVE if self.maybe("curve", 0.3) else {}
            if name == self.main[50934][1]:
                self.chosen = fields
            blocks.append(structures.profile_block(fields, self.order))
        if blocks:
            self.main[50933] = structures.places(len(blocks))
        return blocks

    def _beside(self) -> None:
        """Masks, depth, enhanced and preview images around the raw one."""
        kinds = []
        chances = {"preview": 0.3, "masks": 0.25, "depth": 0.25, "enhanced": 0.2, "raw preview": 0.15}
        for kind, chance in chances.items():
            if self.maybe(kind, chance):
                kinds.append(kind)
        if kinds or self.maybe("SubIFD", 0.2):
            self.more["sub_ifd"] = True
            order = [kinds[i] for i in self.rng.permutation(len(kinds))]
            # The SDK takes crop and scale of the enhanced image where there is one.
            crop = {tag: self.raw[tag] for tag in (50718, 50719, 50720) if tag in self.raw}
            self.more["subs"] = lambda tiff: structures.beside(tiff, order, *self.size, crop)
            self.more["raw_at"] = int(self.rng.integers(0, 4))

    def _look(self) -> bool:
        look: dict[int, Any] = {}
        if self.maybe("look", 0.25):
            look |= kit.look_table() if self.maybe("table", 0.5) else kit.CURVE
        if self.maybe("gain table map 1", 0.15) and 50718 not in self.raw:
            gains = (0.8 + np.cumsum(self.rng.uniform(0, 0.06, (3, 4, 9)), 2)).astype(np.float32)
            head = struct.pack(self.order + "2I4dI5f", 3, 4, 0.5, 1 / 3, 0, 0, 9, 0.2, 0.3, 0.1, 0.1, 0.3)
            self.raw[52525] = (UNDEFINED, head + gains.astype(self.order + "f4").tobytes())
            look[52525] = None
        self.main |= {k: v for k, v in look.items() if v is not None}
        return bool(look)


def main() -> None:
    if adobe_sdk.library() is None:
        print("needs dngpy 0.1.3 on x86-64 Linux")
        return
    count, begin = (int(sys.argv[i]) if sys.argv[i:] else n for i, n in ((1, 100), (2, 0)))
    summary((seed, Structured(seed)) for seed in range(begin, begin + count))


if __name__ == "__main__":
    main()
