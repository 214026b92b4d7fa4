"""Choices that plainly are what a recipe's field may hold: nearly all are, and pydantic takes long to import."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

if TYPE_CHECKING:
    from fotohaus.recipe import About

_FORMS = {int: r"-?[0-9]{1,9}", float: r"-?[0-9]{1,9}(\.[0-9]{1,12})?"}


def plain_value(kind: Any, about: About, value: Any) -> Any:
    """A field's value as pydantic makes it.

    Raises ValueError for all that takes more than a look, be it right or wrong: pydantic decides, and says why.
    """
    if about.normal is not None:
        value = about.normal(value)
    if get_origin(kind) is tuple:
        if type(value) is tuple:
            return tuple(_word(get_args(kind)[0], part) for part in value)
    elif get_origin(kind) is Literal:
        return _word(kind, value)
    else:
        kinds = get_args(kind) or (kind,)
        if type(value) is bool or value is None:
            if type(value) in kinds:
                return value
        elif type(value) is str and str in kinds:
            return _text(about, value)
        else:
            for number in (int, float):
                if number in kinds:
                    return _number(number, about, value)
    raise ValueError


def _word(kind: Any, value: Any) -> Any:
    if any(type(value) is type(word) and value == word for word in get_args(kind)):
        return value
    raise ValueError


def _text(about: About, value: str) -> str:
    value.encode()  # raises what is a ValueError for half a character
    if about.longest is not None and len(value) > about.longest:
        raise ValueError
    return value


def _number(number: type[int] | type[float], about: About, value: Any) -> int | float:
    if type(value) is str and re.fullmatch(_FORMS[number], value):
        value = number(value)
    if type(value) is not number and not (number is float and type(value) is int):
        raise ValueError
    made: int | float = number(value)
    if (about.least is None or made >= about.least) and (about.most is None or made <= about.most):
        return made
    raise ValueError
