"""`python -m fotohaus.simulate PHOTO FOLDER`: a burst as DNG files, with its truth in truth.npz beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import numpy as np
import typer

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
    try:
        height, width = (int(part) for part in text.lower().split("x"))
    except ValueError:
        raise typer.BadParameter(f"size is HEIGHTxWIDTH in px, got {text!r}") from None
    return height, width


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise typer.BadParameter(f"bracket is numbers with commas, got {text!r}") from None


def main(
    photo: Annotated[Path, typer.Argument(help="The picture that is the world.", exists=True, dir_okay=False)],
    folder: Annotated[Path, typer.Argument(help="Where the DNG files and truth.npz go.")],
    frames: Annotated[int, typer.Option(help="Number of frames.")] = 8,
    size: Annotated[str, typer.Option(help="Sensor, HEIGHTxWIDTH in px.")] = "1536x2048",
    iso: Annotated[float, typer.Option(help="ISO, which sets the noise.")] = 1600,
    bits: Annotated[int, typer.Option(help="Bits per sample, 10 to 14.")] = 10,
    exposure: Annotated[float, typer.Option(help="Factor between the photo's white and the sensor's.")] = 0.5,
    baseline_exposure: Annotated[float, typer.Option(help="EV that the files ask a developer to add.")] = 0.0,
    cfa: Annotated[str, typer.Option(help="RGGB, BGGR, GRBG or GBRG.")] = "RGGB",
    shake: Annotated[float, typer.Option(help="Standard deviation of the shifts in px.")] = 6.0,
    rotation: Annotated[float, typer.Option(help="Standard deviation of the turns in degrees.")] = 0.15,
    rolling: Annotated[float, typer.Option(help="Standard deviation of the movement during readout in px.")] = 0.0,
    blur: Annotated[float, typer.Option(help="Standard deviation of the movement during exposure in px.")] = 0.0,
    shading: Annotated[float, typer.Option(help="How many times darker the corners are.")] = 1.0,
    hot: Annotated[float, typer.Option(help="Share of hot pixels.")] = 0.0,
    mover: Annotated[Path | None, typer.Option(help="A picture that walks through the scene.", exists=True)] = None,
    step: Annotated[float, typer.Option(help="How far it walks per frame in px.")] = 14.0,
    parallax: Annotated[float, typer.Option(help="How many times farther than the world it shifts by the hand.")] = 1.0,
    bracket: Annotated[str, typer.Option(help="EV of the frames in turn, with commas: 0,-2,2.")] = "",
    reference: Annotated[int, typer.Option(help="Number of the frame that holds still, from 0.")] = 0,
    whole: Annotated[bool, typer.Option(help="Show the whole photo, scaled, instead of its centre.")] = False,
    oversample: Annotated[int, typer.Option(help="Resolution of the world in sensor resolutions: 1 or 2.")] = 2,
    inset: Annotated[int, typer.Option(help="Px that the default crop leaves out on every side.")] = 0,
    truth: Annotated[bool, typer.Option(help="Write truth.npz beside the frames.")] = True,
    seed: Annotated[int, typer.Option(help="The same seed gives the same burst.")] = 1,
) -> None:
    """Simulate a hand-held raw burst of a photo."""
    height, width = _size(size)
    movers = []
    if mover is not None:
        movers = [Mover(mover, (height // 4, width // 6), velocity=(0, step), parallax=parallax, oval=True)]
    try:
        burst = simulate_burst(
            photo,
            frames=frames,
            size=(height, width),
            iso=iso,
            bits=bits,
            exposure=exposure,
            baseline_exposure=baseline_exposure,
            cfa=cast(CfaPattern, cfa),
            shake=shake,
            rotation=rotation,
            rolling=rolling,
            blur=blur,
            shading=shading,
            hot=hot,
            movers=movers,
            whole=whole,
            oversample=oversample,
            inset=inset,
            bracket=_numbers(bracket),
            reference=reference,
            seed=seed,
        )
        for path in write_burst(burst, folder, truth=truth):
            typer.echo(path)
    except (ValueError, OSError) as error:
        typer.echo(f"fotohaus.simulate: {error}", err=True)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    typer.run(main)
