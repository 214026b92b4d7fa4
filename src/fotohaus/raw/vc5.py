"""VC-5, in which GoPro's GPR files hold their mosaic: three levels of a wavelet of four components of it.

SMPTE ST 2073-1 (elementary bitstream) and 2073-3 (image formats), as GoPro's own decoder has them
(github.com/gopro/gpr, MIT or Apache-2.0): the same integers come out. The code words of a band are read by
`kernels/vc5_band_gen.py`; the wavelet and the components are `kernels/vc5_wavelet_gen.py`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.raw import vc5_codebook
from fotohaus.raw.tiff import TiffError

Int16 = NDArray[np.int16]
UInt32 = NDArray[np.uint32]

_START = 0x56432D35
_COMPONENTS, _SUBBANDS, _LEVELS = 4, 10, 3
_LEAST_SIDE = 3  # of the smallest level's bands: what the filters need
_MOST_SEGMENTS = 4096  # a camera writes some 350
_VALUES = 4096

_CHANNEL_COUNT, _WIDTH, _HEIGHT, _FORMAT = 12, 20, 21, 84
_PATTERN_WIDTH, _PATTERN_HEIGHT, _COMPONENTS_PER_SAMPLE = 106, 107, 108
_CHANNEL, _SUBBAND, _PRECISION, _QUANTIZATION, _PRESCALE = 62, 48, 35, 53, 109
_SUBBAND_COUNT, _BITS, _MOST_BITS = 14, 101, 102
_SMALL_CHUNK, _LARGE_CHUNK, _CODEBLOCK = 0x4000, 0x2000, 0x6000

# What a mosaic's stream must say, and what it is taken to say where it is silent.
_REQUIRED = {_CHANNEL_COUNT: 4, _FORMAT: 4, _PATTERN_WIDTH: 2, _PATTERN_HEIGHT: 2, _COMPONENTS_PER_SAMPLE: 1,
             _SUBBAND_COUNT: 10}  # fmt: skip
_STATE = (_WIDTH, _HEIGHT, _CHANNEL, _SUBBAND, _PRECISION, _QUANTIZATION, _PRESCALE, _BITS, _MOST_BITS)


class Codeblock(NamedTuple):
    """Where one subband of a component lies, in words of 32 bits, and how."""

    begin: int
    size: int
    quantization: int
    precision: int


class Stream(NamedTuple):
    """What a stream holds: codeblocks[component, subband]; 0 is the lowpass, then three a level, smallest first.

    prescale : of each level, largest first.
    """

    width: int
    height: int
    prescale: tuple[int, ...]
    codeblocks: dict[tuple[int, int], Codeblock]


def _damaged(what: str) -> TiffError:
    return TiffError(f"is damaged: VC-5: {what}")


def parse(words: UInt32) -> Stream:
    """Find the codeblocks among the segments (tag and value) of a stream.

    Sections (chunks that hold segments) are entered, not trusted. Raises TiffError where the stream is damaged or is no
    mosaic.
    """
    if len(words) < 1 or words[0] != _START:
        raise _damaged("does not begin with its marker")
    state = dict.fromkeys(_STATE, 0) | {_PRECISION: 16}
    found: dict[tuple[int, int], Codeblock] = {}
    at = 1
    for _ in range(_MOST_SEGMENTS):
        if len(found) == _COMPONENTS * _SUBBANDS or at >= len(words):
            break
        segment = int(words[at])
        tag, value, at = segment >> 16, segment & 0xFFFF, at + 1
        optional = tag >= 0x8000
        tag = 0x10000 - tag if optional else tag
        if tag in _REQUIRED:
            if value != _REQUIRED[tag]:
                raise TiffError(f"VC-5 with {value} for tag {tag} is not supported")
        elif tag in state:
            state[tag] = value
        elif tag >> 8 == _CODEBLOCK >> 8:
            size = (tag & 0xFF) << 16 | value
            key = state[_CHANNEL], state[_SUBBAND]
            if key in found or key[0] >= _COMPONENTS or key[1] >= _SUBBANDS:
                raise _damaged(f"subband {key[1]} of component {key[0]} out of turn")
            if not 0 < size <= len(words) - at:
                raise _damaged("a subband is cut short")
            found[key] = Codeblock(at, size, state[_QUANTIZATION], state[_PRECISION])
            at += size
            state[_SUBBAND] += 1
            if state[_SUBBAND] == _SUBBANDS:
                state[_CHANNEL], state[_SUBBAND] = state[_CHANNEL] + 1, 0
        elif tag & _LARGE_CHUNK and not tag & _SMALL_CHUNK:
            pass  # a section
        elif not optional:
            raise TiffError(f"VC-5 with tag {tag} is not supported")
        elif tag & _SMALL_CHUNK:
            at += ((tag & 0xFF) << 16 if tag & _LARGE_CHUNK else 0) | value
    if len(found) != _COMPONENTS * _SUBBANDS:
        raise _damaged(f"{len(found)} of {_COMPONENTS * _SUBBANDS} subbands")
    prescale = tuple(state[_PRESCALE] >> 14 - 2 * level & 3 for level in range(_LEVELS))
    if prescale[0] or not set(prescale) <= {0, 2}:
        raise TiffError(f"VC-5 with prescale {prescale} is not supported")
    return Stream(state[_WIDTH], state[_HEIGHT], prescale, found)


def decode(data: bytes | bytearray, red: tuple[int, int], bits: int, mosaic: NDArray[np.uint16]) -> None:
    """The mosaic of one strip or tile, in DN.

    red : row and column of red in the 2x2 CFA. bits : of the samples, which says by how much the curve is scaled down.
    mosaic : (H, W), as large as the stream must say, is filled. Raises TiffError for a damaged stream.
    """
    from fotohaus.strips import in_threads

    count = len(data) // 4
    words = np.zeros(count + 1, np.uint32)
    words[:count] = np.frombuffer(data, ">u4", count)
    stream = parse(words[:count])
    height, width = mosaic.shape
    if (stream.height, stream.width) != (height, width):
        raise _damaged(f"{stream.width} x {stream.height} pixels inside for {width} x {height}")
    if height % 2 or width % 2:
        raise _damaged(f"{width} x {height} pixels, not whole cells of the mosaic")
    sizes = [(height // 2, width // 2)]
    for _ in range(_LEVELS):
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    if min(sizes[-1]) < _LEAST_SIDE:
        raise TiffError(f"VC-5 of {width} x {height} pixels is not supported")
    # Level 0 is the largest; component, band, row, column.
    bands = [np.empty((_COMPONENTS, 4, *size), np.int16) for size in sizes[1:]]

    def one(key: tuple[int, int]) -> None:
        component, subband = key
        level, band = (_LEVELS - 1, 0) if subband == 0 else (_LEVELS - 1 - (subband - 1) // 3, (subband - 1) % 3 + 1)
        place = bands[level][component, band]
        if subband == 0:
            _read_lowpass(words, stream.codeblocks[key], place)
        else:
            _read_band(words, stream.codeblocks[key], place)

    # The longest first, so that no thread ends with one.
    for _ in in_threads(one, sorted(stream.codeblocks, key=lambda key: -stream.codeblocks[key].size)):
        pass
    for prescale in stream.prescale[:0:-1]:
        smaller = _seen(bands.pop())
        kernels.call("vc5_inverse", bands=smaller, scaled=prescale == 2, low=_seen(bands[-1])[:, :, 0])
    place = np.array(red[::-1], np.int32)
    kernels.call("vc5_mosaic", bands=_seen(bands[0]), curve=curve(bits), red=place, mosaic=mosaic)


def _seen(bands: Int16) -> Any:
    """(row, column, band, component), as the kernels take them."""
    return bands.transpose(2, 3, 1, 0)


def _read_lowpass(words: UInt32, block: Codeblock, place: Int16) -> None:
    if block.precision != 16:
        raise TiffError(f"VC-5 with a lowpass of {block.precision} bits is not supported")
    if place.size > block.size * 2:
        raise _damaged("a lowpass is cut short")
    stored = words[block.begin : block.begin + block.size].astype(">u4").view(">u2")
    place[...] = stored[: place.size].reshape(place.shape).astype(np.uint16).view(np.int16)


def _read_band(words: UInt32, block: Codeblock, place: Int16) -> None:
    end = np.empty(2, np.int32)
    kernels.call(
        "vc5_band",
        words=words[block.begin : block.begin + block.size + 1],
        several=vc5_codebook.several(),
        table=vc5_codebook.table(),
        width=place.shape[1],
        height=place.shape[0],
        quantization=block.quantization,
        band=place,
        end=end,
    )
    bit, coded = (int(e) for e in end)
    if coded != place.size:
        raise _damaged(f"{coded} coefficients in a band of {place.size}")
    rest = words[block.begin + bit // 32 : block.begin + block.size + 1][:2].astype(">u4").tobytes()
    length = vc5_codebook.LONGEST
    following = int.from_bytes(rest, "big") >> max(8 * len(rest) - bit % 32 - length, 0) & (1 << length) - 1
    if bit + length > block.size * 32 or following != vc5_codebook.BAND_END:
        raise _damaged("a band does not end with its last coefficient")


def curve(bits: int) -> NDArray[np.uint16]:
    """The sample of each value of a component, (4096,) uint16: an exponential to 16 bits, cut to the mosaic's."""
    position = np.arange(_VALUES) / (_VALUES - 1)
    light = (65535 * (np.power(113.0, position) - 1) / 112).astype(np.float32)
    return (light.astype(np.uint16) >> (16 - bits)).astype(np.uint16)
