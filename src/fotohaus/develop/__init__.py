"""Room develop: RawImage to Scene, linear light."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fotohaus.develop.scene import Scene
    from fotohaus.raw.image import RawImage
    from fotohaus.report import Report


def develop(
    raw: RawImage,
    *,
    off: Collection[str] = (),
    wb: str = "as-shot",
    denoise: float | None = None,
    lens: str = "file",
    defringe: str = "auto",
    report: Report | None = None,
) -> Scene:
    """Develop a raw image to linear light; the choices are those of `fotohaus.develop.pipeline.prepare`."""
    # `import fotohaus` brings this verb, so its machinery is imported when it is first used.
    from fotohaus.develop.pipeline import prepare
    from fotohaus.report import Report

    report = report or Report()
    development = prepare(raw, off=off, wb=wb, denoise=denoise, lens=lens, defringe=defringe, report=report)
    with report.stage("scene"):
        return development.scene()
