"""Look-up tables: read from .cube files and Hald CLUTs, written to them, and applied to a finished picture.

.cube: Adobe, "Cube LUT Specification" 1.0 (2013), and the input ranges and 1D before 3D that DaVinci Resolve writes.
Hald CLUT: E. Svensson (Quelsolaar), an identity picture put through anything. Both come from anywhere: what is in them
is checked here.
"""

from __future__ import annotations

import functools
import io
import os
import re
import stat
import struct
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fotohaus import kernels
from fotohaus.errors import ReadError
from fotohaus.records import record

Float32 = NDArray[np.float32]

LARGEST_FILE = 120_000_000
"""Bytes: 129 entries along each side with ten digits have about 80 million."""
LONGEST_LINE, LONGEST_HEADER = 200, 100_000
"""Bytes of a line with values, on average, and of all that comes before them: junk is not read to its end."""
LARGEST_1D, LARGEST_3D, LARGEST_LEVEL = 65536, 129, 12
INPUT = "fotohaus input:"
"""What a comment of a .cube begins with that says what its input is."""
UNIT = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))

Triple = tuple[float, float, float]


@record
class Lut:
    """A table from encoded display RGB to encoded display RGB.

    curve : (n, 3), or None: each channel for itself, first. curve_range : the values of a channel, from and to, which
    the curve covers; what lies beyond takes the end's. cube : (edge, edge, edge, 3), or None: indexed by blue, green,
    red; cube_range as the curve's. space : the primaries, "srgb" or "p3". title : what the file calls it.
    """

    curve: Float32 | None = None
    cube: Float32 | None = None
    curve_range: tuple[Triple, Triple] = UNIT
    cube_range: tuple[Triple, Triple] = UNIT
    space: Literal["srgb", "p3"] = "srgb"
    title: str = ""


def read_lut(path: str | os.PathLike[str]) -> Lut:
    """A table from a .cube file or a Hald CLUT (.png).

    Raises ReadError for a file that is missing, too large, or none.
    """
    try:
        about = os.stat(path)
        # A pipe, say, may never end, or never begin.
        if not stat.S_ISREG(about.st_mode):
            raise ReadError(path, "no LUT: it is no file")
        if about.st_size > LARGEST_FILE:
            raise ReadError(path, f"no LUT: it has more than {LARGEST_FILE} bytes")
        return _read(os.fspath(path), about.st_mtime_ns, about.st_size)
    except (OSError, ValueError) as error:
        raise ReadError(path, (getattr(error, "strerror", None) or str(error)).lower()) from None


@functools.lru_cache(maxsize=2)
def _read(path: str, _changed: int, _size: int) -> Lut:
    """A table of many photos is read once."""
    with open(path, "rb") as file:
        data = file.read(LARGEST_FILE + 1)
    try:
        return parse_hald(data) if path.lower().endswith(".png") else parse_cube(data)
    except ValueError as error:
        raise ReadError(path, f"no LUT: {error}") from None


def parse_cube(data: bytes) -> Lut:
    """A table from the text of a .cube file.

    Raises ValueError, one line, for what is none.
    """
    if b"\0" in data:
        raise ValueError("it is no text")
    # What is claimed is checked before anything is made of it, or copied.
    start = re.search(rb"(?:\A|[\r\n])[ \t]*(?=[-+.0-9])", data[: LONGEST_HEADER + 1])
    if start is None and len(data) > LONGEST_HEADER:
        raise ValueError(f"there are no values in its first {LONGEST_HEADER} bytes")
    first_value = start.end() if start else len(data)
    head = _header(_lines(data[:first_value].removeprefix(b"\xef\xbb\xbf")))
    first, edge = head.get("LUT_1D_SIZE", 0), head.get("LUT_3D_SIZE", 0)
    if not first and not edge:
        raise ValueError("it says neither LUT_1D_SIZE nor LUT_3D_SIZE")
    count = first + edge**3
    size = len(data) - first_value
    if size < 6 * count - 1:
        raise ValueError(f"it says {count} lines of values and has fewer")
    ends = max(data.count(b"\n", first_value), data.count(b"\r", first_value))
    if size > LONGEST_LINE * count + LONGEST_HEADER or ends > 4 * count + LONGEST_HEADER:
        raise ValueError(f"it says {count} lines of values and has more")
    if re.compile(rb"[^\r\n]{1000}").search(data, first_value):
        raise ValueError("a line of its values is not three numbers")
    values = _lines(data[first_value:])
    if len(values[:1000].split(b"\n", 1)[0].split(b"#")[0].split()) != 3:
        raise ValueError("a line of its values is not three numbers")
    table = _numbers(values, count)
    domain = _range(head.get("DOMAIN_MIN", UNIT[0]), head.get("DOMAIN_MAX", UNIT[1]))
    ranges = [_range(*([v] * 3 for v in head[name])) if name in head else domain for name in _RANGES]
    space = head.get("input", "srgb")
    if space not in ("srgb", "p3"):
        raise ValueError(f"it is for {space}, and a picture is srgb or p3")
    return Lut(
        curve=table[:first] if first else None,
        cube=table[first:].reshape(edge, edge, edge, 3) if edge else None,
        curve_range=ranges[0],
        # After a curve of its own the cube takes what comes out of that.
        cube_range=ranges[1] if not first or "LUT_3D_INPUT_RANGE" in head else UNIT,
        space=space,
        title=head.get("TITLE", ""),
    )


def _lines(text: bytes) -> bytes:
    """Text whose lines end as Unix has them."""
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


_RANGES = ("LUT_1D_INPUT_RANGE", "LUT_3D_INPUT_RANGE")
_SIZES = {"LUT_1D_SIZE": LARGEST_1D, "LUT_3D_SIZE": LARGEST_3D}
_VALUES = {"DOMAIN_MIN": 3, "DOMAIN_MAX": 3, **dict.fromkeys(_RANGES, 2)}


def _header(text: bytes) -> dict[str, Any]:
    """The keywords before the values."""
    head: dict[str, Any] = {}
    for number, raw in enumerate(text.decode("utf-8", "replace").split("\n"), 1):
        line = raw.strip()
        if line.startswith("#") and INPUT in line[: len(INPUT) + 3]:
            head["input"] = (line.split(":", 1)[1].split() or [""])[0][:20]
        if not line or line.startswith("#"):
            continue
        word, *rest = line.split(None, 1)
        value = rest[0] if rest else ""
        if word in _SIZES:
            if not re.fullmatch("[0-9]{1,9}", value) or not 2 <= int(value) <= _SIZES[word]:
                raise ValueError(f"{word} must be from 2 to {_SIZES[word]}, is {value[:20]!r}")
            head[word] = int(value)
        elif word in _VALUES:
            try:
                numbers = [float(part) for part in value.split()]
            except ValueError:
                numbers = []
            if len(numbers) != _VALUES[word]:
                raise ValueError(f"{word} must have {_VALUES[word]} numbers, is {value[:40]!r}")
            head[word] = numbers
        elif word == "TITLE":
            head[word] = "".join(c for c in value.strip('"')[:200] if c.isprintable())
        elif not re.fullmatch("[A-Z][A-Z0-9_]{2,40}", word):
            raise ValueError(f"line {number} is neither a keyword nor values")
    return head


def _range(low: Any, high: Any) -> tuple[Triple, Triple]:
    least, most = np.asarray(low, np.float64), np.asarray(high, np.float64)
    if not (np.abs([least, most]) < 1e6).all() or not (most - least > 1e-6).all():
        raise ValueError("the end of its input's range does not lie above the beginning")
    return tuple(map(float, least)), tuple(map(float, most))  # type: ignore[return-value]


def _numbers(text: bytes, count: int) -> Float32:
    """(count, 3) values."""
    try:
        table = np.loadtxt(io.BytesIO(text), np.float32, comments="#", ndmin=2, encoding="latin-1")
    except (ValueError, UnicodeError):
        raise ValueError("a line of its values is not three numbers") from None
    if len(table) != count:
        raise ValueError(f"it says {count} lines of values and has {'more' if len(table) > count else 'fewer'}")
    return _finite(table)


def _finite(table: Float32) -> Float32:
    # Comparison with NaN is false.
    if not (np.abs(table) <= 1e6).all():
        raise ValueError("a value of it is not finite")
    return table


def parse_hald(data: bytes) -> Lut:
    """A table from a PNG of a Hald CLUT: level L is a square of L^3 px, a cube of L^2 along each side.

    Raises ValueError, one line, for what is none.
    """
    if len(data) < 33 or data[:8] != b"\x89PNG\r\n\x1a\n" or data[12:16] != b"IHDR":
        raise ValueError("it is no PNG")
    width, height, depth, kind = struct.unpack(">IIBB", data[16:26])
    level = round(width ** (1 / 3)) if width < 10**6 else 0
    if width != height or level**3 != width or not 2 <= level <= LARGEST_LEVEL:
        raise ValueError(f"a Hald CLUT has 8, 27, 64, ... {LARGEST_LEVEL**3} px on both sides, not {width} x {height}")
    if kind not in (2, 6) or depth not in (8, 16):
        raise ValueError("a Hald CLUT is RGB of 8 or 16 bits")
    import imagecodecs

    try:
        pixels = imagecodecs.png_decode(data)
    except Exception as error:
        # Whatever the decoder finds is wrong with the file.
        raise ValueError(
            f"its PNG is damaged ({str(error).splitlines()[0][:80] if str(error) else 'unreadable'})"
        ) from None
    if pixels.shape[:2] != (height, width) or pixels.ndim != 3 or pixels.shape[2] < 3:
        raise ValueError("its PNG is damaged")
    full = np.float32(np.iinfo(pixels.dtype).max)
    edge = level * level
    return Lut(cube=(pixels[..., :3].astype(np.float32) / full).reshape(edge, edge, edge, 3))


def to_cube(cube: ArrayLike, title: str, comments: tuple[str, ...] = (), space: str = "srgb") -> bytes:
    """The text of a .cube file for (edge, edge, edge, 3), indexed by blue, green, red."""
    values = np.asarray(cube, np.float64)
    head = [
        'TITLE "{}"'.format(title.replace('"', "'")[:80]),
        *(f"# {line}" for line in comments),
        f"# {INPUT} {space}",
    ]
    out = io.StringIO()
    out.write("\n".join([*head, f"LUT_3D_SIZE {len(values)}", "DOMAIN_MIN 0 0 0", "DOMAIN_MAX 1 1 1", ""]))
    np.savetxt(out, values.reshape(-1, 3), "%.7f")
    return out.getvalue().encode()


def to_hald(cube: ArrayLike) -> bytes:
    """The PNG (16 bits) of a Hald CLUT for (edge, edge, edge, 3), indexed by blue, green, red; edge is a square."""
    import imagecodecs

    values = np.asarray(cube, np.float64)
    side = round(len(values) ** 1.5)
    pixels = np.rint(np.clip(values, 0, 1) * 65535).astype(np.uint16).reshape(side, side, 3)
    return bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels)))


class Applied:
    """A table at work on the rows of a picture.

    strength : 0..1, between the picture and what the table makes of it. gamut : the primaries that come out.
    """

    def __init__(self, lut: Lut, strength: float = 1.0, gamut: str = "srgb") -> None:
        self.lut, self._to_gamut = lut, None
        value = np.linspace(0, 1, 65536)
        cube = np.stack(np.meshgrid(*[[0, 1]] * 3, indexing="ij")[::-1], axis=-1) if lut.cube is None else lut.cube
        edge = len(cube)
        places = []
        for channel in range(3):
            v = value
            if lut.curve is not None:
                place = _place(v, lut.curve_range, channel) * (len(lut.curve) - 1)
                v = np.interp(place, np.arange(len(lut.curve)), lut.curve[:, channel])
            places.append(_place(v, lut.cube_range if lut.cube is not None else UNIT, channel) * (edge - 1))
        entries = np.zeros((edge**3, 4), np.float32)
        entries[:, :3] = np.reshape(cube, (-1, 3))
        self._arguments = {
            "shaper": np.ascontiguousarray(places, np.float32),
            "cube": entries,
            "edge": edge,
            "strength": strength,
        }
        if gamut != lut.space:
            from fotohaus.render import color

            matrix = np.linalg.solve(color.rgb_to_xyz(gamut), color.rgb_to_xyz(lut.space))
            # Rows add up to 1 but for rounding.
            self._to_gamut = color.differences(matrix, 0)

    def rows(self, pixels: NDArray[np.uint16]) -> NDArray[np.uint16]:
        """(H, W, 3) of encoded values through the table; a pixel's result is its own alone."""
        pixels = np.ascontiguousarray(pixels)
        out = np.empty_like(pixels)
        if self._to_gamut is None:
            kernels.call("lut", pixels=pixels, **self._arguments, picture=out)
        else:
            kernels.call("lut_to_gamut", pixels=pixels, **self._arguments, to_gamut=self._to_gamut, picture=out)
        return out


def _place(values: Any, ends: tuple[Triple, Triple], channel: int) -> NDArray[np.float64]:
    """Where values lie in a range, 0..1, limited to it."""
    low, high = ends[0][channel], ends[1][channel]
    return np.asarray(np.clip((values - low) / (high - low), 0, 1))
