"""The code words of VC-5's wavelet bands, and the tables by which the kernel `vc5_band` looks them up.

SMPTE ST 2073-1, codebook 17 with cubic companding, as GoPro's gpr has it (github.com/gopro/gpr, MIT or Apache-2.0).
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

LONGEST = 26
"""Bits of the longest code word; a coefficient that is not 0 has one more bit, its sign, after it."""

BAND_END = 0x3114BA3
"""The code word of 26 bits that follows a band's last coefficient."""

LOOKUPS = (12, 8, 7)
"""Bits of each of the successive look-ups that together see the longest code word with its sign."""

TOGETHER = 4
"""How many coefficients the first look-up may find at once."""

# In the order of the code words, which the lengths then give: bits:magnitude, or bits:zN for N zeros.
_CODES = """
    1:0 2:1 6:4 10:14 12:23 15:41 17:54 19:69 20:77 21:85 24:108 25:237 25:238 23:101 25:172 25:173 25:170 25:171
    25:227 25:162 25:156 25:157 25:243 25:134 25:135 25:136 25:128 25:129 25:247 25:127 25:178 25:179 25:214 25:118
    25:204 25:205 25:198 25:199 25:245 25:246 25:242 25:244 25:230 25:119 25:193 25:194 25:186 25:187 25:211 25:190
    25:163 25:164 25:220 25:221 25:216 25:217 25:212 25:213 25:206 25:208 25:209 25:210 25:122 25:248 25:235 25:148
    25:253 25:254 25:123 25:124 25:215 25:117 25:234 25:236 25:142 25:143 25:153 25:154 25:176 25:177 25:174 25:175
    25:184 25:185 25:240 25:241 25:239 25:141 25:139 25:140 25:125 25:126 25:130 25:131 25:228 25:229 25:232 25:233
    25:132 25:133 25:137 25:138 25:255 26:116 26:end 25:249 25:250 25:251 25:252 25:120 25:121 25:222 25:224 25:218
    25:219 25:200 25:201 25:191 25:192 25:149 25:150 25:151 25:152 25:146 25:147 25:144 25:145 25:165 25:166 25:167
    25:168 25:158 25:159 25:223 25:169 25:207 25:197 25:202 25:203 25:188 25:189 25:225 25:226 25:195 25:196 25:182
    25:183 25:231 25:155 25:160 25:161 16:48 14:36 13:30 11:19 9:11 9:z32 10:15 12:24 15:42 18:62 19:70 22:94 25:180
    25:181 24:109 23:102 21:86 20:78 17:55 16:49 14:37 13:31 12:25 15:43 18:63 19:71 20:79 21:87 21:88 17:56 16:50
    14:38 13:z180 7:6 5:3 9:12 11:20 11:z100 10:z60 8:z20 7:z12 8:9 10:16 13:32 15:44 18:64 19:72 20:80 22:95 22:96
    24:110 24:111 23:103 23:104 23:105 17:57 18:65 19:73 20:81 21:89 22:97 22:98 17:58 14:39 12:26 11:21 9:13 7:7 6:5
    8:10 13:33 16:51 18:66 19:74 20:82 21:90 21:91 17:59 15:45 16:52 18:67 19:75 20:83 24:112 24:113 23:106 22:99
    21:92 18:68 19:76 20:84 23:107 24:114 24:115 22:100 21:93 15:46 12:27 13:34 13:z320 12:28 10:17 11:22 14:40 16:53
    17:60 17:61 15:47 13:35 12:29 10:18 7:8 3:2
"""


def expanded(magnitude: int) -> int:
    """The quantised coefficient that a magnitude of 0 to 255 stands for: the cubic companding undone."""
    return magnitude + magnitude**3 * 768 // 255**3


def words() -> list[tuple[int, int, int, int]]:
    """(code word, its bits, how many coefficients, their magnitude) of all code words; the band's end counts 0."""
    found, code = [], 0
    for item in _CODES.split():
        length, what = int(item.split(":")[0]), item.split(":")[1]
        count, magnitude = (int(what[1:]), 0) if what[0] == "z" else (0, 0) if what == "end" else (1, int(what))
        found.append((code >> (LONGEST - length), length, count, magnitude))
        code += 1 << (LONGEST - length)
    return found


@functools.cache
def table() -> NDArray[np.int32]:
    """The look-up table, (entries,) int32.

    An entry is value << 16 | count << 5 | bits of a code word with its sign; or, if those bits are 0, the place << 5 of
    the entries that the next look-up's bits choose from. The first look-up begins at 0.
    """
    whole = sum(LOOKUPS)
    nodes: list[NDArray[np.int32]] = [np.zeros(1 << LOOKUPS[0], np.int32)]
    places = {(0, 0): (0, nodes[0])}  # (look-up, the bits before it): where its entries begin, and they

    def put(code: int, length: int, count: int, value: int) -> None:
        code, begin = code << (whole - length), 0
        for depth, bits in enumerate(LOOKUPS):
            node = places[depth, code >> (whole - begin)][1]
            left, mask = whole - begin - bits, (1 << bits) - 1
            index = code >> left & mask
            if length <= begin + bits:
                node[index : index + (1 << (begin + bits - length))] = value << 16 | count << 5 | length
                return
            key = depth + 1, code >> left
            if key not in places:
                following = np.zeros(1 << LOOKUPS[depth + 1], np.int32)
                places[key] = sum(map(len, nodes)), following
                nodes.append(following)
            node[index] = places[key][0] << 5
            begin += bits

    for code, length, count, magnitude in words():
        if magnitude:
            put(code << 1, length + 1, 1, expanded(magnitude))
            put(code << 1 | 1, length + 1, 1, -expanded(magnitude))
        else:
            put(code, length, count, 0)
    return np.concatenate(nodes)


@functools.cache
def several() -> NDArray[np.int64]:
    """All that the first look-up's bits hold, (2**12,) int64: up to four coefficients of whole code words.

    The lower half of an entry is that of `table`, without a value; the coefficients are the bytes of the upper half,
    lowest first. A run of zeros that goes beyond the fourth is the last one.
    """
    bits = LOOKUPS[0]
    window = np.arange(1 << bits)
    single = table()[: 1 << bits].astype(np.int64)
    used, count, values = (np.zeros(1 << bits, np.int64) for _ in range(3))
    for _ in range(TOGETHER):
        entry = single[window << used & (1 << bits) - 1]
        length = entry & 31
        fits = (length > 0) & (length <= bits - used) & (count < TOGETHER)
        values |= np.where(fits, (entry >> 16 & 0xFF) << 8 * count.clip(max=TOGETHER - 1), 0)
        used += np.where(fits, length, 0)
        count += np.where(fits, entry >> 5 & 0x7FF, 0)
    return values << 32 | np.where(used > 0, count << 5 | used, single)
