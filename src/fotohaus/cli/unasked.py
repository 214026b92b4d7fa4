"""Imports that take time at every start, of modules that no command asks anything: they wait until somebody does.

NumPy imports modules that put docstrings on its functions in C, and `inspect` to tidy them; `dataclasses` imports
`inspect` for classes without a docstring. Together that is a third of what importing NumPy takes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.abc import Loader

_DOCSTRINGS = ("numpy._core._add_newdocs", "numpy._core._add_newdocs_scalars")
_WAITING = ("ast", "inspect", "pickle", "platform")


class Unasked(ModuleType):
    """A module that is imported when it is asked for more than it has here."""

    def __getattr__(self, name: str) -> object:
        from importlib import import_module

        _leave(self)
        return getattr(import_module(self.__name__), name)


def _stand_in(name: str) -> Unasked:
    module = Unasked(name)
    if name == "inspect":
        # For good: asked later, some of NumPy's functions have no signature to show.
        module.cleandoc, module.signature = str, lambda function: None  # type: ignore[attr-defined]
    return module


def _leave(module: ModuleType) -> None:
    if sys.modules.get(module.__name__) is module:
        del sys.modules[module.__name__]


@contextmanager
def waiting(*names: str) -> Iterator[None]:
    """Have modules that are not there yet wait, for those that import them in here and ask them nothing."""
    modules = [_stand_in(name) for name in names if name not in sys.modules]
    sys.modules.update({module.__name__: module for module in modules})
    try:
        yield
    finally:
        for module in modules:
            _leave(module)


class BareNumPy:
    """Finds NumPy, but what it imports in vain waits, and what only adds docstrings is empty.

    A finder and a loader; `importlib.abc`, which has their base classes, imports half of importlib.
    """

    _numpy: Loader

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """The import system asks where a module is; None is: ask the next one."""
        if name in _DOCSTRINGS:
            return ModuleSpec(name, self)  # type: ignore[arg-type]
        spec = PathFinder.find_spec(name) if name == "numpy" else None
        if spec is not None and spec.loader is not None:
            self._numpy, spec.loader = spec.loader, self  # type: ignore[assignment]
        return spec

    def create_module(self, spec: ModuleSpec) -> None:
        """Modules as they always are."""

    def exec_module(self, module: ModuleType) -> None:
        """Run NumPy; the other modules stay empty."""
        if module.__name__ != "numpy":
            return
        module.__loader__ = self._numpy
        if module.__spec__ is not None:
            module.__spec__.loader = self._numpy
        with waiting(*_WAITING):
            self._numpy.exec_module(module)
