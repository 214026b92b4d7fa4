"""Samples to baseline JPEG (ITU-T T.81) with tables that spare fine detail.

libjpeg's own tables, those of annex K, were tuned for coarse coding of small pictures (1992): at the qualities of
photographs they spend bits on smooth areas that nobody sees and save them on detail, which is seen at 100 %, is edited,
and is what a gain map multiplies.
"""

from __future__ import annotations

import functools
import io
import os
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

_LIGHTNESS, _COLOR = (2.0, 0.2), (4.0, 0.5)  # steps at quality 95: of the mean, and more per step of frequency
_AT = 95
_END = b"\xff\xd9"


@functools.cache
def quantization_tables(quality: int) -> tuple[tuple[int, ...], ...]:
    """The quantization tables of lightness and colour, row by row, for a quality of 1 to 100.

    Steps grow with the frequencies' sum, and with quality as libjpeg's do; files are no larger than with libjpeg's
    tables of the same quality, lightness is 2 dB better at qualities above 80 (docs/algorithms/output.md).
    """
    across, down = np.meshgrid(np.arange(8), np.arange(8))
    scale = _scale(quality) / _scale(_AT)
    steps = [(first + more * (across + down)) * scale for first, more in (_LIGHTNESS, _COLOR)]
    return tuple(tuple(np.clip(np.rint(table), 1, 255).astype(int).ravel().tolist()) for table in steps)


def _scale(quality: int) -> float:
    """libjpeg's scale of quantization steps (jpeg_quality_scaling), percent."""
    return 5000 / quality if quality < 50 else 200 - 2 * quality


def encode_samples(samples: NDArray[np.uint8], quality: int, *, full_chroma: bool) -> bytes:
    """A JPEG file of (H, W, 3) RGB or (H, W) grey samples with the Huffman tables of annex K, for any thread.

    (H, W, 4), of which the fourth sample means nothing, is how Pillow keeps RGB, and is not copied.
    full_chroma : colour in full resolution (4:4:4), or in half of it (4:2:0).
    """
    from PIL import JpegImagePlugin  # noqa: F401 - it adds itself to those who can save
    from PIL.Image import frombuffer

    height, width = samples.shape[:2]
    mode = "L" if samples.ndim == 2 else "RGBX" if samples.shape[2] == 4 else "RGB"
    image = frombuffer(mode, (width, height), np.ascontiguousarray(samples), "raw", mode, 0, 1)
    tables = quantization_tables(quality)[: 1 if mode == "L" else 2]
    image.encoderinfo = {"qtables": tables, "subsampling": "4:4:4" if full_chroma else "4:2:0"}
    try:
        # Only into a file of the system's does Pillow code without keeping other threads of Python waiting.
        with open(_open_in_memory(), "w+b", buffering=0) as file:
            data = _saved(image, file)
        # It does not notice that the last of it did not get there.
        if data.endswith(_END):
            return data
    except OSError:
        pass
    return _saved(image, io.BytesIO())  # files may not be that large, or there is no room for them


def _saved(image: Image, file: IO[bytes]) -> bytes:
    from PIL.Image import SAVE

    # As Image.save does it, which loads the plugins of four other formats first.
    SAVE["JPEG"](image, file, b"")
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return file.read(size)


def _open_in_memory() -> int:
    """The descriptor of a file without a name, in memory where the system has such."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("fotohaus")
    import tempfile

    with tempfile.TemporaryFile(buffering=0) as file:
        return os.dup(file.fileno())
