"""Room render: Scene to Picture, display-referred: exposure, tone, sharpening, gamut."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fotohaus.develop.scene import Scene
    from fotohaus.recipe import Recipe
    from fotohaus.render.exposure import Exposure, auto_exposure
    from fotohaus.render.gamut import map_gamut
    from fotohaus.render.look import Look
    from fotohaus.render.look_color import apply_look
    from fotohaus.render.looks import load_look
    from fotohaus.render.picture import Gamut, Picture
    from fotohaus.render.sharpening import sharpen
    from fotohaus.render.tone import FilmicCurve, filmic_curve, tone_curve
    from fotohaus.report import Report

_HOME = {
    "Exposure": "exposure",
    "auto_exposure": "exposure",
    "map_gamut": "gamut",
    "Look": "look",
    "apply_look": "look_color",
    "load_look": "looks",
    "Gamut": "picture",
    "Picture": "picture",
    "sharpen": "sharpening",
    "FilmicCurve": "tone",
    "filmic_curve": "tone",
    "tone_curve": "tone",
}

__all__ = [
    "Exposure",
    "FilmicCurve",
    "Gamut",
    "Look",
    "Picture",
    "apply_look",
    "auto_exposure",
    "filmic_curve",
    "load_look",
    "map_gamut",
    "render",
    "sharpen",
    "tone_curve",
]


def render(scene: Scene, recipe: Recipe | None = None, *, report: Report | None = None, **choices: Any) -> Picture:
    """Render a scene for a display; see `fotohaus.render.pipeline.render`."""
    # `import fotohaus` brings this verb, so its machinery is imported when it is first used.
    from fotohaus.render.pipeline import render as run

    return run(scene, recipe, report=report, **choices)


def __getattr__(name: str) -> Any:
    """Import a stage when it is first used."""
    if name not in _HOME:
        raise AttributeError(f"module 'fotohaus.render' has no attribute {name!r}")
    return getattr(import_module(f"fotohaus.render.{_HOME[name]}"), name)
