"""`python -m fotohaus.simulate PHOTO FOLDER`: a burst as DNG files, with its truth in truth.npz beside them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np

from fotohaus.raw.dng import encode_dng
from fotohaus.raw.image import CfaPattern
from fotohaus.simulate import Burst, Mover, simulate_burst


def write_burst(burst: Burst, folder: Path, *, truth: bool = True) -> list[Path]:
    """Write the frames as `frame_000.dng` ... into `folder`, and truth.npz if wanted; returns the frames' paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index, frame in enumerate(burst):
        path = folder / f"frame_{index:03d}.dng"
        path.write_bytes(encode_dng(frame))
        paths.append(path)
    if not truth:
        return paths
    motions = [[m.dx, m.dy, m.degrees, *m.rolling, *m.blur] for m in burst.motions]
    np.savez(
        folder / "truth.npz",
        mosaic=burst.truth,
        rgb=burst.truth_rgb,
        motions=motions,
        moved=burst.moved(),
        black=burst.sensor.black,
        white=burst.sensor.white,
        noise=[burst.noise.scale, burst.noise.offset],
        steps=burst.steps,
    )
    return paths


def _size(text: str) -> tuple[int, int]:
    """Height and width."""
    height, width = (int(part) for part in text.lower().split("x"))
    return height, width


def _numbers(text: str) -> tuple[float, ...]:
    """Numbers with commas."""
    return tuple(float(part) for part in text.split(",") if part.strip())


_OPTIONS: tuple[tuple[str, Callable[[str], Any], Any, str], ...] = (
    ("frames", int, 8, "Number of frames."),
    ("size", _size, (1536, 2048), "Sensor, HEIGHTxWIDTH in px, as 1536x2048."),
    ("iso", float, 1600, "ISO, which sets the noise."),
    ("bits", int, 10, "Bits per sample, 10 to 14."),
    ("exposure", float, 0.5, "Factor between the photo's white and the sensor's."),
    ("baseline_exposure", float, 0.0, "EV that the files ask a developer to add."),
    ("cfa", str, "RGGB", "RGGB, BGGR, GRBG or GBRG."),
    ("shake", float, 6.0, "Standard deviation of the shifts in px."),
    ("rotation", float, 0.15, "Standard deviation of the turns in degrees."),
    ("rolling", float, 0.0, "Standard deviation of the movement during readout in px."),
    ("blur", float, 0.0, "Standard deviation of the movement during exposure in px."),
    ("shading", float, 1.0, "How many times darker the corners are."),
    ("hot", float, 0.0, "Share of hot pixels."),
    ("mover", Path, None, "A picture that walks through the scene."),
    ("step", float, 14.0, "How far it walks per frame in px."),
    ("parallax", float, 1.0, "How many times farther than the world it shifts by the hand."),
    ("bracket", _numbers, (), "EV of the frames in turn, with commas, as 0,-2,2."),
    ("reference", int, 0, "Number of the frame that holds still, from 0."),
    ("whole", bool, False, "Show the whole photo, scaled, instead of its centre."),
    ("oversample", int, 2, "Resolution of the world in sensor resolutions: 1 or 2."),
    ("inset", int, 0, "Px that the default crop leaves out on every side."),
    ("truth", bool, True, "Write truth.npz beside the frames."),
    ("seed", int, 1, "The same seed gives the same burst."),
)
"""Name, type, default and meaning of every option."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m fotohaus.simulate", description="Simulate a hand-held raw burst of a photo.", allow_abbrev=False
    )
    parser.add_argument("photo", type=Path, metavar="PHOTO", help="The picture that is the world.")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="Where the DNG files and truth.npz go.")
    for name, kind, default, says in _OPTIONS:
        flag = "--" + name.replace("_", "-")
        if kind is bool:
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=default, help=says)
        else:
            parser.add_argument(flag, type=kind, default=default, metavar="...", help=f"{says} [%(default)s]")
    return parser


def main() -> None:
    """Simulate a hand-held raw burst of a photo."""
    options = _parser().parse_args()
    height, width = options.size
    movers = []
    if options.mover is not None:
        movers = [
            Mover(
                options.mover,
                (height // 4, width // 6),
                velocity=(0, options.step),
                parallax=options.parallax,
                oval=True,
            )
        ]
    try:
        burst = simulate_burst(
            options.photo,
            frames=options.frames,
            size=(height, width),
            iso=options.iso,
            bits=options.bits,
            exposure=options.exposure,
            baseline_exposure=options.baseline_exposure,
            cfa=cast(CfaPattern, options.cfa),
            shake=options.shake,
            rotation=options.rotation,
            rolling=options.rolling,
            blur=options.blur,
            shading=options.shading,
            hot=options.hot,
            movers=movers,
            whole=options.whole,
            oversample=options.oversample,
            inset=options.inset,
            bracket=options.bracket,
            reference=options.reference,
            seed=options.seed,
        )
        for path in write_burst(burst, options.folder, truth=options.truth):
            print(path)
    except (ValueError, OSError) as error:
        print(f"fotohaus.simulate: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
