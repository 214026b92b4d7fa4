"""Imports that take time at every start, of modules that no command asks anything: they wait until somebody does.

NumPy imports modules that put docstrings on its functions in C, `inspect` to tidy them, and its types for annotations;
`dataclasses` imports `inspect` for classes without a docstring. That is two fifths of what importing NumPy takes. The
standard library and Pillow import `logging` for errors that do not happen, and more for functions that are not called;
Pillow names every tag of EXIF and TIFF, two fifths of what importing it takes, for files that it does not read here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.abc import Loader

_DOCSTRINGS = ("numpy._core._add_newdocs", "numpy._core._add_newdocs_scalars")
_WAITING = ("ast", "inspect", "pickle", "platform", "textwrap")
_TAGS = ("PIL.ExifTags", "PIL.TiffTags")


class Unasked(ModuleType):
    """A module that is imported when it is asked for more than it has here."""

    def __getattr__(self, name: str) -> object:
        # Whoever imports it looks whether it is a package first.
        if name == "__path__" and self.__name__ in (*_MODULES, *_TAGS):
            raise AttributeError(name)
        return getattr(_imported(self.__name__), name)


class _Annotation:
    """In place of a type that stands in annotations alone."""

    def __class_getitem__(cls, item: object) -> type[_Annotation]:
        return cls


class _Handler:
    """In place of a handler that writes to stderr, for a logger that is not made yet."""


class _Logger:
    """A logger that is made when there is something to log."""

    def __init__(self, name: str) -> None:
        self._name = name

    def addHandler(self, handler: object) -> None:
        """Nothing: what is logged without a handler goes to stderr, where all of ours do."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_imported("logging").getLogger(self._name), name)


def _later(module: str, name: str) -> Callable[..., Any]:
    def call(*arguments: Any, **named: Any) -> Any:
        return getattr(_imported(module), name)(*arguments, **named)

    return call


_TYPES = dict.fromkeys(("NDArray", "ArrayLike", "DTypeLike"), _Annotation)
# What they have here, where those that import them ask at once.
_ANSWERS: dict[str, dict[str, object]] = {
    # For good: asked later, some of NumPy's functions have no signature to show.
    "inspect": {"cleandoc": str, "signature": lambda function: None},
    # argparse's words, for which Python brings no translations.
    "gettext": {"gettext": str, "ngettext": lambda one, more, count: one if count == 1 else more},
    "urllib.parse": {"quote_from_bytes": _later("urllib.parse", "quote_from_bytes")},
    "logging": {"getLogger": _Logger, "StreamHandler": _Handler},
}
_MODULES = ("gettext", "urllib.parse")


def _imported(name: str) -> Any:
    """The module itself, from now on for all that import it."""
    from importlib import import_module

    module = sys.modules.get(name)
    if isinstance(module, Unasked):
        _leave(module)
    return import_module(name)


def _stand_in(name: str) -> Unasked:
    module = Unasked(name)
    vars(module).update(_ANSWERS.get(name, {}))
    return module


def _leave(module: ModuleType) -> None:
    if sys.modules.get(module.__name__) is module:
        del sys.modules[module.__name__]


def have_wait(*names: str) -> None:
    """Have modules that are not there yet wait until they are asked."""
    from importlib import import_module

    for name in names:
        if name not in sys.modules:
            sys.modules[name] = module = _stand_in(name)
            package, _, last = name.rpartition(".")
            if package:
                # `import urllib.parse` is followed by `urllib.parse.quote`.
                setattr(import_module(package), last, module)


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


class BarePackages:
    """Finds NumPy and Pillow, but what they import in vain waits, and what only adds docstrings is empty.

    A finder and a loader; `importlib.abc`, which has their base classes, imports half of importlib.
    """

    _numpy: Loader

    def __init__(self) -> None:
        self._unasked = {*_TAGS}

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """The import system asks where a module is; None is: ask the next one."""
        if name in _DOCSTRINGS or name in self._unasked:
            return ModuleSpec(name, self)  # type: ignore[arg-type]
        spec = PathFinder.find_spec(name) if name == "numpy" else None
        if spec is not None and spec.loader is not None:
            self._numpy, spec.loader = spec.loader, self  # type: ignore[assignment]
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """A module that waits, but once; or modules as they always are."""
        if spec.name not in self._unasked:
            return None
        self._unasked.remove(spec.name)
        return _stand_in(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Run NumPy; the other modules stay empty."""
        if module.__name__ != "numpy":
            return
        module.__loader__ = self._numpy
        if module.__spec__ is not None:
            module.__spec__.loader = self._numpy
        # For good, too, and for our own modules, which name these types in annotations alone.
        for name in ("_typing", "typing"):
            types = Unasked(f"numpy.{name}")
            vars(types).update(_TYPES, __path__=[f"{path}/{name}" for path in module.__path__])
            sys.modules[types.__name__] = types
            setattr(module, name, types)
        with waiting(*_WAITING):
            self._numpy.exec_module(module)
