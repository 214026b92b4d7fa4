"""VC-5: the integers of GoPro's own decoder, and a reason for whatever is damaged."""

import base64
import contextlib
import itertools
import re
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vc5_encoder as coder
from fotohaus import kernels
from fotohaus.errors import ReadError
from fotohaus.raw import describe, read_raw, vc5, vc5_codebook
from fotohaus.raw.tiff import TiffError

Maker = Callable[..., Any]

# 38 x 46 samples of 14 bits, RGGB, as GoPro's own encoder writes them: sections, an image's identifier, all its tags.
GOPRO = """
eNp1VgtQU1cavoCCuHmYBSEQNAgj7I4JEJGAKMhDcB1ERx4qTTFsGMAJkAoNpCkCtVCMC5Rtt0YUQSiCkIg0YogkikUSqIuQrBJ5XqgwPESIi2xEKY+9
kBt6pZLMmXPPuf/5/+//7/edc074k90AFLABMAecgK2AAxAGPTMBQyAeagmAARALvU38C/BwHjA13rxrj4GBwUao2ZoB6/y8oeYCNXtgC+AG9dDafgAY
Rs4PAlCsNXa/AoBxKQBsJGlJibueuqS7bHDOspJaRVmdX/VpgLSFejxkv0F+1NE9o6I0oZlX8Z+vfo9vCNviIVsTyM4YzDvIQKs4vupDbLcmwQ9vQPRZ
xl/ZUXp7I6Q91KOWsYDoGU1Of6TkMx7trltg9hDCfgOchz9yvLwOWo+BsaFA09is3ErF031ltxRvPqU7b2GWy4IFlydusL7rLQ+bKMt9EBE7OYSms3uF
cpG51AX2tRGBBQv5waj/Bt6UBwq656oPCy5pVOpUQQLdcdYvcPwQrnLKmVeRIrUGe2nsIsFlVvbt8QT5cdCQ4W13ORD2Z4zwZwnnthU0jaRbDozjpUGC
H4rKbk9bKN54SIMZL1012XVs98eyw4qnqYLQVlzQLdA0ExdUAFaCphxcEEMe0sTx/5RQdps2Vx3Ndk8JuS4OKdZVRl8bE7g2scgxXBs7qPeB4tuq2OjQ
C+H2mGoVhUV+DuYvTCV48Fgd6PT0xBNy0f6IrNRvUb4Xh1C+tWWenH15/iWCBG16S61wmEGNGPf3S25tbWlxJxTTSAFcZm+xkU8r+FtxS23JVMS4Z76J
bwt46l13j2b0dRuRSEhhunka08QjpcwkshExBQarw7YJxuYDYduxjMst5ycGOlSQMh1toekgKQovbNEUxD7xOIU/+2tTyRS617pWFiAo8nMLHfpNoc2t
5h/piSnhxvBrheOBt9RacaKRryqJW905UsVM0lrnH73p1TFGO9s/VtXJTNnLnGv0/krFyThfesYTY5fEzW0fzOU7UURmvGsHGfZm8pDxn/W4TBG4zKE+
CsL257qY4LtXIoTtr5+3LY6R076n90hoYrq4/lV8XMPeMKuRmnfPzDJHquqo/+ZXXBJdW7oS0VDYRXio+cKlMsv9oTFqdnqZZCu5GyC0FwVrVIych77f
rrV2eo0SzxI5xE1EHjGf6IJ9hJVjq1Z9GiBsN8I6MHo08Oh567xIF1xnh9Tnik+5yEl92plzTMBvD6tnVrjigsr1tkhtGsP83dCWhkv8Tch8947yQU56
XVKQY5h7m2E8m5pk6YFO9yN4VBbhYsMAmNb9QG5lcDH+FaPft2BlG9GtRepwM7TOFBQrrtalXmUcOSzok+G0BH5iP9iuoqRJfMEE+orgVnEgNYeBMaPA
7XZF4Wll5eGOxCRezmRwD2jCIqsolqARh9UJCsm9WkjS4RK/o3a3AlfIoPOl11MwcgzntBXWk9lr9f75iBabIyCRcYqTSrXxSDowGaGRe8fcezbI485J
rCYyJeTWET73eq9EdnKGfCijVqnyUIawlExXRaGr0iv4qkll1hEJvA8ZrNGGNRTDanCw+X6XXCsWa6cxkDQo8RasSX9ekrGtmqWZjVrStFB23ENvWvp8
SbY0jdnRP9FOx3nW1wjHPXJn6Z8vSZfGlH07pXP15/lfqyixWaXjeP5ES0tntEgU6+1NpdrpvqQuNpL/WJj/aEq3k2niew46o+86e/jSC9Lz6tqj3WEA
c4amtcpcVFWZt2/beJlb4LKUbJ17reu9AyrAKQ/yZ/gRrt9DzkO1Ja210/PS1tLWwtbKFg39UVg1thcrWPnGhutxvT+B6eJO2K3XsuFHzyILgchCnX4S
LA6rhKhu+bjwH5F4YNXvR/k+wCwGq1gtNQ9+P+cM1/DdcD2+yz3zj9qzHiTK+KMa98jBAbXHT6hDna/6aTK8LrBu7R/53mjXLQnbzaLxszULvZLZg+AO
WV+N4FvnPY4+XSyKXs+G6/IdFc+YSU0y725M75gUn56on6IKEiJkhBusp7La1PqXezVqwXVa+LQFWJ5brzuvDBF8P4YcwzlZwHw3X1Rvn6SNooKMbbwu
ipybsryUGeSxIYxr/8tF+fYp+hMxgaq5LzkgQ91pBRfmHh7wGfY69rZGozrXdpzPfVtRNX9HmXk7y9InJ+0dsgZ/4PzAgFzb252i1YpFGLJCKlDk0S4y
UL68JMxL4oKSk9lsRvinPGNyoWtJhrGVE2pPMnsm5hprShkHFjsyIgfnQCWH5ght95Nn0CbHS8/gSxylpHPnRIXvh6Ojh0Wre5fhGs5vgTmPed3sIvo+
o/9Nf8ZdRe28NRBg6nQ/8kzGU+HXb9NiZcfT6gbrviu8FmBQQhvM32O5SMvdtZNfqaul0Ud434Gch2pMXmu3use/IA4Rp6A2TBzBlmOLsN4rOI3W4706
vY0z8QlmW4JOc0Yf472iD5cY1lcn21eXe2OS7sDKGV3dM43Wu4Mp3szGKwbZ20L3OBItGKv3DCME9z2QY5gnKBjXZnCzomWiiSdk2zeo+PaL2azzfJLc
Q8bQGNtRMLag9/hdm2XEep9IDSzH/5M8xN1vX6WaZs3YKSPR08Qx0rs7ZEHBvX03xCEPVAu9gU4cHwb1gzyQWsDBeWBB9GeaZ0PvxSF9UkJhg/w482ar
4r/g9imyLD2skvFy9vTUF9IAqdlE0rkcQah7gMw/XBvyL/bOeyvk1PnV6yISOYbzJcC6sGrOskwg4XNfuEmiM9PSMJPuccaNjfXCqGbpOdS+H3/pUhXv
HZGSepi1rgRcXZvfJ7gSKtV7L/9L4eMS592U2QwuY4Z6quHJhxeomBKn5DheXl56l2730cVHasUWik1U3JPQLCisRls5/sIWkQVY3zjVVwnmP9NcZ9N+
lONd/v7o5+YLxigHYb4pKpI7+hi6OJVwNQXsL3FSB4FWG5775PTQrE8bqS4mH3pVpfRKuDLCjxirUow6U6aTFS0aRYddEo6XF3RC5Z4BnSH/22biI5fE
rVwVYExIDZnBGsItdryiv37Pj9A4kEe3FTkldzXsXJz3V8pt4hp2fVNpg1XfvknySO7EE71/4cdws4/cUXJLZ/bjnbhxBd1TCo0Suv+W/x83cHLJ
"""
GOPRO_CRC = 0x42F0E07F  # of what GoPro's own decoder makes of it


# Runs of ones and zeros, a chunk as large as can be, an end in the midst, other components.
EXTREMES = [b"\xff" * 4, bytes(4), b"\xa0\0\xff\xff", b"\xc4\x52\xe8\xc0", b"\0\x3e\0\x03"]


def picture(height: int, width: int, bits: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    waves = 0.4 + 0.3 * np.sin(x / 17) * np.cos(y / 11) + 0.2 * ((x // 30 + y // 26) % 2)
    return np.round(waves * ((1 << bits) - 1)).astype(np.uint16)


def whole(size: tuple[int, int] = (40, 48)) -> bytes:
    made: bytes = coder.encode(picture(*size, 14), (0, 0), 14)
    return made


def decoded(data: bytes, size: tuple[int, int] = (40, 48), red: tuple[int, int] = (0, 0), bits: int = 14) -> np.ndarray:
    mosaic = np.empty(size, np.uint16)
    vc5.decode(data, red, bits, mosaic)
    return mosaic


def test_as_gopros_own_decoder() -> None:
    mosaic = decoded(zlib.decompress(base64.b64decode(GOPRO)), (38, 46))
    assert zlib.crc32(mosaic.astype("<u2").tobytes()) == GOPRO_CRC
    y, x = np.mgrid[:38, :46]
    wanted = np.where((x // 9 ^ y // 7) & 1, 12000 - 60 * x + 100 * y, 900 + 40 * y)
    assert np.median(np.abs(mosaic - wanted) / wanted) < 0.02


def test_code_words_are_those_of_the_codebook() -> None:
    words = vc5_codebook.words()
    texts = sorted(f"{word:0{length}b}" for word, length, _, _ in words)
    assert sum(2.0 ** -len(text) for text in texts) == 1
    assert not any(b.startswith(a) for a, b in itertools.pairwise(texts))
    assert sorted(m for _, _, count, m in words if count == 1) == list(range(256))
    # SMPTE ST 2073-1: one, two and three bits for 0, 1 and 2; the end.
    assert {(0, 1, 1, 0), (2, 2, 1, 1), (7, 3, 1, 2), (vc5_codebook.BAND_END, 26, 0, 0)} <= set(words)
    assert [vc5_codebook.expanded(m) for m in (0, 27, 28, 255)] == [0, 27, 29, 1023]


def band_of(data: bytes, shape: tuple[int, int], quantization: int = 1) -> tuple[np.ndarray, list[int]]:
    """What the kernel makes of a band's words; nothing beside the band may change."""
    room = np.full((shape[0] + 2, shape[1] + 2), 77, np.int16)
    words = np.append(np.frombuffer(data, ">u4").astype(np.uint32), np.uint32(0))
    end = np.full(4, 77, np.int32)
    kernels.call("vc5_band", words=words, several=vc5_codebook.several(), table=vc5_codebook.table(), width=shape[1],
                 height=shape[0], quantization=quantization, band=room[1:-1, 1:-1], end=end[1:3])  # fmt: skip
    band = room[1:-1, 1:-1].copy()
    room[1:-1, 1:-1] = 77
    assert (room == 77).all()
    assert end[0] == end[3] == 77
    return band, end[1:3].tolist()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40), st.floats(0, 1), st.integers(0, 65535))
def test_a_band_of_any_size(seed: int, height: int, width: int, share: float, quantization: int) -> None:
    rng = np.random.default_rng(seed)
    band = rng.integers(-255, 256, (height, width)) * (rng.random((height, width)) < share)
    found, (_, count) = band_of(coder.coded(band), (height, width), quantization)
    wanted = [[np.sign(v) * vc5_codebook.expanded(abs(v)) * quantization for v in row] for row in band.tolist()]
    np.testing.assert_array_equal(found, np.clip(wanted, -32768, 32767))
    assert count == height * width


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=1, max_size=400), st.integers(1, 20), st.integers(1, 20))
def test_no_words_whatever_leave_the_band(data: bytes, height: int, width: int) -> None:
    _, (bit, count) = band_of(data + bytes(-len(data) % 4), (height, width))
    assert 0 <= count < height * width + 320
    assert 0 <= bit < len(data) // 4 * 32 + 64


@pytest.mark.parametrize("size", [(34, 34), (36, 70), (50, 46), (62, 98), (200, 134)])
def test_wavelets_of_any_coefficients(size: tuple[int, int]) -> None:
    # Noise as no camera writes it, so that every clamp is reached.
    rng = np.random.default_rng(size)
    shapes = [(size[0] // 2, size[1] // 2)]
    for _ in range(3):
        shapes.append(((shapes[-1][0] + 1) // 2, (shapes[-1][1] + 1) // 2))
    quantization = (1, 24, 24, 12, 96, 96, 144, 96, 96, 144)
    planes, lows, bands = [], [], []
    for _ in range(4):
        plane = low = rng.integers(0, 30000, shapes[3])
        lows.append(low)
        bands.append([])
        for level in (2, 1, 0):
            high = [rng.integers(-255, 256, shapes[level + 1]) // rng.integers(1, 200) for _ in range(3)]
            bands[-1] += [coder.coded(b) for b in high]
            steps = quantization[7 - 3 * level : 10 - 3 * level]
            unfold = np.vectorize(vc5_codebook.expanded)
            high = [(np.sign(b) * unfold(np.abs(b)) * q).clip(-32768, 32767) for b, q in zip(high, steps, strict=True)]
            plane = coder.inverse([plane, *high], shapes[level], level > 0)
        planes.append(plane)
    found = decoded(coder.stream(size, lows, bands, quantization), size)
    np.testing.assert_array_equal(found, coder.mosaic_of(planes, (0, 0), 14))


@pytest.mark.parametrize(("cfa", "bits"), [("RGGB", 14), ("GBRG", 12), ("RGGB", 16)])
def test_a_picture_comes_back(cfa: str, bits: int) -> None:
    image, red = picture(90, 116, bits), divmod(cfa.index("R"), 2)
    found = decoded(coder.encode(image, red, bits), image.shape, red, bits)
    assert np.median(np.abs(found - image.astype(float)) / image) < 0.006


def test_threads_change_nothing() -> None:
    data = whole()
    several = decoded(data)
    kernels.set_threads(1)
    try:
        np.testing.assert_array_equal(decoded(data), several)
    finally:
        kernels.set_threads(0)


def reason(data: bytes, size: tuple[int, int] = (40, 48)) -> str:
    with pytest.raises(TiffError) as error:
        decoded(data, size)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_cut_short_anywhere() -> None:
    data = whole()
    for length in range(0, len(data) - 4, 7):
        reason(data[:length])


def test_damaged_anywhere() -> None:
    data, rng = whole(), np.random.default_rng(5)
    reasons = []
    for _ in range(400):
        copy = bytearray(data)
        for _ in range(rng.integers(1, 4)):
            at = int(rng.integers(0, len(copy) - 4))
            copy[at : at + 4] = rng.bytes(4) if rng.random() < 0.5 else rng.choice(EXTREMES)
        with contextlib.suppress(TiffError):
            assert decoded(bytes(copy)).shape == (40, 48)
            continue
        reasons.append(reason(bytes(copy)))
    assert 200 < len(reasons) < 400
    assert len(set(reasons)) > 10


def changed(tag: int, value: int) -> bytes:
    """The stream with another value where a tag first stands."""
    data = bytearray(whole())
    at = next(i for i in range(4, len(data), 4) if data[i : i + 2] == tag.to_bytes(2, "big", signed=True))
    data[at + 2 : at + 4] = value.to_bytes(2, "big")
    return bytes(data)


@pytest.mark.parametrize(
    ("tag", "value", "words"),
    [
        (12, 3, "3 for tag 12 is not supported"),
        (20, 50, "50 x 40 pixels inside for 48 x 40"),
        (21, 0, "48 x 0 pixels inside"),
        (84, 1, "1 for tag 84"),
        (106, 4, "4 for tag 106"),
        (109, 0x4000, "prescale (1, 0, 0)"),
        (109, 0x8000, "prescale (2, 0, 0)"),
        (35, 12, "a lowpass of 12 bits"),
        (62, 4, "subband 0 of component 4 out of turn"),
        (48, 10, "subband 10 of component 0 out of turn"),
        (-0x6000, 0xFFFF, "cut short"),
        (-0x6000, 1, "is damaged"),
        (-0x6000, 0, "cut short"),
    ],
)
def test_what_is_not_true_or_not_read(tag: int, value: int, words: str) -> None:
    assert words in reason(changed(tag, value))


@pytest.mark.parametrize("rows", [slice(0, 1), slice(0, -1), slice(None)])
@pytest.mark.parametrize("end", [False, True])
@pytest.mark.parametrize("more", [0, 10, 1000])
def test_bands_that_end_too_early_or_too_late(rows: slice, end: bool, more: int) -> None:
    noise = np.random.default_rng(1).integers(0, 16384, (40, 48))

    def code(band: np.ndarray) -> bytes:
        data: bytes = coder.coded(np.append(band[rows], np.zeros(more, int)), end=end)
        return data

    data = coder.encode(noise, (0, 0), 14, code)
    if end and rows == slice(None) and not more:
        decoded(data)
    else:
        assert re.search("a band does not end|coefficients in a band of", reason(data))


def test_sides_that_vc5_can_not_have() -> None:
    data = whole()
    assert "inside for 47 x 40" in reason(data, (40, 47))
    small = changed(20, 16)
    assert "of 16 x 40 pixels is not supported" in reason(small, (40, 16))
    assert "not whole cells" in reason(changed(20, 47), (40, 47))


def test_a_stream_of_nothing_but_sections_takes_no_time() -> None:
    begin = time.process_time()
    assert "0 of 40 subbands" in reason(b"VC-5" + b"\xdc\x00\x00\x00" * 2_000_000)
    assert time.process_time() - begin < 1


def test_as_a_dng(dng: Maker, tmp_path: Path) -> None:
    path = tmp_path / "a.gpr"
    for cfa in ("RGGB", "GBRG"):
        image = picture(40, 48, 16)
        path.write_bytes(dng(image, cfa=cfa, compression=9))
        raw = read_raw(path)
        assert raw.cfa == cfa
        assert np.median(np.abs(raw.mosaic - image.astype(float)) / image) < 0.006
        # The white level says to how many bits the curve goes.
        path.write_bytes(dng(image, cfa=cfa, compression=9, raw={50717: (4, 16383)}))
        np.testing.assert_array_equal(read_raw(path).mosaic, raw.mosaic >> 2)
    facts = describe(path)
    assert facts["raw"]["compression"] == "VC-5"
    assert "not_supported" not in facts


@pytest.mark.parametrize("tile", [(40, 48), (48, 64), (100, 120)])
def test_tiles(dng: Maker, tmp_path: Path, tile: tuple[int, int]) -> None:
    # Cameras write one tile; several, or one that reaches beyond the image, are as good.
    path = tmp_path / "a.gpr"
    image = picture(80, 96, 16)
    path.write_bytes(dng(image, compression=9, tile=tile))
    assert np.median(np.abs(read_raw(path).mosaic - image.astype(float)) / image) < 0.006


def test_a_dng_that_vc5_can_not_be_in(dng: Maker, tmp_path: Path) -> None:
    path = tmp_path / "a.gpr"
    image = picture(40, 48, 16)
    for choice, words in (
        ({"cfa": "BGGR"}, "colour filter array BGGR is not supported"),
        ({"raw": {258: (3, 14)}}, "VC-5 of 14-bit integer samples is not supported"),
        ({"raw": {256: (4, 20_000), 257: (4, 20_000), 278: (4, 20_000)}}, "can't hold a 20000 x 20000 tile"),
    ):
        path.write_bytes(dng(image, compression=9, **choice))
        with pytest.raises(ReadError) as error:
            read_raw(path)
        assert words in str(error.value)
        assert str(path) in str(error.value)
