"""Writes TIFF structures: typed directories, nested directories, and the strips or tiles that they point to.

DNG, EXIF blocks and TIFF files are all this structure (TIFF 6.0, section 2; EXIF 2.32, 4.6.2): little-endian, entries
sorted by tag, every value and payload at an even offset.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Sequence
from enum import IntEnum
from fractions import Fraction

from fotohaus.errors import WriteError
from fotohaus.raw import tags

Value = int | float | Fraction

LIMIT = 0xFFFFFFFF
"""The largest offset that classic TIFF can express."""


class Type(IntEnum):
    """TIFF field types."""

    BYTE = 1
    ASCII = 2
    SHORT = 3
    LONG = 4
    RATIONAL = 5
    SBYTE = 6
    UNDEFINED = 7
    SSHORT = 8
    SLONG = 9
    SRATIONAL = 10
    FLOAT = 11
    DOUBLE = 12
    IFD = 13


_STRUCT = {
    Type.BYTE: "B",
    Type.SHORT: "H",
    Type.LONG: "I",
    Type.SBYTE: "b",
    Type.SSHORT: "h",
    Type.SLONG: "i",
    Type.FLOAT: "f",
    Type.DOUBLE: "d",
    Type.IFD: "I",
}


def rational(value: float, *, signed: bool = False) -> Fraction:
    """The simplest fraction that stands for a measured value, to seven digits: 0.0021978022 is 1/455.

    Raises ValueError for a value that is not finite, out of range, or negative without `signed`.
    """
    largest = 0x7FFFFFFF if signed else 0xFFFFFFFF
    if not math.isfinite(value) or abs(value) > largest or (value < 0 and not signed):
        raise ValueError(f"{value} is not a {'signed ' if signed else ''}rational")
    exact = Fraction(value)
    fraction = Fraction(0)
    for denominator in (1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, largest):
        fraction = exact.limit_denominator(denominator)
        if abs(fraction - exact) <= abs(exact) / 5_000_000 and abs(fraction.numerator) <= largest:
            return fraction
    return fraction


class Directory:
    """One image file directory: tags with typed values, directories below it, and the payload that it describes."""

    def __init__(self) -> None:
        self._values: dict[int, tuple[Type, int, bytes]] = {}
        self._children: dict[int, list[Directory]] = {}
        self._payload: tuple[int, Sequence[bytes]] | None = None

    def set(self, tag: int, kind: Type, values: Value | Iterable[Value] | bytes) -> None:
        """Give a tag its value: a number, several, or raw bytes for BYTE, ASCII and UNDEFINED.

        Raises ValueError for a value that its type can't hold.
        """
        if isinstance(values, bytes):
            if kind not in (Type.BYTE, Type.ASCII, Type.UNDEFINED):
                raise ValueError(f"tag {tag}: {kind.name} does not take bytes")
            self._values[tag] = kind, len(values), values
            return
        numbers = list(values) if isinstance(values, Iterable) else [values]
        try:
            self._values[tag] = kind, len(numbers), _pack(kind, numbers)
        except (struct.error, OverflowError, TypeError, ValueError) as error:
            raise ValueError(f"tag {tag}: {error}") from None

    def ratios(self, tag: int, parts: Iterable[tuple[int, int]]) -> None:
        """Give a tag rationals as numerators and denominators: 0/0 says that a value is not known."""
        numbers = [n for part in parts for n in part]
        self._values[tag] = Type.RATIONAL, len(numbers) // 2, struct.pack(f"<{len(numbers)}I", *numbers)

    def text(self, tag: int, text: str | None) -> None:
        """Give a tag a text, UTF-8 with its terminating NUL; without printable characters the tag is left out."""
        clean = "".join(c if c.isprintable() else " " for c in text or "").strip()
        if clean:
            self.set(tag, Type.ASCII, clean.encode("utf-8", "replace") + b"\0")

    def below(self, tag: int, child: Directory) -> Directory:
        """Put a directory below this one (SubIFDs, EXIF, GPS); returns it."""
        self._children.setdefault(tag, []).append(child)
        return child

    def strips(self, segments: Sequence[bytes]) -> None:
        """The image's data as strips (StripOffsets, StripByteCounts)."""
        self._attach(tags.STRIP_OFFSETS, tags.STRIP_BYTE_COUNTS, segments)

    def tiles(self, segments: Sequence[bytes]) -> None:
        """The image's data as tiles (TileOffsets, TileByteCounts)."""
        self._attach(tags.TILE_OFFSETS, tags.TILE_BYTE_COUNTS, segments)

    def __contains__(self, tag: int) -> bool:
        return tag in self._values or tag in self._children

    def _attach(self, offsets: int, counts: int, segments: Sequence[bytes]) -> None:
        self._payload = offsets, segments
        self.set(counts, Type.LONG, [len(s) for s in segments])

    def _entries(self) -> list[tuple[int, Type, int, bytes | None]]:
        """Tag, type, count and bytes in the order of tags; bytes are None where they are offsets."""
        entries: list[tuple[int, Type, int, bytes | None]] = [(t, *v) for t, v in self._values.items()]
        entries += [(t, Type.LONG, len(c), None) for t, c in self._children.items()]
        if self._payload:
            entries.append((self._payload[0], Type.LONG, len(self._payload[1]), None))
        return sorted(entries, key=lambda entry: entry[0])

    def _all(self) -> Iterable[Directory]:
        yield self
        for tag in sorted(self._children):
            for child in self._children[tag]:
                yield from child._all()

    def _tables_size(self) -> int:
        entries = self._entries()
        overflow = sum(_even(n) for _, kind, count, _ in entries if (n := count * _SIZE[kind]) > 4)
        return 2 + 12 * len(entries) + 4 + overflow

    def _tables(self, start: int, offsets: dict[int, list[int]]) -> bytes:
        """The directory at `start` with the values that don't fit into it behind it."""
        entries = self._entries()
        table = [struct.pack("<H", len(entries))]
        overflow: list[bytes] = []
        position = start + 2 + 12 * len(entries) + 4
        for tag, kind, count, data in entries:
            if data is None:
                data = struct.pack(f"<{count}I", *offsets[tag])
            if len(data) <= 4:
                cell = data.ljust(4, b"\0")
            else:
                cell = struct.pack("<I", position)
                overflow.append(data.ljust(_even(len(data)), b"\0"))
                position += len(overflow[-1])
            table.append(struct.pack("<HHI", tag, kind, count) + cell)
        return b"".join([*table, bytes(4), *overflow])


_SIZE = {
    **{kind: struct.calcsize(code) for kind, code in _STRUCT.items()},
    Type.ASCII: 1,
    Type.UNDEFINED: 1,
    Type.RATIONAL: 8,
    Type.SRATIONAL: 8,
}


def _even(size: int) -> int:
    return size + (size & 1)


def _pack(kind: Type, numbers: list[Value]) -> bytes:
    if kind in (Type.RATIONAL, Type.SRATIONAL):
        signed = kind == Type.SRATIONAL
        fractions = [n if isinstance(n, Fraction) else rational(n, signed=signed) for n in numbers]
        parts = [part for f in fractions for part in (f.numerator, f.denominator)]
        return struct.pack(f"<{len(parts)}{'i' if signed else 'I'}", *parts)
    if kind not in _STRUCT:
        raise ValueError(f"{kind.name} takes bytes")
    return struct.pack(f"<{len(numbers)}{_STRUCT[kind]}", *numbers)


def encode(root: Directory) -> list[bytes]:
    """A whole TIFF structure, as pieces to join or to write one after another.

    Directories and their values come first, payloads after them, so that a reader finds every tag in the head.
    Raises WriteError if an offset would pass 4 GiB.
    """
    directories = list(root._all())
    starts: dict[int, int] = {}
    position = 8
    for directory in directories:
        starts[id(directory)] = position
        position += directory._tables_size()

    payloads: list[bytes] = []
    offsets: dict[int, dict[int, list[int]]] = {}
    for directory in directories:
        own = {tag: [starts[id(c)] for c in children] for tag, children in directory._children.items()}
        if directory._payload:
            tag, segments = directory._payload
            own[tag] = []
            for segment in segments:
                own[tag].append(position)
                payloads.append(segment)
                if len(segment) & 1:
                    payloads.append(b"\0")
                position += _even(len(segment))
        offsets[id(directory)] = own
    if position > LIMIT:
        raise WriteError(None, "more than 4 GiB, which this format can't hold")

    head = [b"II*\0" + struct.pack("<I", 8)]
    head += [d._tables(starts[id(d)], offsets[id(d)]) for d in directories]
    return [b"".join(head), *payloads]
