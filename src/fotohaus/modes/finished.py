"""The recipe of a photo that was finished before: by a camera, or by another developer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fotohaus.recipe import FINISHED_LOOK, Recipe, defaults

HDR = 0.2
"""EV above SDR white from which a finished photo has lights that the display's range does not hold."""
HDR_TONE = -1.0
"""The tone of such a photo, as `Recipe.tone`: the curve's slope is then one up to the middle, about."""


def for_rendered(recipe: Recipe, *, headroom: float = 0.0) -> Recipe:
    """The recipe for a photo that was finished before: it has had its exposure, its look, its cleaning and sharpening.

    What was chosen stands; with the automatic exposure comes the tone curve. An HDR photo, whose light goes `headroom`
    EV above SDR white, gets the softest one for its SDR rendition, which leaves it alone up to the middle and rolls its
    lights off: cut to the display's range, they would be lost. Its HDR rendition goes as far as it went.
    """
    changes: dict[str, Any] = {"off": set(recipe.off)}
    if not recipe.auto_exposure:
        changes["auto_exposure"] = False
        if headroom < HDR:
            changes["off"].add("tone")
        elif recipe.tone == 0:
            changes["tone"] = HDR_TONE
        if headroom >= HDR and recipe.headroom == defaults()["headroom"]:
            changes["headroom"] = min(headroom, 4.0)
    if recipe.defringe == "auto":
        changes["off"].add("defringe")
    for name in ("denoise", "sharpen"):
        if getattr(recipe, name) is None:
            changes[name] = 0.0
    return replace(recipe.with_look(FINISHED_LOOK), **changes)
