"""The EXIF block in files made of boxes: HEIC and AVIF (ISO/IEC 23008-12, 14496-12), JPEG XL (ISO/IEC 18181-2).

Like everything that reads files, it believes no size before it is checked.
"""

from __future__ import annotations

from collections.abc import Iterator

from fotohaus.raw.tiff import Source, TiffError

_MOST = 10_000  # boxes, items, or extents of all items
_LARGEST = 1 << 24  # bytes of the meta box, and of an EXIF block

Box = tuple[bytes, int, int]


def boxes(source: Source, begin: int, end: int) -> Iterator[Box]:
    """Type, beginning and end of what is in each box between two places. Raises TiffError for one that goes beyond."""
    at = begin
    for _ in range(_MOST):
        if at + 8 > end:
            return
        size, kind, head = _number(source, at, 4), bytes(source.read(at + 4, 4)), 8
        if size == 1:
            size, head = _number(source, at + 8, 8), 16
        size = size or end - at
        if size < head or at + size > end:
            raise TiffError("is damaged: a box is larger than what holds it")
        yield kind, at + head, at + size
        at += size


def _number(source: Source, at: int, size: int) -> int:
    return int.from_bytes(source.read(at, size), "big") if size else 0


def exif_block(source: Source) -> bytes | None:
    """The TIFF structure of a file's EXIF; None if it has none. Raises TiffError for a damaged file."""
    for kind, begin, end in boxes(source, 0, source.size):
        if kind == b"Exif":
            return _after_offset(_taken(source, begin, end))
        if kind == b"meta":
            return _of_item(source, begin + 4, end)
    return None


def _taken(source: Source, begin: int, end: int) -> bytes:
    if end - begin > _LARGEST:
        raise TiffError(f"claims {end - begin} bytes of EXIF")
    return bytes(source.read(begin, end - begin))


def _after_offset(data: bytes) -> bytes | None:
    """What follows the four bytes that say how much there is before the TIFF header."""
    return data[4 + int.from_bytes(data[:4], "big") :] or None


def _of_item(source: Source, begin: int, end: int) -> bytes | None:
    """The item of type "Exif" in a meta box."""
    if end - begin > _LARGEST:
        raise TiffError("is damaged: a meta box of unreasonable size")
    inside = {kind: (at, to) for kind, at, to in boxes(source, begin, end)}
    if b"iinf" not in inside or b"iloc" not in inside:
        return None
    item = _exif_item(source, *inside[b"iinf"])
    if item is None:
        return None
    data_at = inside.get(b"idat", (0, 0))[0]
    pieces = [_taken(source, at, to) for at, to in extents(source, *inside[b"iloc"], item, data_at)]
    return _after_offset(b"".join(pieces))


def _exif_item(source: Source, begin: int, end: int) -> int | None:
    wide = 2 if _number(source, begin, 1) == 0 else 4
    for kind, at, _ in boxes(source, begin + 4 + wide, end):
        version = _number(source, at, 1)
        if kind != b"infe" or version < 2:
            continue
        size = 2 if version == 2 else 4
        if source.read(at + 4 + size + 2, 4) == b"Exif":
            return _number(source, at + 4, size)
    return None


def extents(source: Source, begin: int, end: int, wanted: int, data_at: int) -> list[tuple[int, int]]:
    """Where in the file the parts of an item begin and end (ISO/IEC 14496-12, ItemLocationBox, from `begin` to `end`).

    data_at : where the content of the item data box begins. Raises TiffError for what is damaged or unreasonably large.
    """
    version, sizes = _number(source, begin, 1), _number(source, begin + 4, 2)
    of_offset, of_length, of_base = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    of_index = sizes & 15 if version else 0
    if not {of_offset, of_length, of_base, of_index} <= {0, 4, 8}:
        raise TiffError("is damaged: where its items lie is not understood")
    wide = 4 if version == 2 else 2
    at, left = begin + 6 + wide, _MOST
    for _ in range(min(_number(source, begin + 6, wide), _MOST)):
        item = _number(source, at, wide)
        at += wide
        method = _number(source, at, 2) & 15 if version else 0
        at += 4 if version else 2  # the method, and which file it is in: always this one
        base = _number(source, at, of_base)
        count = _number(source, at + of_base, 2)
        at += of_base + 2
        left -= count
        if left < 0:
            raise TiffError("is damaged: claims more parts than any file has")
        found: list[tuple[int, int]] = []
        for _ in range(count):
            begins = base + _number(source, at + of_index, of_offset) + (data_at if method == 1 else 0)
            found.append((begins, begins + _number(source, at + of_index + of_offset, of_length)))
            at += of_index + of_offset + of_length
        if item == wanted:
            if method > 1 or sum(to - since for since, to in found) > _LARGEST:
                raise TiffError("an item of it lies where it is not looked for")
            return found
        if at > end:
            break
    return []
