"""The boxes of an AVIF file: coded images, how they lie in the picture, its colours and facts.

ISO/IEC 23008-12:2022 (HEIF), ISO/IEC 14496-12 (8.11), AV1 Image File Format 1.1. Written here because the encoder at
hand puts neither EXIF nor XMP, ICC profile or grid into its files.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from fotohaus.output.boxes import box, boxes, full_box

_HIDDEN = 1
_BITS = 10


class Coded(NamedTuple):
    """One coded image: its decoder configuration (the content of av1C) and its coded data."""

    configuration: bytes
    data: bytes


class Colors(NamedTuple):
    """What the numbers mean: (primaries, transfer, matrix) of H.273, an ICC profile, (MaxCLL, MaxFALL) in cd/m2."""

    cicp: tuple[int, int, int]
    profile: bytes | None
    light_level: tuple[int, int] | None


def coded_image(file: bytes) -> Coded:
    """The only image of an AVIF file that the encoder has just made."""
    top = dict(boxes(file))
    configuration = dict(boxes(dict(boxes(dict(boxes(top[b"meta"], 4))[b"iprp"]))[b"ipco"]))[b"av1C"]
    return Coded(configuration, top[b"mdat"])


def assemble(
    images: Sequence[Coded], shape: tuple[int, int], rows: int, colors: Colors, *, exif: bytes, xmp: bytes
) -> list[bytes]:
    """The file, in pieces.

    images : one, of the picture's shape, or several below one another, all of `rows` rows; shape says what is shown.
    exif, xmp : left out where they are empty.
    """
    height, width = shape
    several = len(images) > 1
    grid = struct.pack(">4B2I", 0, 1, len(images) - 1, 0, width, height)
    # Number, kind, name of the content's type, whether hidden, content; items are numbered from 1.
    items: list[tuple[bytes, bytes, int, bytes]] = []
    if several:
        items.append((b"grid", b"", 0, grid))
    items += [(b"av01", b"", _HIDDEN if several else 0, image.data) for image in images]
    facts = len(items) + 1
    if exif:
        # Four bytes say how far the TIFF header is (HEIF, A.2.1).
        items.append((b"Exif", b"", _HIDDEN, bytes(4) + exif))
    if xmp:
        items.append((b"mime", b"application/rdf+xml\0", _HIDDEN, xmp))

    references = [(b"cdsc", number, [1]) for number in range(facts, len(items) + 1)]
    if several:
        references.insert(0, (b"dimg", 1, list(range(2, facts))))
    head = full_box(b"hdlr", 0, 0, bytes(4), b"pict", bytes(13)) + full_box(b"pitm", 0, 0, struct.pack(">H", 1))
    infos = [
        full_box(b"infe", 2, hidden, struct.pack(">HH4s", number, 0, kind), b"\0", content)
        for number, (kind, content, hidden, _) in enumerate(items, 1)
    ]
    iinf = full_box(b"iinf", 0, 0, struct.pack(">H", len(items)), *infos)
    linked = [box(kind, struct.pack(f">HH{len(to)}H", number, len(to), *to)) for kind, number, to in references]
    iref = full_box(b"iref", 0, 0, *linked) if linked else b""
    iprp = _properties(images, (height, width), (rows, width), colors)

    main_profile = images[0].configuration[1] >> 5 == 0
    ftyp = box(b"ftyp", b"avif", bytes(4), b"avifmif1miaf", b"MA1B" if main_profile else b"MA1A")
    size = 12 + len(head) + len(iinf) + len(iref) + len(iprp) + 12 + 4 + 14 * len(items)
    at = len(ftyp) + size + 8
    entries = b""
    for number, (*_, content) in enumerate(items, 1):
        entries += struct.pack(">HHHII", number, 0, 1, at, len(content))
        at += len(content)
    iloc = full_box(b"iloc", 0, 0, struct.pack(">BBH", 0x44, 0, len(items)), entries)
    meta = full_box(b"meta", 0, 0, head, iloc, iinf, iref, iprp)
    assert len(meta) == size
    contents = [content for *_, content in items]
    mdat = struct.pack(">I4s", 8 + sum(map(len, contents)), b"mdat")
    return [ftyp, meta, mdat, *contents]


def _properties(images: Sequence[Coded], whole: tuple[int, int], strip: tuple[int, int], colors: Colors) -> bytes:
    """Properties and which image has which; the grid, if there is one, is the first."""
    shared = [full_box(b"pixi", 0, 0, bytes([3, _BITS, _BITS, _BITS]))]
    shared.append(box(b"colr", b"nclx", struct.pack(">HHHB", *colors.cicp, 0x80)))
    if colors.profile is not None:
        shared.append(box(b"colr", b"prof", colors.profile))
    if colors.light_level is not None:
        shared.append(box(b"clli", struct.pack(">HH", *colors.light_level)))
    listed = list(shared)

    def place(made: bytes) -> int:
        if made not in listed:
            listed.append(made)
        return listed.index(made) + 1

    def size(shape: tuple[int, int]) -> int:
        return place(full_box(b"ispe", 0, 0, struct.pack(">II", shape[1], shape[0])))

    common = list(range(1, len(shared) + 1))
    several = len(images) > 1
    has = [[size(whole), *common]] if several else []
    for image in images:
        essential = 0x80 | place(box(b"av1C", image.configuration))
        has.append([size(strip if several else whole), essential, *common])
    entries = b"".join(struct.pack(">HB", number, len(which)) + bytes(which) for number, which in enumerate(has, 1))
    return box(b"iprp", box(b"ipco", *listed), full_box(b"ipma", 0, 0, struct.pack(">I", len(has)), entries))
