"""Frozen data classes that cost next to nothing to define.

`dataclasses.dataclass(frozen=True)` writes the text of six methods and compiles it whenever the program starts: 0.4 ms
a class, and developing a photo imports a hundred. A record is the same to its users (`replace`, `asdict`, `match`,
pickle), but the methods are written here, once for all, and what its fields are is found out when somebody asks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, dataclass, field, fields
from typing import Any, TypeVar, dataclass_transform, overload

_T = TypeVar("_T")
# What `dataclass` finds out, and `_fields_`: not __dataclass_fields__, which has the ClassVars too.
_FOUND = ("__dataclass_fields__", "__dataclass_params__", "__match_args__", "_fields_")
_finding = threading.RLock()


@overload
def record(cls: type[_T], /) -> type[_T]: ...
@overload
def record(*, kw_only: bool = False) -> Callable[[type[_T]], type[_T]]: ...
@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[_T] | None = None, /, *, kw_only: bool = False) -> type[_T] | Callable[[type[_T]], type[_T]]:
    """`dataclass(frozen=True, kw_only=kw_only)`, but without `InitVar`."""

    def make(plain: Any) -> type[_T]:
        plain.__init__, plain.__repr__, plain.__eq__, plain.__hash__ = _init, _repr, _eq, _hash
        plain.__setattr__ = plain.__delattr__ = _refuse
        for name in _FOUND:
            setattr(plain, name, _Unfound(plain, name, kw_only))
        return plain  # type: ignore[no-any-return]

    return make if cls is None else make(cls)


class _Unfound:
    """In place of what is not known of a record before its fields are."""

    def __init__(self, record: type, name: str, kw_only: bool) -> None:
        self._record, self._name, self._kw_only = record, name, kw_only

    def __get__(self, instance: object, owner: type) -> Any:
        made: Any = self._record
        with _finding:
            if isinstance(vars(made)["_fields_"], _Unfound):
                dataclass(init=False, repr=False, eq=False, match_args=False, kw_only=self._kw_only)(made)
                found = fields(made)
                made.__match_args__ = tuple(about.name for about in found if not about.kw_only)  # type: ignore[misc]
                # Last: who makes one in another thread asks for these.
                made._fields_ = found
        return getattr(owner, self._name)


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
