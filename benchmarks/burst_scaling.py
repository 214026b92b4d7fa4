"""What a merge costs by its frames and their size: time should grow in proportion, memory not with frames.

Every figure is a whole process: lossless-JPEG DNG files in, the merged DNG out. Eight simulated frames (hand shake,
ISO 1600, or another: in strong noise some frames wait for each other) stand for any number, in a shuffled order; larger
sensors see them side by side. "more" is the processor time by which a row exceeds the one before, per frame and
megapixel that it has more: all equal if the cost is linear. "memory" is against the row with four frames.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from common import DATA, fotohaus, run, script, table

PHOTO = DATA / "truth" / "photos" / "Rob_Bye.jpg"
SMALL = (1536, 2048)  # px of a frame of 3 MP
FRAMES = 8
PLAN = {1: (2, 4, 8, 16, 32, 64), 4: (2, 4, 16, 64), 16: (2, 4, 8)}  # frames by sensors of so many times 3 MP

TILE = """
import sys
from dataclasses import replace
from pathlib import Path
import numpy as np
from fotohaus.raw import Rectangle, read_raw
from fotohaus.raw.dng import encode_dng
times = int(sys.argv[1])
for path in map(Path, sys.argv[3:]):
    raw = read_raw(path)
    mosaic = np.tile(raw.mosaic, (times, times))
    large = replace(raw, mosaic=mosaic, crop=Rectangle(0, 0, *mosaic.shape))
    (Path(sys.argv[2]) / path.name).write_bytes(encode_dng(large))
"""


def small_frames(folder: Path, iso: int) -> list[Path]:
    """Eight frames of 3 MP; they only shift, so that copies side by side shift as one."""
    options = ["--frames", FRAMES, "--size", "x".join(map(str, SMALL)), "--iso", iso, "--rotation", 0, "--no-truth"]
    run([sys.executable, "-m", "fotohaus.simulate", str(PHOTO), str(folder), *map(str, options)])
    return sorted(folder.glob("*.dng"))


def tiled(frames: Sequence[Path], sensors: int, folder: Path) -> list[Path]:
    """Frames of a sensor so many times larger."""
    if sensors == 1:
        return list(frames)
    folder.mkdir()
    times = round(sensors**0.5)
    run(script(TILE, times, folder, *frames) or [])
    return sorted(folder.glob("*.dng"))


def many(frames: Sequence[Path], count: int, folder: Path) -> list[Path]:
    """So many files out of a few, each with some bytes of its own at its end: the same file twice is left out."""
    folder.mkdir()
    order = random.Random(1)
    files = []
    for i in range(count):
        path = folder / f"{i:03d}.dng"
        shutil.copyfile(frames[i] if i < len(frames) else order.choice(frames), path)
        with path.open("ab") as file:
            file.write(i.to_bytes(8, "big"))
        files.append(path)
    return files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1, help="runs of each row, whose medians are printed")
    parser.add_argument("--most", type=int, default=64, help="largest number of frames")
    parser.add_argument("--iso", type=int, default=1600, help="noise of a phone at that ISO")
    arguments = parser.parse_args()
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        small = small_frames(root / "small", arguments.iso)
        for sensors, counts in PLAN.items():
            frames = tiled(small, sensors, root / f"x{sensors}")
            size = sensors * SMALL[0] * SMALL[1] / 1e6
            before, of_four = (0, 0.0), 0.0
            for count in (n for n in counts if n <= arguments.most):
                folder = root / "now"
                command = fotohaus("develop", *many(frames, count, folder), "-o", root / "merged.dng", "--reference", 1)
                timings = [run(command) for _ in range(arguments.runs)]
                wall, cpu, memory = (median(getattr(t, what) for t in timings) for what in ("wall", "cpu", "memory"))
                more = 1000 * (cpu - before[1]) / ((count - before[0]) * size) if before[0] else ""
                of_four = memory if count == 4 else of_four
                change = f"{100 * (memory / of_four - 1):+.0f} %" if of_four else ""
                rows.append([round(size), count, wall, cpu, more, round(memory), change])
                before = (count, cpu)
                shutil.rmtree(folder)
    print(table(("MP", "frames", "wall s", "processor s", "more, ms", "peak MiB", "memory"), rows))


if __name__ == "__main__":
    main()
