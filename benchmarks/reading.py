"""How long reading a raw file takes, beside LibRaw and tifffile: `python benchmarks/reading.py [FILE...]`.

Best of several runs in one process, files in the page cache. LibRaw does not read GainMaps, noise profiles or forward
matrices, tifffile reads no levels or colour at all: both do less. Files named beside have rows of their own; nan is
where a peer can't read one.
"""

import math
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import rawpy
import tifffile

from fotohaus.errors import FotohausError
from fotohaus.raw import RawImage, read_raw
from fotohaus.raw.dng import encode_dng
from fotohaus.raw.libraw import read_libraw

DATA = Path(os.environ.get("FOTOHAUS_DATA", Path(__file__).resolve().parents[1] / ".." / "shared" / "data"))


def best(action: Callable[[], Any], runs: int = 7) -> float:
    """Milliseconds."""
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        try:
            action()
        except (rawpy.LibRawError, FotohausError, ValueError):
            return math.nan
        times.append(time.perf_counter() - begin)
    return min(times) * 1000


def libraw(path: Path) -> None:
    with rawpy.imread(str(path)) as raw:
        raw.raw_image_visible.copy()


def compressed(image: RawImage, folder: Path) -> Path:
    path = folder / "lossless.dng"
    path.write_bytes(encode_dng(replace(image, mosaic=np.ascontiguousarray(image.mosaic))))
    return path


def main() -> None:
    hero = DATA / "raw" / "gopro_hero6_mural.dng"
    with tempfile.TemporaryDirectory() as folder:
        files = {
            "12 MP, 16 bits uncompressed": hero,
            "12 MP, lossless JPEG tiles": compressed(read_raw(hero), Path(folder)),
            "2 MP, 14 bits packed": DATA / "raw" / "canon_colorchecker.dng",
        } | {Path(name).name: Path(name) for name in sys.argv[1:]}
        print(f"{'ms':30} {'fotohaus':>9} {'LibRaw':>9} {'tifffile':>9} {'fotohaus by LibRaw':>19}")
        for name, path in files.items():
            row = [best(lambda p=path: read_raw(p)), best(lambda p=path: libraw(p))]
            row += [best(lambda p=path: tifffile.imread(p)), best(lambda p=path: read_libraw(p), 3)]
            print(f"{name:30} {row[0]:9.1f} {row[1]:9.1f} {row[2]:9.1f} {row[3]:19.1f}")


if __name__ == "__main__":
    main()
