"""The Recipe: validated, and the same after a round trip."""

import subprocess
import sys
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fotohaus.choices import STAGES
from fotohaus.plain import plain_value
from fotohaus.recipe import Recipe, _model, fields

recipes = st.builds(
    Recipe,
    merge=st.sampled_from(["robust", "mean", "off"]),
    denoise=st.none() | st.floats(0, 1),
    look=st.sampled_from(["neutral", "camera", "my-own", "looks/my own.toml"]),
    strength=st.floats(0, 1),
    tone=st.floats(-1, 1),
    warmth=st.floats(-1, 1),
    texture=st.none() | st.floats(-1, 1),
    vignette=st.none() | st.floats(0, 1),
    grain=st.none() | st.floats(0, 1),
    local_tone=st.none() | st.floats(0, 1),
    reference=st.none() | st.integers(1, 9999) | st.sampled_from(["a.dng", "b 2.dng"]),
    ev=st.floats(-10, 10),
    auto_exposure=st.none() | st.booleans(),
    sharpen=st.none() | st.floats(0, 1),
    wb=st.sampled_from(["as-shot", "auto", "shade", "5500,-7.5", "0.3127,0.329", "pick:12,7"]),
    gamut=st.sampled_from(["srgb", "p3"]),
    quality=st.integers(1, 100),
    off=st.lists(st.sampled_from(STAGES)).map(tuple),
)


@given(recipes)
def test_toml_round_trip(recipe: Recipe) -> None:
    assert Recipe.from_toml(recipe.to_toml()) == recipe


@pytest.mark.parametrize(
    "text",
    [
        "ev = nan",
        "ev = 11",
        "quality = 0",
        "nonsense = 1",
        "look = 'No Look'",
        "off = ['x']",
        "off = ['tone', 6]",
        "off = [[]]",
        "denoise = 2",
        "= 1",
        "version = 2",
    ],
)
def test_what_is_no_recipe_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (tomllib's and pydantic's errors are both ValueErrors)
        Recipe.from_toml(text)


def test_off_takes_a_list_in_words() -> None:
    assert Recipe(off="sharpen, tone").off == ("sharpen", "tone")  # type: ignore[arg-type]
    assert set(Recipe(off="all").off) == set(STAGES)  # type: ignore[arg-type]
    assert not Recipe(off=("dither",)).enabled("dither")


def test_a_recipe_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        Recipe().ev = 1.0  # type: ignore[misc]


def test_the_defaults_are_a_recipe() -> None:
    assert Recipe.model_validate(Recipe().model_dump()) == Recipe()


CHOICES = {
    "merge": "mean", "merge_denoise": "0.5", "reference": "3", "look": "vibrant", "denoise": "1", "texture": -0.5,
    "ev": "-1.25", "auto_exposure": False, "wb": "5500", "frame": "strip", "caption": "Spring ☀", "sdr": True,
    "quality": "98", "max_size": "2MB", "long_edge": 2048, "crop": "3:2", "off": "grain,dither",
}  # fmt: skip


@pytest.mark.parametrize("choices", [{}, *({name: value} for name, value in CHOICES.items()), CHOICES])
def test_what_is_plainly_right_is_not_put_to_pydantic(choices: dict[str, Any]) -> None:
    made = f"Recipe.model_validate({choices!r}).to_toml()"
    script = f"import sys; from fotohaus.recipe import Recipe; {made}; print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


numbers = st.integers(-20, 70000) | st.floats(-11, 101) | st.sampled_from([float("nan"), float("inf"), 1e300])
words = st.sampled_from(
    [*CHOICES.values(), *STAGES, "all", "none", "auto", "grey", "no", "", " 1", "1e1", "+1", "1_0", "０"]
)
values = numbers | numbers.map(str) | words | st.none() | st.booleans() | st.text(max_size=300) | st.just("\ud800")


@given(st.sampled_from(sorted(fields())), values | st.lists(values, max_size=2).map(tuple))
@settings(max_examples=500)
def test_what_is_plainly_right_is_what_pydantic_makes_of_it(name: str, value: object) -> None:
    try:
        plain = plain_value(*fields()[name], value)
    except ValueError:
        return  # pydantic decides
    checked = _model().model_validate({name: value}).model_dump()[name]
    assert (checked, type(checked)) == (plain, type(plain))


def test_python_may_choose_what_is_no_recipe_no_more_than_a_file() -> None:
    for choice in ({"ev": 11}, {"look": "No Look"}, {"quality": 1.5}):
        with pytest.raises(ValueError, match=next(iter(choice))):
            Recipe(**choice)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="nonsense"):
        Recipe.model_validate({"nonsense": 1})


def test_its_schema_says_what_fields_are_for() -> None:
    about = Recipe.model_json_schema()["properties"]["ev"]
    assert about["minimum"] == -10
    assert "EV" in about["description"]
