"""A bounded reader of TIFF, BigTIFF and EXIF structures.

TIFF 6.0 section 2; BigTIFF as libtiff writes it; EXIF 2.32 section 4.6. Every offset and count in a file is a claim:
it is checked against the size of the file before anything is allocated or read.
"""

from __future__ import annotations

import os
import stat
import struct
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw import tags
from fotohaus.records import record

MAX_IFDS = 64
MAX_ENTRIES = 4096
MAX_VALUE_BYTES = 1 << 26
MAX_VALUES = 1 << 20
PROFILE_MAGIC = 0x4352  # of DCP files and of the profiles that ExtraCameraProfiles points to

# Field type: (size in bytes, NumPy type of one component, components)
_TYPES: dict[int, tuple[int, str, int]] = {
    1: (1, "u1", 1),  # BYTE
    2: (1, "u1", 1),  # ASCII
    3: (2, "u2", 1),  # SHORT
    4: (4, "u4", 1),  # LONG
    5: (8, "u4", 2),  # RATIONAL
    6: (1, "i1", 1),  # SBYTE
    7: (1, "u1", 1),  # UNDEFINED
    8: (2, "i2", 1),  # SSHORT
    9: (4, "i4", 1),  # SLONG
    10: (8, "i4", 2),  # SRATIONAL
    11: (4, "f4", 1),  # FLOAT
    12: (8, "f8", 1),  # DOUBLE
    13: (4, "u4", 1),  # IFD
    16: (8, "u8", 1),  # LONG8
    17: (8, "i8", 1),  # SLONG8
    18: (8, "u8", 1),  # IFD8
}


class TiffError(ValueError):
    """The bytes break the rules of TIFF or DNG, or use a part of them that fotohaus does not read."""


class Source:
    """Random access to the bytes of a file, or of a block in memory.

    A file is read with positioned reads rather than mapped: a mapped file that is truncated meanwhile kills the
    process. Safe to use from several threads.
    """

    def __init__(self, data: bytes | memoryview | None = None, *, path: str | os.PathLike[str] | None = None) -> None:
        self._file = None
        if path is not None:
            mode = os.stat(path).st_mode
            if not stat.S_ISREG(mode):
                # Opening a pipe would wait for a writer for ever.
                raise TiffError("is a folder" if stat.S_ISDIR(mode) else "is not a regular file")
            self._file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed by close()
            self.size = os.fstat(self._file.fileno()).st_size
        else:
            self._data = memoryview(data or b"").cast("B")
            self.size = len(self._data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def check(self, offset: int, count: int) -> None:
        """Raise TiffError unless bytes offset <= i < offset + count exist."""
        if offset < 0 or count < 0 or offset + count > self.size:
            raise TiffError(f"is damaged or cut short: needs bytes up to {offset + count}, has {self.size}")

    def read(self, offset: int, count: int) -> bytes | bytearray:
        """Bytes offset <= i < offset + count; TiffError if they do not exist."""
        self.check(offset, count)
        out = bytearray(count)
        self.read_into(offset, out)
        return out

    def read_into(self, offset: int, out: Any) -> None:
        """Fill a writable contiguous buffer from the bytes at offset; TiffError if there are too few."""
        view = memoryview(out).cast("B")
        self.check(offset, len(view))
        if self._file is None:
            view[:] = self._data[offset : offset + len(view)]
            return
        done = 0
        while done < len(view):
            got = _read_at(self._file.fileno(), view[done:], offset + done)
            if not got:
                raise TiffError("was cut short while it was read")
            done += got


class Window(Source):
    """The bytes of another source from an offset on, counted from there."""

    def __init__(self, source: Source, offset: int) -> None:
        source.check(offset, 0)
        self._source, self._offset = source, offset
        self.size = source.size - offset

    def close(self) -> None:
        """Leave the other source open."""

    def read_into(self, offset: int, out: Any) -> None:
        """Fill a writable contiguous buffer from the bytes at offset; TiffError if there are too few."""
        self.check(offset, memoryview(out).nbytes)
        self._source.read_into(self._offset + offset, out)


def _read_at(descriptor: int, view: memoryview, offset: int) -> int:
    if hasattr(os, "preadv"):
        return os.preadv(descriptor, [view[: 1 << 30]], offset)
    data = os.pread(descriptor, min(len(view), 1 << 24), offset)
    view[: len(data)] = data
    return len(data)


@record
class Entry:
    """One field of an IFD: `count` values of TIFF type `type` that lie at `offset` in the file."""

    tag: int
    type: int
    count: int
    offset: int

    @property
    def nbytes(self) -> int:
        """Size of all values."""
        return self.count * _TYPES[self.type][0]


class Ifd:
    """An image file directory. Values are read when asked for."""

    def __init__(self, tiff: Tiff, offset: int, entries: dict[int, Entry], following: int) -> None:
        self.tiff = tiff
        self.offset = offset
        self.entries = entries
        self.following = following

    def __contains__(self, tag: int) -> bool:
        return tag in self.entries

    def raw(self, tag: int) -> bytes | bytearray:
        """The bytes of a field's values as stored; empty if the field is absent."""
        entry = self.entries.get(tag)
        if entry is None:
            return b""
        if entry.nbytes > MAX_VALUE_BYTES:
            raise TiffError(f"is damaged: tag {tag} claims {entry.nbytes} bytes")
        return self.tiff.source.read(entry.offset, entry.nbytes)

    def values(self, tag: int) -> NDArray[Any] | None:
        """A field's values, 1-D; rationals as float64 with 0/0 as NaN; None if the field is absent or empty."""
        entry = self.entries.get(tag)
        if entry is None or not entry.count:
            return None
        if entry.count > MAX_VALUES:
            raise TiffError(f"is damaged: tag {tag} claims {entry.count} values")
        _, kind, components = _TYPES[entry.type]
        flat = np.frombuffer(self.raw(tag), self.tiff.order + kind)
        if components == 1:
            return flat.astype(flat.dtype.newbyteorder("="), copy=False)
        with np.errstate(divide="ignore", invalid="ignore"):
            return flat[0::2].astype(np.float64) / flat[1::2].astype(np.float64)

    def floats(self, tag: int, count: int | None = None) -> NDArray[np.float64] | None:
        """A field's values as float64 (possibly NaN or infinite); None if absent or not of the given count."""
        values = self.values(tag)
        if values is None or (count is not None and values.size != count):
            return None
        return values.astype(np.float64)

    def integers(self, tag: int) -> list[int] | None:
        """A field's values as integers, rationals rounded; None if absent, empty or not all finite."""
        values = self.values(tag)
        if values is None:
            return None
        if values.dtype.kind == "f":
            if not np.isfinite(values).all():
                return None
            values = np.floor(values + 0.5)  # as Adobe's SDK rounds
        return [int(v) for v in values]

    def integer(self, tag: int, default: int) -> int:
        """The first value of a field as an integer, or the default if there is none."""
        values = self.integers(tag)
        return values[0] if values else default

    def number(self, tag: int) -> float | None:
        """The first value of a field if it is finite, else None."""
        values = self.values(tag)
        return None if values is None or not np.isfinite(values[0]) else float(values[0])

    def text(self, tag: int) -> str | None:
        """A field as text without trailing blanks and NULs; None if absent, empty or longer than 64 KiB."""
        entry = self.entries.get(tag)
        if entry is None or entry.type not in (1, 2, 7) or not 0 < entry.count <= 1 << 16:
            return None
        # EXIF says ASCII; cameras write UTF-8, and older ones Latin-1.
        stored = bytes(self.raw(tag)).split(b"\0")[0]
        try:
            text = stored.decode("utf-8")
        except UnicodeDecodeError:
            text = stored.decode("latin-1")
        return "".join(c if c.isprintable() else " " for c in text).strip() or None

    def children(self, tag: int) -> list[Ifd]:
        """The IFDs that a field (SubIFDs, EXIF, GPS) points to."""
        return [self.tiff.ifd(offset) for offset in (self.integers(tag) or [])[:MAX_IFDS]]

    def child(self, tag: int) -> Ifd | None:
        """The one IFD that a field points to; None if the field is absent or what it points to is not an IFD."""
        try:
            children = self.children(tag)
        except TiffError:
            return None
        return children[0] if children else None


class Tiff:
    """A TIFF, BigTIFF or EXIF block; or, if a magic number is asked for, a block of TIFF's structure with that one.

    Raises TiffError if the source does not begin as one. IFDs are cached by their offset, so that a cycle costs nothing
    and the number of IFDs is bounded.
    """

    def __init__(self, source: Source, *, magic: int | None = None) -> None:
        self.source = source
        head = bytes(source.read(0, min(16, source.size)))
        if not head:
            raise TiffError("is empty")
        self.order = {b"II": "<", b"MM": ">"}.get(head[:2], "")
        found = struct.unpack(self.order + "H", head[2:4])[0] if self.order and len(head) >= 8 else 0
        # 0x4F52, 0x5352 and 0x55 are Olympus' and Panasonic's own marks on what is otherwise TIFF.
        if found in ((42, 0x4F52, 0x5352, 0x55) if magic is None else (magic,)):
            self.big = False
            self.first = struct.unpack(self.order + "I", head[4:8])[0]
        elif (
            magic is None and found == 43 and len(head) == 16 and struct.unpack(self.order + "HH", head[4:8]) == (8, 0)
        ):
            self.big = True
            self.first = struct.unpack(self.order + "Q", head[8:16])[0]
        else:
            raise TiffError("is not a TIFF or DNG file" if magic is None else "is not a camera profile")
        self._ifds: dict[int, Ifd] = {}

    def ifd(self, offset: int) -> Ifd:
        """The IFD at an offset; TiffError if there is none, or if the file has too many."""
        known = self._ifds.get(offset)
        if known is not None:
            return known
        if len(self._ifds) >= MAX_IFDS:
            raise TiffError(f"has more than {MAX_IFDS} directories")
        if offset < 8:
            raise TiffError("is damaged: a directory lies inside the header")
        count_size, size = (8, 20) if self.big else (2, 12)
        count = int.from_bytes(self.source.read(offset, count_size), "little" if self.order == "<" else "big")
        if count > MAX_ENTRIES:
            raise TiffError(f"is damaged: a directory claims {count} entries")
        at = offset + count_size
        table = self.source.read(at, count * size)
        entries: dict[int, Entry] = {}
        layout = struct.Struct(self.order + ("HHQ8s" if self.big else "HHI4s"))
        pointer = self.order + ("Q" if self.big else "I")
        for i, (tag, kind, number, inline) in enumerate(layout.iter_unpack(table)):
            if kind not in _TYPES:
                continue  # TIFF 6.0: readers skip fields of unknown type.
            fits = number * _TYPES[kind][0] <= len(inline)
            where = at + i * size + size - len(inline) if fits else struct.unpack(pointer, inline)[0]
            entries.setdefault(tag, Entry(tag, kind, number, where))
        end, width = at + count * size, struct.calcsize(pointer)
        # EXIF blocks of some cameras end with the last entry.
        following = struct.unpack(pointer, self.source.read(end, width))[0] if end + width <= self.source.size else 0
        made = self._ifds[offset] = Ifd(self, offset, entries, following)
        return made

    def chain(self) -> list[Ifd]:
        """The IFDs that follow one another from the header; a damaged or cyclic tail ends the chain."""
        ifds = [self.ifd(self.first)]
        while (offset := ifds[-1].following) and offset not in {i.offset for i in ifds}:
            try:
                ifds.append(self.ifd(offset))
            except TiffError:
                break
        return ifds

    def images(self) -> list[Ifd]:
        """Every IFD of the chain and of the SubIFDs below it, each once, in the order of the file's tree."""
        found: dict[int, Ifd] = {}
        waiting = self.chain()[::-1]
        while waiting:
            ifd = waiting.pop()
            if ifd.offset in found:
                continue
            found[ifd.offset] = ifd
            for offset in reversed((ifd.integers(tags.SUB_IFDS) or [])[:MAX_IFDS]):
                try:
                    waiting.append(self.ifd(offset))
                except TiffError:
                    continue  # A damaged preview must not hide the raw image.
        return list(found.values())
