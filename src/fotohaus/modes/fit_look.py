"""Learning a look from files: raw files and renderings of them, in pairs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fotohaus.develop.geometry import orient
from fotohaus.develop.pipeline import prepare
from fotohaus.errors import ReadError
from fotohaus.raw import read_raw
from fotohaus.raw.image import RawImage
from fotohaus.render import color
from fotohaus.render.color_pairs import color_pairs
from fotohaus.render.exposure import auto_exposure
from fotohaus.render.fit import ColorPairs, Fit, fit_look
from fotohaus.render.local_tone import local_tone
from fotohaus.render.picture import Gamut
from fotohaus.report import Report

PathLike = str | os.PathLike[str]

LONGER = 960
"""Longer side, in px, that a rendering is averaged down to, about, when it is read."""
COLORS = 16000
"""Colours of all pairs together, at most: what a fit takes grows with them."""


def fit_files(files: Sequence[tuple[PathLike, PathLike]], title: str, report: Report | None = None) -> Fit:
    """Learn a look from pairs of a raw file and a rendering of it (JPEG, PNG or TIFF), in either order.

    Raises ReadError, which names the file, for what can't be read, a pair of two raw files or of two renderings, and a
    rendering that shows something else than its raw file.
    """
    report = report or Report()
    samples = []
    for k, pair in enumerate(files):
        with report.stage("pair"):
            samples.append(_pair(*pair, COLORS // len(files), report))
        report.progress(k + 1, len(files) + 1)
    with report.stage("fit"):
        try:
            fit = fit_look(samples)
        except ValueError as error:
            raise ReadError(None, str(error)) from None
    report.progress(len(files) + 1, len(files) + 1)
    many = f"{len(files)} pairs" if len(files) > 1 else "a pair"
    about = f"Learned from {many} of a raw file and its rendering; what is left is a CIEDE2000 of {fit.after:.1f}."
    return replace(fit, look=replace(fit.look, title=title, about=about))


def _pair(first: PathLike, second: PathLike, most: int, report: Report) -> ColorPairs:
    raw, rendered = read_raw(first, report, hdr=False), read_raw(second, report, hdr=False)
    if raw.rendered and not rendered.rendered:
        raw, rendered, second = rendered, raw, first
    if not rendered.rendered:
        raise ReadError(second, f"is a raw file, as {os.fspath(first)} is: a pair is a raw file and its rendering")
    if raw.rendered:
        raise ReadError(first, f"is no raw file, nor is {os.fspath(second)}: a pair is a raw file and its rendering")
    development = prepare(raw, report=report)
    overview = development.overview
    metered = auto_exposure(overview, raw.capture)
    tone = local_tone(
        overview, overview.shape[:2], strength=1, exposure=2.0**metered.ev, noise=development.noise, report=report
    )
    pixels, space = displayed(rendered)
    try:
        pairs, placement = color_pairs(overview, pixels, metered, space, most, tone)
    except ValueError as error:
        raise ReadError(second, str(error)) from None
    report.note(f"{os.path.basename(second)}: {len(pairs.weight)} colours, likeness {placement.likeness:.2f}")
    return pairs


def displayed(raw: RawImage) -> tuple[NDArray[np.float64], Gamut]:
    """A finished photo in small, upright: (H, W, 3) linear RGB, and in the primaries of which display's gamut."""
    samples = raw.mosaic[raw.crop.slices]
    block = max(1, max(samples.shape) // LONGER)
    block = min(block, max(1, min(samples.shape[:2]) // 2))
    height, width = (n // block * block for n in samples.shape[:2])
    small = np.zeros((height // block, width // block, 3))
    for dy in range(block):
        for dx in range(block):
            small += samples[dy:height:block, dx:width:block]
    small = orient(small / (65535 * block**2), raw.orientation)
    assert raw.color.color_matrix_1 is not None
    to_xyz = np.linalg.inv(raw.color.color_matrix_1)
    spaces: tuple[Gamut, ...] = ("srgb", "p3")
    space = min(spaces, key=lambda name: float(np.abs(color.rgb_to_xyz(name) - to_xyz).sum()))
    to_display = np.linalg.solve(color.rgb_to_xyz(space), to_xyz)
    return np.asarray(small @ to_display.T), space
