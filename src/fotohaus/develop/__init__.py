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
    wb: str | float = "as-shot",
    denoise: float | None = None,
    lens: str = "file",
    defringe: str = "auto",
    report: Report | None = None,
) -> Scene:
    """Develop a raw image to linear light; the choices are those of `fotohaus.develop.pipeline.prepare`.

    A white balance in kelvin may be a number. Raises TypeError for what is no raw image, ValueError for a stage or a
    choice that there is not, and for a mosaic, levels or a CFA that can't be (`RawImage.check`).
    """
    # `import fotohaus` brings this verb, so its machinery is imported when it is first used.
    from fotohaus.choices import stages
    from fotohaus.develop.pipeline import prepare
    from fotohaus.raw.image import RawImage
    from fotohaus.report import Report

    if not isinstance(raw, RawImage):
        raise TypeError(f"develop takes one RawImage, as fotohaus.read gives in a list, not {type(raw).__name__}")
    raw.check()
    if defringe not in ("auto", "all"):
        raise ValueError(f"defringe must be auto or all, got {defringe!r}")
    if isinstance(wb, (int, float)):
        wb = f"{wb:.12g}"
    report = report or Report()
    development = prepare(raw, off=stages(off), wb=wb, denoise=denoise, lens=lens, defringe=defringe, report=report)
    with report.stage("scene"):
        return development.scene()
