"""From scene-referred light to a picture for a display: exposure, tone, sharpening, gamut."""

from fotohaus.render.exposure import Exposure, auto_exposure
from fotohaus.render.gamut import map_gamut
from fotohaus.render.picture import Gamut, Picture
from fotohaus.render.render import render
from fotohaus.render.sharpening import sharpen
from fotohaus.render.tone import FilmicCurve, filmic_curve, tone_curve

__all__ = [
    "Exposure",
    "FilmicCurve",
    "Gamut",
    "Picture",
    "auto_exposure",
    "filmic_curve",
    "map_gamut",
    "render",
    "sharpen",
    "tone_curve",
]
