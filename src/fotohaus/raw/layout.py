"""How the samples of a TIFF image lie in the file: strips or tiles, checked before anything is allocated.

TIFF 6.0 sections 3, 14 and 15; DNG 1.7.1 (BitsPerSample, SampleFormat, Compression, Predictor, SubTileBlockSize,
RowInterleaveFactor, ColumnInterleaveFactor).
"""

from __future__ import annotations

from dataclasses import replace

from fotohaus.raw import tags
from fotohaus.raw.tiff import Ifd, Source, TiffError
from fotohaus.records import record

MAX_SAMPLES = 400_000_000
MAX_BLOCK = 1 << 12

NONE, JPEG, DEFLATE, OLD_DEFLATE, LOSSY_JPEG, JPEG_XL = 1, 7, 8, 32946, 34892, 52546
LZW, PACKBITS = 5, 32773
OLD_JPEG = 6
VC5 = 9
COMPRESSION_NAMES = {
    NONE: "none",
    LZW: "LZW",
    OLD_JPEG: "an older kind of JPEG",
    PACKBITS: "PackBits",
    JPEG: "lossless JPEG",
    DEFLATE: "deflate",
    OLD_DEFLATE: "deflate",
    LOSSY_JPEG: "lossy JPEG",
    VC5: "VC-5",
    JPEG_XL: "JPEG XL",
}
UNSIGNED, FLOAT = 1, 3
# DNG 1.7.1, Predictor: how many samples of the same plane lie between a sample and the one that predicts it.
HORIZONTAL = {2: 1, 34892: 2, 34893: 4}
FLOATING = {3: 1, 34894: 2, 34895: 4}

# The least number of bytes that a sample can take. A Huffman code has at least one bit (T.81 annex C), and a block of
# 8 x 8 samples of a DCT at least two codes: masks are such, and Blackmagic's mosaics. Deflate expands at most 1032
# times, PackBits 64 times, and LZW, whose 3837 words grow by a byte each and take 9 to 12 bits, less than 1400 times.
# Of VC-5's 64 coefficients one takes two bytes. JPEG XL has no such bound.
_LEAST_BYTES = {JPEG: 1 / 4 / 256, DEFLATE: 1 / 1032, OLD_DEFLATE: 1 / 1032, LOSSY_JPEG: 1 / 4 / 256, JPEG_XL: 0.0}
_LEAST_BYTES |= {LZW: 1 / 1400, PACKBITS: 1 / 64, VC5: 1 / 32}
_OF_BYTES = (DEFLATE, OLD_DEFLATE, LZW, PACKBITS)  # pack bytes, whatever they stand for
_PREDICTED = (DEFLATE, OLD_DEFLATE, LZW)

# Deflate, LZW and a DCT could expand a small file a thousand times, JPEG XL without bound. Beyond these sizes no photo
# does; JPEG XL of a phone's 48 MP takes a fiftieth to a hundredth of them, and less of a night sky.
_SMALL, _LIKELY_RATIO = 1 << 26, 100
_LARGE, _LIKELY_JXL_RATIO = 400 << 20, 1000


@record
class Layout:
    """How an image lies in the file: its size, and one segment (strip or tile) after the other."""

    width: int
    height: int
    samples: int  # per pixel
    bits: int  # per sample
    floating: bool
    compression: int
    predictor: int
    photometric: int
    separate: bool  # planes one after the other, each in segments of its own
    tiled: bool
    tile_width: int
    tile_height: int
    block: tuple[int, int]  # rows and columns of the blocks within a segment
    fields: tuple[int, int]  # in which rows and columns are interleaved
    offsets: list[int]
    counts: list[int]

    @property
    def across(self) -> int:
        """Segments side by side."""
        return -(-self.width // self.tile_width)

    @property
    def down(self) -> int:
        """Segments one above the other."""
        return -(-self.height // self.tile_height)

    @property
    def together(self) -> int:
        """Samples of a pixel that lie in one segment."""
        return 1 if self.separate else self.samples

    def row_bytes(self) -> int:
        """Bytes of one row of an uncompressed segment: rows begin at whole bytes."""
        return (self.tile_width * self.together * self.bits + 7) // 8

    def place(self, index: int) -> tuple[int, int, int]:
        """Top row, left column and plane of a segment."""
        plane, index = divmod(index, self.across * self.down)
        return index // self.across * self.tile_height, index % self.across * self.tile_width, plane

    def rows(self, index: int) -> int:
        """Rows that a segment stores: tiles are always whole, the last strip is not."""
        top = self.place(index)[0]
        return self.tile_height if self.tiled else min(self.tile_height, self.height - top)


def read_layout(ifd: Ifd) -> Layout:
    """The layout that an IFD claims, checked against itself and against the size of the file.

    Raises TiffError for what can't be true, what is too large, and what is not supported.
    """
    width, height = ifd.integer(tags.IMAGE_WIDTH, 0), ifd.integer(tags.IMAGE_LENGTH, 0)
    samples = ifd.integer(tags.SAMPLES_PER_PIXEL, 1)
    if width < 1 or height < 1 or samples < 1:
        raise TiffError(f"is damaged: the raw image is {width} x {height} with {samples} samples per pixel")
    if width * height * samples > MAX_SAMPLES:
        raise TiffError(f"claims {width} x {height} pixels; the limit is {MAX_SAMPLES // 10**6} million samples")
    compression = ifd.integer(tags.COMPRESSION, 1)
    bits, floating = _sample_type(ifd, samples)
    if ifd.integer(tags.FILL_ORDER, 1) != 1:
        raise TiffError("reversed bit order is not supported")
    separate = samples > 1 and ifd.integer(tags.PLANAR_CONFIGURATION, 1) == 2

    # Writers for small cameras name a tile's size beside strips.
    tiled = tags.TILE_WIDTH in ifd and (tags.TILE_OFFSETS in ifd or tags.STRIP_OFFSETS not in ifd)
    if tiled:
        tile_width, tile_height = ifd.integer(tags.TILE_WIDTH, 0), ifd.integer(tags.TILE_LENGTH, 0)
        offset_tag, count_tag = tags.TILE_OFFSETS, tags.TILE_BYTE_COUNTS
    else:
        tile_width, tile_height = width, min(ifd.integer(tags.ROWS_PER_STRIP, height) or height, height)
        offset_tag, count_tag = tags.STRIP_OFFSETS, tags.STRIP_BYTE_COUNTS
    if tile_width < 1 or tile_height < 1 or tile_width * tile_height * samples > MAX_SAMPLES:
        raise TiffError(f"is damaged: tiles are {tile_width} x {tile_height}")
    segments = -(-width // tile_width) * -(-height // tile_height) * (samples if separate else 1)
    for tag in (offset_tag, count_tag):
        if (entry := ifd.entries.get(tag)) is not None and not segments <= entry.count <= segments + 4096:
            raise TiffError(f"is damaged: {segments} strips or tiles, {entry.count} places for them")
    offsets = ifd.integers(offset_tag)
    if offsets is None:
        raise TiffError("is damaged: does not say where the raw samples are")
    block = _block(ifd)
    if tile_height % block[0] or tile_width % block[1]:
        raise TiffError(f"is damaged: tiles of {tile_width} x {tile_height} in blocks of {block[1]} x {block[0]}")
    layout = Layout(
        width=width,
        height=height,
        samples=samples,
        bits=bits,
        floating=floating,
        compression=compression,
        predictor=1 if compression == PACKBITS else ifd.integer(tags.PREDICTOR, 1),
        photometric=ifd.integer(tags.PHOTOMETRIC, 0),
        separate=separate,
        tiled=tiled,
        tile_width=tile_width,
        tile_height=tile_height,
        block=block,
        fields=(_factor(ifd, tags.ROW_INTERLEAVE_FACTOR, height), _factor(ifd, tags.COLUMN_INTERLEAVE_FACTOR, width)),
        offsets=offsets[:segments],
        counts=(ifd.integers(count_tag) or [])[:segments],
    )
    _check_codec(layout)
    return _checked(layout, ifd.tiff.source)


def _sample_type(ifd: Ifd, samples: int) -> tuple[int, bool]:
    """Bits per sample, and whether they are floating-point numbers."""
    depths = ifd.integers(tags.BITS_PER_SAMPLE) or [1]
    formats = ifd.integers(tags.SAMPLE_FORMAT) or [UNSIGNED]
    if len(set(depths[:samples])) != 1 or len(set(formats[:samples])) != 1:
        raise TiffError("samples of several types are not supported")
    bits, floating = depths[0], formats[0] == FLOAT
    if formats[0] not in (UNSIGNED, FLOAT):
        raise TiffError("signed raw samples are not supported")
    if bits not in (16, 24, 32) if floating else not 8 <= bits <= 32:
        raise TiffError(f"{bits} bits per {'floating-point ' if floating else ''}sample are not supported")
    return bits, floating


def _block(ifd: Ifd) -> tuple[int, int]:
    values = ifd.integers(tags.SUB_TILE_BLOCK_SIZE) or [1, 1]
    if len(values) != 2 or not all(0 <= v <= MAX_BLOCK for v in values):
        raise TiffError(f"is damaged: samples in blocks of {values}")
    return max(values[0], 1), max(values[1], 1)


def _factor(ifd: Ifd, tag: int, length: int) -> int:
    """An interleave factor. GoPro writes 0 for 1."""
    factor = ifd.integer(tag, 1)
    if not 0 <= factor <= length:
        raise TiffError(f"is damaged: {length} rows or columns in {factor} fields")
    return max(factor, 1)


def _check_codec(layout: Layout) -> None:
    """Refuse sample types and predictors that a compression does not have (DNG 1.7.1, Compression, Predictor)."""
    compression, bits = layout.compression, layout.bits
    kind = f"{bits}-bit {'floating-point' if layout.floating else 'integer'} samples"
    known = COMPRESSION_NAMES.get(compression)
    if compression not in _LEAST_BYTES and compression != NONE:
        raise TiffError(f"compression {compression}{f' ({known})' if known else ''} is not supported yet")
    wrong = (
        (compression in (JPEG, LOSSY_JPEG) and layout.floating)
        or (compression == JPEG and bits > 16)
        or (compression == LOSSY_JPEG and bits != 8)
        or (compression == JPEG_XL and bits > 16 and not layout.floating)
        or (compression in (LOSSY_JPEG, JPEG_XL) and layout.together not in (1, 3))
        or (compression == VC5 and (bits != 16 or layout.photometric != tags.PHOTOMETRIC_CFA or layout.samples != 1))
        or (compression in _OF_BYTES and bits not in (8, 16, 24, 32))
    )
    if wrong:
        raise TiffError(f"{known} of {kind} is not supported")
    if compression in _PREDICTED and layout.predictor != 1:
        fits = layout.predictor in FLOATING if layout.floating else layout.predictor in HORIZONTAL and bits != 24
        if not fits:
            raise TiffError(f"{known} of {kind} with predictor {layout.predictor} is not supported")


def _checked(layout: Layout, source: Source) -> Layout:
    """The layout with true byte counts, once the file is known to hold as many bytes as the samples need at least."""
    if layout.compression == NONE:
        # Writers get these counts wrong; they follow from the size.
        counts = [layout.rows(i) * layout.row_bytes() for i in range(len(layout.offsets))]
    else:
        counts = layout.counts
        if not counts and len(layout.offsets) == 1:
            counts = [source.size - layout.offsets[0]]
        if len(counts) != len(layout.offsets):
            raise TiffError("is damaged: does not say how long the strips or tiles are")
        row = layout.tile_width * layout.together * (layout.bits / 8 if layout.compression in _OF_BYTES else 1)
        for i, count in enumerate(counts):
            if layout.rows(i) * row * _LEAST_BYTES[layout.compression] > count:
                raise TiffError(f"is damaged: {count} bytes can't hold a {layout.tile_width} x {layout.rows(i)} tile")
        tile = layout.tile_width * min(layout.tile_height, layout.rows(0)) * layout.together
        needed = max(layout.width * layout.height * layout.samples, tile) * max(2, layout.bits // 8)
        likely = max(_SMALL, _LIKELY_RATIO * sum(counts))
        if layout.compression == JPEG_XL:
            likely = max(likely, min(_LARGE, _LIKELY_JXL_RATIO * sum(counts)))
        if layout.compression in (*_PREDICTED, JPEG, JPEG_XL) and needed > likely:
            raise TiffError(f"is damaged: {sum(counts)} bytes can't hold {layout.width} x {layout.height} pixels")
    if sum(counts) > source.size:
        raise TiffError(f"is damaged or cut short: the raw samples need {sum(counts)} bytes, has {source.size}")
    for offset, count in zip(layout.offsets, counts, strict=True):
        source.check(offset, count)
    return replace(layout, counts=counts)
