"""The Recipe's fields as command-line options."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from fotohaus.recipe import Recipe

_HIDDEN = {"version"}


def _option(name: str, field: FieldInfo) -> inspect.Parameter:
    """One option: unset means "as the recipe says", so its default is None and the help shows the recipe's."""
    flag = "--" + name.replace("_", "-")
    kind: Any = field.annotation
    if kind is bool:
        flag = f"{flag}/--no-{name.replace('_', '-')}"
    elif get_origin(kind) is tuple:
        kind = str
    elif type(None) in get_args(kind):
        kind = next(k for k in get_args(kind) if k is not type(None))
    elif get_origin(kind) is Literal and len(get_args(kind)) == 1:
        kind = Literal[get_args(kind)]
    default = field.default
    shown = "yes" if default is True else "no" if default is False else str(default) if default else ""
    # Limits are the model's, so that they hold for files and Python too; the help repeats them.
    limits = [
        str(getattr(m, "ge", getattr(m, "le", ""))) for m in field.metadata if hasattr(m, "ge") or hasattr(m, "le")
    ]
    metavar = "..".join(limits) if len(limits) == 2 else None
    option = typer.Option(
        flag, help=field.description, show_default=shown or False, metavar=metavar, rich_help_panel="Recipe"
    )
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )


def recipe_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the recipe's options and --recipe; it receives the resulting `recipe: Recipe`."""
    fields = {n: f for n, f in Recipe.model_fields.items() if n not in _HIDDEN}

    @functools.wraps(command)
    def with_recipe(*args: Any, **kwargs: Any) -> None:
        base = kwargs.pop("recipe_from")
        chosen = {n: v for n in fields if (v := kwargs.pop(n)) is not None}
        command(*args, recipe=_recipe(base, chosen), **kwargs)

    signature = inspect.signature(command, eval_str=True)
    own = [p for n, p in signature.parameters.items() if n != "recipe"]
    source = inspect.Parameter(
        "recipe_from",
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[
            Path | None,
            typer.Option(
                "--recipe",
                help="Take the recipe from a photo that fotohaus made, or from a .toml file; other options change it.",
                rich_help_panel="Recipe",
            ),
        ],
    )
    parameters = [*own, source, *(_option(n, f) for n, f in fields.items())]
    with_recipe.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    with_recipe.__annotations__ = {p.name: p.annotation for p in parameters}
    return with_recipe


def _recipe(base: Path | None, chosen: dict[str, Any]) -> Recipe:
    values: dict[str, Any] = {}
    if base is not None:
        from fotohaus.output import read_recipe

        values = read_recipe(base).model_dump()
    try:
        return Recipe.model_validate({**values, **chosen})
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).replace("_", "-") if first["loc"] else "recipe"
        raise typer.BadParameter(first["msg"].removeprefix("Value error, "), param_hint=f"--{name}") from None
