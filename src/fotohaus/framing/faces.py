"""The faces that type is set in: the bundled family (Inter), and for other scripts what the system has.

A letter without a glyph shows as an empty box: what a face can show is read from its file, OpenType 1.9 `cmap`.
"""

from __future__ import annotations

import functools
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fotohaus.config import home_folder, xdg_folder
from fotohaus.records import record

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

Weight = Literal["regular", "bold"]

CAP_HEIGHT = 1490 / 2048
"""Of capitals, for a size of 1."""

_OWN = Path(__file__).resolve().parent / "fonts"
_FILES: dict[Weight, str] = {"regular": "Inter-Regular.ttf", "bold": "Inter-SemiBold.ttf"}
# Tried first, in this order: quiet sans-serifs of wide coverage.
_PREFERRED = """
notosanscjk-regular notosanscjksc-regular sourcehansans notosansarabic-regular notosansarabicui-regular
notosanshebrew-regular notosansdevanagari-regular notosansthai-regular notosans-regular
pingfang hiraginosansgb sfpro sfarabic arialhb helveticaneue geezapro applesdgothicneo thonburi kohinoor
msyh meiryo yugothm malgun segoeui leelawui nirmala
dejavusans droidsansfallbackfull droidsansfallback wqy-microhei arial
"""
_MOST_FILES = 600
_LARGEST_TABLE = 1 << 22


@record
class Face:
    """A font file, and which of the fonts in it."""

    path: str
    index: int = 0


def shapes() -> bool:
    """Whether Pillow can shape and order complex scripts: its Raqm finds FriBiDi on the machine."""
    from PIL import features

    return bool(features.check("raqm"))


def own(weight: Weight) -> Face:
    """The bundled face of a weight."""
    return Face(str(_OWN / _FILES[weight]))


@functools.lru_cache(maxsize=64)
def font(face: Face, size: float) -> FreeTypeFont:
    """A face at a size in pixels."""
    from PIL import ImageFont

    engine = ImageFont.Layout.RAQM if shapes() else ImageFont.Layout.BASIC
    return ImageFont.truetype(face.path, size, face.index, layout_engine=engine)


def face_for(needed: frozenset[str], weight: Weight) -> Face | None:
    """A face that has a glyph for every one of the characters; the bundled one if it has, or None."""
    codes = frozenset(map(ord, needed))
    if codes <= coverage(own(weight)):
        return own(weight)
    return next((face for face in _system() if codes <= coverage(face)), None)


@functools.lru_cache(maxsize=4096)
def face_of(character: str, weight: Weight) -> Face | None:
    """A face that has a character, or None."""
    return face_for(frozenset(character), weight)


@functools.cache
def _system() -> tuple[Face, ...]:
    """The machine's faces, those of wide coverage first."""
    ranks = {name: i for i, name in enumerate(_PREFERRED.split())}
    files = list(_font_files())

    def rank(path: str) -> tuple[int, bool, str]:
        stem = Path(path).stem.casefold().replace(" ", "")
        heavy = any(style in stem for style in ("bold", "italic", "oblique", "mono", "black", "light", "thin", "serif"))
        return ranks.get(stem, len(ranks)), heavy, path

    return tuple(Face(path) for path in sorted(files, key=rank)[:_MOST_FILES])


def _font_files() -> Iterator[str]:
    home = home_folder()
    if sys.platform == "win32":
        roots = [Path(os.environ.get("WINDIR", r"C:\Windows")) / "Fonts"]
    elif sys.platform == "darwin":
        roots = [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library" / "Fonts"]
    else:
        data = xdg_folder("XDG_DATA_HOME", ".local", "share")
        roots = [Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), data / "fonts", home / ".fonts"]
    for root in roots:
        for folder, _, names in os.walk(root):
            for name in names:
                if name.lower().endswith((".ttf", ".otf", ".ttc")):
                    yield os.path.join(folder, name)


@functools.lru_cache(maxsize=700)
def coverage(face: Face) -> frozenset[int]:
    """The code points that a face has outlines for; none for a file that can't be read or holds bitmaps only."""
    try:
        with open(face.path, "rb") as file:
            head = file.read(12)
            at = 0
            if head[:4] == b"ttcf":
                file.seek(12 + 4 * face.index)
                at = int.from_bytes(file.read(4), "big")
                file.seek(at)
                head = file.read(12)
            count = min(int.from_bytes(head[4:6], "big"), 256)
            file.seek(at + 12)
            tables = {}
            for _ in range(count):
                name, _, offset, length = struct.unpack(">4sIII", file.read(16))
                tables[name] = offset, length
            if b"cmap" not in tables or not {b"glyf", b"CFF ", b"CFF2"} & set(tables):
                return frozenset()
            offset, length = tables[b"cmap"]
            file.seek(offset)
            return _cmap(file.read(min(length, _LARGEST_TABLE)))
    except (OSError, struct.error, IndexError):
        return frozenset()


def _cmap(table: bytes) -> frozenset[int]:
    """Code points of the widest Unicode subtable, formats 4 and 12."""
    best: dict[int, int] = {}
    for i in range(min(int.from_bytes(table[2:4], "big"), 64)):
        platform, encoding, offset = struct.unpack_from(">HHI", table, 4 + 8 * i)
        if platform == 0 or (platform == 3 and encoding in (1, 10)):
            best[int.from_bytes(table[offset : offset + 2], "big")] = offset
    codes: set[int] = set()
    if 12 in best:
        at = best[12]
        for i in range(min(struct.unpack_from(">I", table, at + 12)[0], 100_000)):
            first, last, glyph = struct.unpack_from(">III", table, at + 16 + 12 * i)
            if first <= last <= 0x10FFFF:
                codes.update(range(first + (glyph == 0), last + 1))
    elif 4 in best:
        at = best[4]
        count = struct.unpack_from(">H", table, at + 6)[0] // 2
        ends = struct.unpack_from(f">{count}H", table, at + 14)
        starts = struct.unpack_from(f">{count}H", table, at + 16 + 2 * count)
        deltas = struct.unpack_from(f">{count}H", table, at + 16 + 4 * count)
        offsets_at = at + 16 + 6 * count
        offsets = struct.unpack_from(f">{count}H", table, offsets_at)
        for i, (first, last) in enumerate(zip(starts, ends, strict=True)):
            for code in range(first, min(last, 0xFFFE) + 1):
                if offsets[i]:
                    place = offsets_at + 2 * i + offsets[i] + 2 * (code - first)
                    glyph = int.from_bytes(table[place : place + 2], "big")
                    glyph = glyph and (glyph + deltas[i]) & 0xFFFF
                else:
                    glyph = (code + deltas[i]) & 0xFFFF
                if glyph:
                    codes.add(code)
    return frozenset(codes)
