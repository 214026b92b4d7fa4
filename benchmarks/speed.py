"""How long whole commands take, and the memory they need, beside what other raw developers take for the same file.

Every figure is a whole process, from the command line to the written file.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import sys
import tempfile
from pathlib import Path

from common import CACHE, COMPARED, DATA, compare, fotohaus, run, script, table, tool

BURST_PHOTO = DATA / "truth" / "photos" / "Sunset_by_the_Pier.jpg"
ONE_RAW = DATA / "raw" / "gopro_hero6_mural.dng"

RAWPY = """
import sys, rawpy
from PIL import Image
with rawpy.imread(sys.argv[1]) as raw:
    pixels = raw.postprocess(demosaic_algorithm=rawpy.DemosaicAlgorithm.AHD, use_camera_wb=True)
Image.fromarray(pixels).save(sys.argv[2], quality=92)
"""


def burst(frames: int = 8) -> Path:
    """Folder of a simulated hand-held burst of 12 MP frames, made once."""
    folder = CACHE / f"burst-{frames}x12mp-{importlib.metadata.version('fotohaus')}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as partial:
            made = Path(partial) / "burst"
            options = ["--frames", str(frames), "--size", "3000x4000", "--iso", "1600", "--no-truth"]
            run([sys.executable, "-m", "fotohaus.simulate", str(BURST_PHOTO), str(made), *options])
            made.rename(folder)
    return folder


def one_raw(folder: Path) -> str:
    """One 12 MP raw to JPEG."""
    out = folder / "one"
    return table(
        COMPARED,
        compare(
            {
                "fotohaus": fotohaus("develop", ONE_RAW, "-o", f"{out}.jpg"),
                "RawTherapee": tool("rawtherapee-cli", "-q", "-Y", "-o", f"{out}-rt.jpg", "-c", ONE_RAW),
                "darktable": tool(
                    "darktable-cli",
                    *(ONE_RAW, f"{out}-dt.jpg", "--core", "--configdir", folder / "dt", "--library", ":memory:"),
                ),
                "rawpy (AHD) + Pillow": script(RAWPY, ONE_RAW, f"{out}-rawpy.jpg", needs=["rawpy", "PIL"]),
            }
        ),
    )


def many_raws(folder: Path) -> str:
    """Eight 12 MP raws to one JPEG, to the merged raw, and one of them alone."""
    frames = burst()
    rows = {
        "8 frames to JPEG": fotohaus("develop", frames, "-o", folder / "burst.jpg"),
        "8 frames to DNG": fotohaus("develop", frames, "-o", folder / "burst.dng"),
        "1 frame to JPEG": fotohaus("develop", sorted(frames.glob("*.dng"))[0], "-o", folder / "single.jpg"),
    }
    return table(COMPARED, compare(rows))


def start() -> str:
    """What every command pays."""
    rows = {
        "python -c pass": script("pass"),
        "import fotohaus": script("import fotohaus"),
        "fotohaus --help": fotohaus("--help"),
    }
    return table(COMPARED[:-1], [row[:-1] for row in compare(rows, runs=7)])


def installed() -> str:
    """Size of fotohaus and everything that it needs at run time, in MiB."""
    sizes: dict[str, float] = {}
    wanted = ["fotohaus"]
    while wanted:
        name = re.split(r"[^\w.-]", wanted.pop(), maxsplit=1)[0].lower().replace("_", "-")
        try:
            package = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        if name in sizes:
            continue
        paths = (Path(str(package.locate_file(file))) for file in package.files or [])
        sizes[name] = sum(p.stat().st_size for p in paths if p.is_file() and p.suffix != ".pyc") / 2**20
        wanted += [need for need in package.requires or [] if "extra ==" not in need]
    # An editable install lists links instead of files.
    spec = importlib.util.find_spec("fotohaus")
    home = Path(str(spec and spec.origin)).parent
    sizes["fotohaus"] = sum(p.stat().st_size for p in home.rglob("*") if p.is_file() and p.suffix != ".pyc") / 2**20
    largest = sorted(sizes.items(), key=lambda item: -item[1])
    rows: list[list[object]] = [[name, round(size, 1)] for name, size in largest[:8]]
    rows.append([f"{len(sizes) - len(rows)} others", round(sum(s for _, s in largest[8:]), 1)])
    rows.append(["together", round(sum(sizes.values()), 1)])
    return table(("package", "MiB"), rows)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if ONE_RAW.exists():
            print(f"One raw to JPEG (HERO6, 12 MP):\n\n{one_raw(folder)}\n", flush=True)
            print(f"A simulated hand-held burst, 12 MP frames, ISO 1600:\n\n{many_raws(folder)}\n", flush=True)
        else:
            print(f"No test data at {DATA} (set FOTOHAUS_DATA): raws are left out.\n")
        print(f"Starting up:\n\n{start()}\n", flush=True)
        print(f"Installed, without extras:\n\n{installed()}")


if __name__ == "__main__":
    main()
