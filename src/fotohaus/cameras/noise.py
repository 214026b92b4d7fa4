"""A raw image's noise, where its file does not state it and the camera catalogue knows."""

from __future__ import annotations

from dataclasses import replace

from fotohaus.cameras.matching import known_noise
from fotohaus.raw.image import RawImage
from fotohaus.report import Report


def with_noise(raw: RawImage, report: Report | None = None) -> RawImage:
    """The image with its camera's noise from the catalogue, where its file does not say how noisy it is."""
    if raw.noise is not None or raw.rendered or not raw.capture.iso:
        return raw
    noise = known_noise(raw.capture, (raw.crop.width, raw.crop.height))
    if noise is None:
        return raw
    if report is not None:
        with report.stage("catalogue"):
            at = f"the camera's noise at ISO {raw.capture.iso:g}"
            report.note(f"{at}: S {noise.scale[0]:.3g}, O {noise.offset[0]:.3g}")
    return replace(raw, noise=noise)
