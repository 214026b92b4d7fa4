"""The Recipe's fields as command-line options."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from fotohaus.cli.usage import file_name
from fotohaus.recipe import About, Recipe, defaults, fields

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_HIDDEN = {"version"}


def add_recipe_options(parser: argparse.ArgumentParser, only: Collection[str] | None = None) -> None:
    """Give a command the recipe's options, or `only` some, and --recipe; `chosen_recipe` reads them."""
    group = parser.add_argument_group("recipe")
    group.add_argument(
        "--recipe",
        type=file_name,
        metavar="FILE",
        help="take the recipe from a photo that fotohaus made, or from a .toml file; other options change it",
    )
    for name, (kind, about) in fields().items():
        if name not in _HIDDEN and (only is None or name in only):
            _add_option(group, name, kind, about)


def _add_option(group: argparse._ArgumentGroup, name: str, kind: Any, about: About) -> None:
    """One option. Its values are words: the model tells what they mean, so that it holds for files and Python too."""
    default = defaults()[name]
    known = "yes" if default is True else "no" if default is False else str(default) if default else ""
    says = about.help.replace("%", "%%") + (f" [{known}]" if known else "")
    flag = "--" + name.replace("_", "-")
    # Unset means "as the recipe says".
    if kind is bool or bool in get_args(kind):
        group.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=says)
        return
    metavar = about.metavar
    if get_origin(kind) is Literal:
        metavar = "|".join(map(str, get_args(kind)))
    elif about.least is not None and about.most is not None:
        metavar = f"{about.least:g}..{about.most:g}"
    group.add_argument(flag, default=None, metavar=metavar, help=says)


def chosen_recipe(options: argparse.Namespace) -> Recipe:
    """The recipe that the options of a command say.

    Raises ReadError for a --recipe that can't be read; a value that can't be is wrong usage.
    """
    chosen = {n: value for n in fields() if n not in _HIDDEN and (value := getattr(options, n, None)) is not None}
    values: dict[str, Any] = {}
    if options.recipe is not None:
        from fotohaus.output import read_recipe

        values = read_recipe(options.recipe).model_dump()
    if chosen.get("quality") == "max":
        chosen = {"merge": "max", **chosen, "quality": 98}
    if not values and not chosen:
        return Recipe()
    for name, value in chosen.items():
        # A misspelt word is told at once: what checks the rest takes long to import.
        words = get_args(fields()[name][0]) if get_origin(fields()[name][0]) is Literal else ()
        if words and value not in words:
            options.error(f"argument --{name.replace('_', '-')}: {value!r} is none of {_listed(words)}")
    try:
        return Recipe.model_validate({**values, **chosen})
    except ValueError as error:
        from pydantic import ValidationError

        if not isinstance(error, ValidationError):
            raise
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "recipe"
        options.error(f"argument --{name.replace('_', '-')}: {_reason(name, first)}")
        raise


def _listed(words: Sequence[object]) -> str:
    return f"{', '.join(map(str, words[:-1]))} or {words[-1]}"


def _reason(name: str, wrong: ErrorDetails) -> str:
    """What is wrong with a value, in words for a person rather than for who wrote the model."""
    kind, given = wrong["type"], wrong["input"]
    about = fields()[name][1] if name in fields() else None
    if kind == "literal_error":
        return f"{given!r} is none of {wrong['ctx']['expected'].replace(chr(39), '')}"
    if kind in ("less_than_equal", "greater_than_equal") and about is not None and about.most is not None:
        return f"{given} is not from {about.least:g} to {about.most:g}"
    if kind in ("int_parsing", "int_from_float"):
        return f"{given!r} is no whole number"
    if kind in ("float_parsing", "finite_number"):
        return f"{given!r} is no number"
    if kind == "string_unicode":
        return f"{given!r} is no text in the terminal's encoding"
    return wrong["msg"].removeprefix("Value error, ")
