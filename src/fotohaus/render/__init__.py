"""Room render: Scene to Picture, display-referred."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fotohaus.develop.scene import Scene
    from fotohaus.recipe import Recipe
    from fotohaus.render.picture import Picture
    from fotohaus.report import Report


def render(scene: Scene, recipe: Recipe | None = None, *, report: Report | None = None, **choices: Any) -> Picture:
    """Render a scene for a display; see `fotohaus.render.render.render`."""
    # `import fotohaus` brings this verb, so its machinery is imported when it is first used.
    from fotohaus.render.render import render as run

    return run(scene, recipe, report=report, **choices)
