"""A plain coder of VC-5 and a plain decoder of its wavelet, for tests: NumPy and text, by the standard's formulas."""

import struct
from collections.abc import Callable

import numpy as np

from fotohaus.raw.vc5_codebook import expanded, words

QUANTIZATION = (1, 1, 1, 1, 1, 1, 1, 2, 2, 3)
PRESCALE = 0x2800  # a quarter before the two smaller levels

Planes = list[np.ndarray]


def padded(low: np.ndarray) -> np.ndarray:
    """Columns with one more at either end, as if a parabola went on."""
    first, last = 3 * low[:, 0] - 3 * low[:, 1] + low[:, 2], 3 * low[:, -1] - 3 * low[:, -2] + low[:, -3]
    return np.column_stack([first, low, last])


def split(plane: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums of pairs of columns, and their differences less what the sums beside them foretell."""
    even, odd = plane[:, 0::2], plane[:, 1::2]
    around = padded(even + odd)
    return even + odd, even - odd - ((around[:, :-2] - around[:, 2:] + 4) >> 3)


def joined(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Twice the columns that `split` made these of."""
    around = padded(low)
    slope = around[:, :-2] - around[:, 2:]
    both = low + ((slope + 4) >> 3) + high, low + ((4 - slope) >> 3) - high
    return np.stack(both, -1).reshape(len(low), -1)


def forward(plane: np.ndarray) -> Planes:
    """One level: low, high across, high down, both."""
    plane = np.pad(plane, [(0, n % 2) for n in plane.shape], mode="edge")
    parts = []
    for part in split(plane):
        low, high = split(part.T)
        parts.append((low.T, high.T))
    return [parts[0][0], parts[1][0], parts[0][1], parts[1][1]]


def inverse(bands: Planes, size: tuple[int, int], scaled: bool) -> np.ndarray:
    """One level undone in int64, clamped where the standard's decoder does it."""
    low, high = (joined(bands[i].T, bands[i + 2].T).T >> 1 for i in (0, 1))
    value = joined(low.clip(-32768, 32767), high.clip(-32768, 32767))
    made = (value * 2).clip(-32768, 32767) if scaled else (value >> 1).clip(0, 0x3FFF)
    return made[: size[0], : size[1]]


def curve(bits: int) -> np.ndarray:
    light = np.float32(65535 * (113.0 ** (np.arange(4096) / 4095) - 1) / 112)
    return light.astype(int) >> 16 - bits


def components(mosaic: np.ndarray, red: tuple[int, int], bits: int) -> Planes:
    """Mean green, red and blue against it, the greens' half difference."""
    value = np.searchsorted(curve(bits), mosaic).clip(0, 4095)
    quads = [[value[i::2, j::2] for j in (0, 1)] for i in (0, 1)]
    above = quads[0][1 - red[1] if red[0] == 0 else red[1]]
    below = quads[1][1 - red[1] if red[0] == 1 else red[1]]
    green = (above + below) >> 1
    chroma = [((plane - green) >> 1) + 2048 for plane in (quads[red[0]][red[1]], quads[1 - red[0]][1 - red[1]])]
    return [green, *chroma, ((above - below) >> 1) + 2048]


def mosaic_of(planes: Planes, red: tuple[int, int], bits: int) -> np.ndarray:
    green, first, second, half = planes[0], *(p - 2048 for p in planes[1:])
    height, width = green.shape
    made = np.empty((2 * height, 2 * width), int)
    made[red[0] :: 2, red[1] :: 2] = green + 2 * first
    made[1 - red[0] :: 2, 1 - red[1] :: 2] = green + 2 * second
    made[red[0] :: 2, 1 - red[1] :: 2] = green + half * (1 if red[0] == 0 else -1)
    made[1 - red[0] :: 2, red[1] :: 2] = green + half * (-1 if red[0] == 0 else 1)
    return curve(bits)[made.clip(0, 4095)].astype(np.uint16)


def coded(band: np.ndarray, end: bool = True) -> bytes:
    """A band of companded magnitudes with their signs: code words, the longest run of zeros that fits, the end."""
    code = {(count, magnitude): f"{word:0{length}b}" for word, length, count, magnitude in words()}
    runs = sorted((count for count, magnitude in code if count and not magnitude), reverse=True)
    out, values, at = [], band.ravel().tolist(), 0
    while at < len(values):
        if values[at]:
            out.append(code[1, abs(values[at])] + "01"[values[at] < 0])
            at += 1
            continue
        zeros = next((i for i, v in enumerate(values[at : at + 320]) if v), min(320, len(values) - at))
        run = next(count for count in runs if count <= zeros)
        out.append(code[run, 0])
        at += run
    text = "".join(out) + (code[0, 0] if end else "")
    return int(text.ljust(-(-len(text) // 32) * 32, "0") or "0", 2).to_bytes(-(-len(text) // 32) * 4, "big")


def segment(tag: int, value: int, optional: bool = False) -> bytes:
    return struct.pack(">hH", -tag if optional else tag, value)


def block(data: bytes) -> bytes:
    """A codeblock: a large chunk, whose size is in words."""
    size = len(data) // 4
    return segment(0x6000 | size >> 16, size & 0xFFFF, optional=True) + data


def stream(size: tuple[int, int], lows: Planes, bands: list[list[bytes]], quantization: tuple[int, ...]) -> bytes:
    """A whole stream of lows[component] and coded bands[component][subband - 1]."""
    height, width = size
    head = {12: 4, 20: width, 21: height, 84: 4, 106: 2, 107: 2, 108: 1, 102: 12, 109: PRESCALE}
    out = [b"VC-5", *(segment(tag, value) for tag, value in head.items()), segment(0x4000, 2, True) + bytes(8)]
    for component, low in enumerate(lows):
        data = low.astype(">u2").tobytes()
        out += [segment(0x2400, 0, True), segment(62, component), segment(48, 0), segment(35, 16)]
        out.append(block(data + bytes(-len(data) % 4)))
        for subband, data in enumerate(bands[component], 1):
            out += [segment(48, subband), segment(53, quantization[subband]), block(data)]
    return b"".join(out)


def wavelets(plane: np.ndarray) -> tuple[np.ndarray, Planes]:
    """The smallest low and nine bands, smallest level first."""
    bands: Planes = []
    for level in range(3):
        low, *high = forward(plane >> 2 if level else plane)
        bands, plane = high + bands, low
    return plane, bands


def companded(band: np.ndarray, step: int) -> np.ndarray:
    """The nearest magnitudes of a band divided by its step, with their signs."""
    steps = np.array([expanded(m) for m in range(256)])
    return np.sign(band) * np.searchsorted((steps[1:] + steps[:-1]) / 2, np.abs(band) / step)


def encode(
    mosaic: np.ndarray, red: tuple[int, int] = (0, 0), bits: int = 16, code: Callable[..., bytes] = coded
) -> bytes:
    """A mosaic of even sides of 36 or more, nearly without loss."""
    lows, bands = [], []
    for plane in components(mosaic, red, bits):
        low, high = wavelets(plane)
        lows.append(low)
        bands.append([code(companded(b, q)) for b, q in zip(high, QUANTIZATION[1:], strict=True)])
    return stream(mosaic.shape, lows, bands, QUANTIZATION)
