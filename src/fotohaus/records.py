"""Frozen data classes that cost next to nothing to define.

`dataclasses.dataclass(frozen=True)` writes the text of six methods and compiles it whenever the program starts: 0.4 ms
a class, and reading a DNG needs some thirty. A record is the same to its users (`replace`, `asdict`, `match`, pickle),
but the methods are written here, once for all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, dataclass, field, fields
from typing import Any, TypeVar, dataclass_transform, overload

_T = TypeVar("_T")


@overload
def record(cls: type[_T], /) -> type[_T]: ...
@overload
def record(*, kw_only: bool = False) -> Callable[[type[_T]], type[_T]]: ...
@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[_T] | None = None, /, *, kw_only: bool = False) -> type[_T] | Callable[[type[_T]], type[_T]]:
    """`dataclass(frozen=True, kw_only=kw_only)`, but without `InitVar`."""

    def make(plain: type[_T]) -> type[_T]:
        made: Any = dataclass(init=False, repr=False, eq=False, kw_only=kw_only)(plain)
        made.__init__, made.__repr__, made.__eq__, made.__hash__ = _init, _repr, _eq, _hash
        made.__setattr__ = made.__delattr__ = _refuse
        # Not __dataclass_fields__, which has the ClassVars too.
        made._fields_ = fields(made)
        return made  # type: ignore[no-any-return]

    return make if cls is None else make(cls)


def _init(self: Any, *args: Any, **named: Any) -> None:
    values, at = self.__dict__, 0
    for about in self._fields_:
        name = about.name
        if at < len(args) and not about.kw_only:
            values[name] = args[at]
            at += 1
        elif name in named:
            values[name] = named.pop(name)
        elif about.default is not MISSING:
            values[name] = about.default
        elif about.default_factory is not MISSING:
            values[name] = about.default_factory()
        else:
            raise TypeError(f"{type(self).__name__} needs {name}")
    if named or at < len(args):
        raise TypeError(f"{type(self).__name__} does not take {', '.join(named) or args[at:]}")
    if hasattr(self, "__post_init__"):
        self.__post_init__()


def _values(self: Any) -> tuple[Any, ...]:
    return tuple(self.__dict__[about.name] for about in self._fields_)


def _repr(self: Any) -> str:
    shown = (f"{about.name}={self.__dict__[about.name]!r}" for about in self._fields_ if about.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _eq(self: Any, other: object) -> Any:
    return _values(self) == _values(other) if type(other) is type(self) else NotImplemented


def _hash(self: Any) -> int:
    return hash(_values(self))


def _refuse(self: Any, name: str, value: Any = None) -> None:
    raise FrozenInstanceError(f"{type(self).__name__}.{name} can't be changed")
