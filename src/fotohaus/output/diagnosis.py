"""A merge's diagnosis as files: pictures of what happened to every frame, and the same in numbers."""

from __future__ import annotations

import io
import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fotohaus.errors import WriteError
from fotohaus.output.atomic import reason, save
from fotohaus.raw.exif import software
from fotohaus.report import Report

if TYPE_CHECKING:
    from PIL.Image import Image

    from fotohaus.burst.diagnosis import Diagnosis, FrameFacts, NoiseFacts

MAX_PANELS = 64
"""Frames on a sheet; of longer bursts every so many'th. The report has them all."""


def prepare_folder(folder: str | os.PathLike[str]) -> Path:
    """Make a folder if it is missing. Raises WriteError, in one line, if it can't be made or written to."""
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise WriteError(path, "is a file, not a folder") from None
    except (OSError, ValueError) as error:
        raise WriteError(path, reason(error) if isinstance(error, OSError) else str(error)) from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise WriteError(path, "the folder can't be written to")
    return path


def write_diagnosis(diagnosis: Diagnosis, folder: str | os.PathLike[str], report: Report | None = None) -> list[Path]:
    """Write what a merge did into a folder: report.json, report.txt, alignment.png, weights.png, sharpness.png and
    noise.png, as far as there is something to show; returns their paths.

    Raises WriteError for a folder that can't be made or written to.
    """
    path = prepare_folder(folder)
    report = report or Report()
    with report.stage("debug"):
        files: dict[str, bytes] = {
            "report.json": (json.dumps(facts(diagnosis), indent=1, ensure_ascii=False) + "\n").encode(),
            "report.txt": summary(diagnosis).encode("utf-8", "replace"),
        }
        for name, picture in (
            ("alignment.png", _alignment(diagnosis)),
            ("weights.png", _weights(diagnosis)),
            ("sharpness.png", _sharpness(diagnosis)),
            ("noise.png", _noise(diagnosis)),
        ):
            if picture is not None:
                coded = io.BytesIO()
                picture.save(coded, "PNG")
                files[name] = coded.getvalue()
        for name, data in files.items():
            save(path / name, [data])
        report.note(f"{path}: {', '.join(files)}")
    return [path / name for name in files]


def facts(diagnosis: Diagnosis) -> dict[str, Any]:
    """The diagnosis in numbers, as JSON holds them; lengths in px of the mosaic, variances in units of white level."""
    worth = diagnosis.frames_worth
    return {
        "software": software(),
        "size": list(diagnosis.size),
        "method": diagnosis.method,
        "merged": sum(f.merged for f in diagnosis.frames),
        "frames_worth": None if diagnosis.worth is None else round(diagnosis.worth, 3),
        "variance": None if diagnosis.variance is None else round(diagnosis.variance, 4),
        "frames_worth_least": None if worth is None else round(float(worth.min()), 3),
        "frames": [_frame(f) for f in diagnosis.frames],
        "noise": [
            {
                "of": n.name,
                "model": {"scale": list(n.model.scale), "offset": list(n.model.offset), "source": n.model.source},
                "measured_over_model": [_ratio(n, c) for c in range(3)],
            }
            for n in diagnosis.noise
        ],
    }


def _frame(frame: FrameFacts) -> dict[str, Any]:
    out: dict[str, Any] = {"name": frame.name, "outcome": frame.outcome}
    if frame.sharpness is not None and math.isfinite(frame.sharpness):
        out["sharpness"] = float(f"{frame.sharpness:.5g}")
    if frame.field is not None and frame.beyond is not None and frame.shift is not None:
        out["shift"] = [round(v, 3) for v in frame.shift]
        out["rotation_degrees"] = None if frame.rotation is None else round(frame.rotation, 4)
        out["beyond_global_rms"] = round(float(np.sqrt(np.square(frame.beyond).sum(-1).mean())), 3)
        out["beyond_global_largest"] = round(float(np.hypot(*np.moveaxis(frame.beyond, -1, 0)).max()), 3)
    if frame.matched is not None and frame.textured is not None:
        out["textured_tiles"] = int(frame.textured.sum())
        out["matched_tiles"] = int((frame.matched & frame.textured).sum())
    if frame.weights is not None:
        out["weight"] = round(float(frame.weights.mean()), 4)
        out["cells_below_half"] = int((frame.weights < 0.5).sum())
    return out


def _ratio(noise: NoiseFacts, color: int) -> float | None:
    """Variance of the flattest fifth of the blocks over the model's; 1 where the model is right and all is flat."""
    from fotohaus.raw.noise import LOWER_FIFTH

    mean, variance = noise.blocks[color]
    if mean.size < 20:
        return None
    expected = noise.model.scale[color] * np.maximum(mean, 0) + noise.model.offset[color]
    return round(float(np.quantile(variance / np.maximum(expected, 1e-12), 0.2)) / LOWER_FIFTH, 3)


def summary(diagnosis: Diagnosis) -> str:
    """The diagnosis in a table for people."""
    told = facts(diagnosis)
    lines = [f"{told['software']}: {told['merged']} of {len(told['frames'])} frames, method {told['method']}"]
    if told["frames_worth"] is not None:
        lines.append(f"worth {told['frames_worth']} frames; at least {told['frames_worth_least']} in every cell")
    head = f"{'frame':<28} {'outcome':<20} {'sharpness':>9} {'shift px':>17} {'turn deg':>8} {'beyond px':>9}"
    lines += ["", f"{head} {'matched tiles':>13} {'weight':>6}"]
    for f in told["frames"]:
        shift = "{:+8.2f} {:+8.2f}".format(*f["shift"]) if "shift" in f else ""
        turn, beyond = f.get("rotation_degrees"), f.get("beyond_global_rms")
        matched = f"{f['matched_tiles']}/{f['textured_tiles']}" if "matched_tiles" in f else ""
        row = f"{f['name'][-28:]:<28} {f['outcome'][:20]:<20} {f.get('sharpness', ''):>9} {shift:>17}"
        row += f" {'' if turn is None else f'{turn:+.3f}':>8} {'' if beyond is None else f'{beyond:.3f}':>9}"
        lines.append(f"{row} {matched:>13} {f.get('weight', ''):>6}".rstrip())
    for n in told["noise"]:
        model = ", ".join(
            f"{s:.3g} x + {o:.3g}" for s, o in zip(n["model"]["scale"], n["model"]["offset"], strict=True)
        )
        lines += ["", f"noise of {n['of']} ({n['model']['source']}): variance of R, G, B = {model}"]
        measured = ", ".join("-" if r is None else f"{r:g}" for r in n["measured_over_model"])
        lines.append(f"  flattest fifth of the blocks over the model: {measured} (about 0.8 where the model is right)")
    return "\n".join(lines) + "\n"


def _shown(frames: list[FrameFacts]) -> list[FrameFacts]:
    step = -(-len(frames) // MAX_PANELS)
    return frames[:: max(step, 1)]


def _reference(diagnosis: Diagnosis) -> Image:
    from fotohaus.output import charts

    picture = diagnosis.picture
    assert picture is not None
    return charts.enlarged(np.repeat(picture[..., None], 3, -1), diagnosis.size)


def _alignment(diagnosis: Diagnosis) -> Image | None:
    from fotohaus.output import charts

    frames = [f for f in diagnosis.frames if f.field is not None and f.beyond is not None]
    if not frames:
        return None

    def longest(fields: list[Any]) -> float:
        lengths = np.concatenate([np.hypot(f[..., 0], f[..., 1]).ravel() for f in fields])
        return max(float(np.quantile(lengths, 0.99)), 0.05)

    used = [f for f in frames if f.merged] or frames
    whole, beyond = longest([f.field for f in used]), longest([f.beyond for f in used])
    panels = []
    for frame in _shown(frames):
        name = f"{frame.name}: {frame.outcome}"
        for field, rim, what in ((frame.field, whole, ""), (frame.beyond, beyond, "beyond hand: ")):
            assert field is not None
            panel = charts.enlarged(charts.field_colors(field, rim), diagnosis.size)
            if frame.matched is not None and frame.textured is not None:
                charts.crossed(panel, frame.textured & ~frame.matched)
            panels.append((what + name, panel))
    legend = charts.beside(charts.wheel(whole), charts.wheel(beyond))
    notes = [
        "Hue: where a part of the reference lies in the frame. Left: in full. Right: what the hand's motion leaves.",
        "White: no displacement. A cross: there is detail that does not match, since something moved or by mistake.",
    ]
    return charts.sheet(
        f"Alignment to {diagnosis.frames[0].name}",
        notes,
        [("reference", _reference(diagnosis)), ("rims of the colours", legend), *panels],
        2 if len(frames) <= 3 else 4,
    )


def _weights(diagnosis: Diagnosis) -> Image | None:
    from fotohaus.output import charts

    frames, worth = [f for f in diagnosis.frames if f.weights is not None], diagnosis.frames_worth
    if worth is None:
        return None
    count = sum(f.merged for f in diagnosis.frames)
    legend = charts.above(charts.scale_bar(0, 1, "weight of a frame"), charts.scale_bar(1, count, "frames in the sum"))
    panels = [
        ("reference", _reference(diagnosis)),
        ("", legend),
        (f"sum of {count}", charts.enlarged(charts.ramp(worth, 1, count), diagnosis.size)),
    ]
    for frame in _shown(frames):
        assert frame.weights is not None
        share = float(frame.weights.mean())
        panels.append((f"{frame.name}: {share:.2f}", charts.enlarged(charts.ramp(frame.weights, 0, 1), diagnosis.size)))
    notes = [
        "Yellow: the frame counts in full. Blue: the reference stands alone, for the frame differs by more than noise.",
        "Blue everywhere: a noise model too small, or frames unlike in light. Blue outlines: alignment that slips.",
    ]
    return charts.sheet("Merge weights", notes, panels, 3 if len(panels) <= 9 else 5)


def _sharpness(diagnosis: Diagnosis) -> Image | None:
    from fotohaus.output import charts

    frames = [f for f in diagnosis.frames if f.sharpness is not None and math.isfinite(f.sharpness)]
    if not frames:
        return None
    colors = {"reference": charts.GREEN, "merged": charts.BLUE}
    items = [
        (f.name, f.sharpness, colors.get(f.outcome, charts.FAINT), f"{f.sharpness:.4g}  {f.outcome}")
        for f in _shown(frames)
        if f.sharpness is not None
    ]
    notes = ["Energy of detail, in units of noise: of one scene, the sharper frame has more."]
    return charts.sheet("Sharpness", notes, [("", charts.bars(items))], 1)


def _noise(diagnosis: Diagnosis) -> Image | None:
    from fotohaus.output import charts

    blocks = [b for n in diagnosis.noise for b in n.blocks if b.size]
    if not blocks:
        return None
    mean, variance = (np.concatenate([b[k] for b in blocks]) for k in (0, 1))
    good = (mean > 1e-5) & (variance > 1e-12)
    if good.sum() < 2:
        return None
    x = float(np.quantile(mean[good], 0.002)) / 1.5, 1.2
    y = float(np.quantile(variance[good], 0.001)) / 3, float(np.quantile(variance[good], 0.98)) * 4
    panels = []
    for noise in diagnosis.noise:
        plot = charts.LogPlot(x, y, ("mean, 1 = white level", "variance"))
        colors = (charts.RED, charts.GREEN, charts.BLUE)
        for (m, v), color in zip(noise.blocks, colors, strict=True):
            plot.points(m, v, color)
        for c, color in enumerate(colors):
            scale, offset = noise.model.scale[c], noise.model.offset[c]
            plot.line(lambda at, s=scale, o=offset: s * at + o, color)  # type: ignore[misc]
        panels.append((f"{noise.name} ({noise.model.source})", plot.image))
    notes = [
        "Dots: blocks of 8 x 8 samples of one colour. Lines: the model, variance = scale x + offset.",
        "Texture lifts dots above the line: the lower edge of each cloud should lie on it.",
    ]
    return charts.sheet("Noise", notes, panels, 2)
