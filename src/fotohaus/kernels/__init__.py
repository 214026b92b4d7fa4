"""The inner loops: Halide kernels compiled at build, called on NumPy arrays.

`call("name", argument=..., output=...)` runs the kernel of that name. A kernel describes its own arguments (Halide's
`halide_filter_metadata_t`), and every call is checked against that: names, element types, numbers of dimensions.
Whether an array is large enough for what the kernel reads is checked by the kernel itself.

Index order: a kernel's `f[x, y, c, ...]` is NumPy's `f[y, x, c, ...]`. Kernels want `x` contiguous in memory, that is,
colour planes one after another: `planar` and `empty` make such arrays; they look like any (H, W, C) array.
Arrays known by name to be interleaved (a kernel sets their stride) are ordinary C-ordered (H, W, C) arrays.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import threading
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fotohaus.kernels.build import LIBRARY, PREFIX

Array = NDArray[Any]


class KernelError(RuntimeError):
    """A kernel refused its arguments or failed: always a mistake of the caller, never of a file."""


class _Type(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16)]


class _Dimension(ctypes.Structure):
    _fields_ = [
        ("min", ctypes.c_int32),
        ("extent", ctypes.c_int32),
        ("stride", ctypes.c_int32),
        ("flags", ctypes.c_uint32),
    ]


class _Buffer(ctypes.Structure):
    _fields_ = [
        ("device", ctypes.c_uint64),
        ("device_interface", ctypes.c_void_p),
        ("host", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("type", _Type),
        ("dimensions", ctypes.c_int32),
        ("dim", ctypes.POINTER(_Dimension)),
        ("padding", ctypes.c_void_p),
    ]


class _Argument(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("kind", ctypes.c_int32),
        ("dimensions", ctypes.c_int32),
        ("type", _Type),
        ("scalar_def", ctypes.c_void_p),
        ("scalar_min", ctypes.c_void_p),
        ("scalar_max", ctypes.c_void_p),
        ("scalar_estimate", ctypes.c_void_p),
        ("buffer_estimates", ctypes.c_void_p),
    ]


class _Metadata(ctypes.Structure):
    _fields_ = [
        ("version", ctypes.c_int32),
        ("num_arguments", ctypes.c_int32),
        ("arguments", ctypes.POINTER(_Argument)),
        ("target", ctypes.c_char_p),
        ("name", ctypes.c_char_p),
    ]


_CODES = "iuf"  # halide_type_int, halide_type_uint, halide_type_float
_ERROR = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)
_messages = threading.local()
_threads = 0


@_ERROR
def _on_error(_context: int | None, message: bytes) -> None:
    _messages.last = message.decode(errors="replace").strip()


@functools.cache
def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(os.fspath(LIBRARY))
    except OSError as error:
        raise ImportError(f"fotohaus was installed without its kernels ({error}); run: pip install .") from error
    library.halide_set_error_handler(_on_error)
    return library


def _dtype(kind: _Type) -> np.dtype[Any]:
    return np.dtype(bool) if kind.bits == 1 else np.dtype(f"{_CODES[kind.code]}{kind.bits // 8}")


class _Kernel:
    """One compiled kernel with the arguments that it declares."""

    def __init__(self, name: str) -> None:
        library = _library()
        try:
            describe = library[f"{PREFIX}{name}_metadata"]
            self._run = library[f"{PREFIX}{name}_argv"]
        except AttributeError:
            raise KernelError(f"no kernel is named {name!r}") from None
        describe.restype = ctypes.POINTER(_Metadata)
        metadata = describe().contents
        self.name = name
        declared = [metadata.arguments[i] for i in range(metadata.num_arguments)]
        # __user_context is Halide's own first argument when the target asks for one.
        self.arguments = [(a.name.decode(), a.kind, a.dimensions, _dtype(a.type), a.type) for a in declared]

    def __call__(self, **values: Any) -> None:
        names = [a[0] for a in self.arguments]
        if set(names) != set(values):
            raise KernelError(f"kernel {self.name} takes {', '.join(names)}; got {', '.join(values)}")
        pointers = (ctypes.c_void_p * len(names))()
        keep: list[Any] = []
        for i, (name, kind, dimensions, dtype, halide_type) in enumerate(self.arguments):
            value = values[name]
            if kind == 0:
                held: Any = np.array([value], dtype)
                pointers[i] = held.ctypes.data
            else:
                held = self._buffer(name, value, dimensions, dtype, halide_type, output=kind == 2)
                pointers[i] = ctypes.addressof(held)
            keep.append(held)
        _messages.last = ""
        code = self._run(pointers)
        if code:
            raise KernelError(f"kernel {self.name}: {getattr(_messages, 'last', '') or f'error {code}'}")

    def _buffer(
        self, name: str, array: Any, dimensions: int, dtype: np.dtype[Any], halide_type: _Type, output: bool
    ) -> _Buffer:
        if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != dimensions:
            got = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
            raise KernelError(f"kernel {self.name}: {name} must be {dtype} with {dimensions} dimensions, got {got}")
        if output and not array.flags.writeable:
            raise KernelError(f"kernel {self.name}: {name} is read-only")
        axes = (1, 0, *range(2, dimensions)) if dimensions >= 2 else tuple(range(dimensions))
        dim = (_Dimension * dimensions)()
        for d, axis in enumerate(axes):
            stride, rest = divmod(array.strides[axis], array.itemsize)
            if rest:
                raise KernelError(f"kernel {self.name}: {name} is not aligned to its element type")
            dim[d].extent, dim[d].stride = array.shape[axis], stride
        return _Buffer(host=array.ctypes.data, type=halide_type, dimensions=dimensions, dim=dim)


_kernel = functools.cache(_Kernel)


def call(name: str, **arguments: Any) -> None:
    """Run a kernel: buffers are NumPy arrays of exactly the declared type, outputs are written in place.

    Raises KernelError for an unknown kernel, a missing or extra argument, a wrong type or number of dimensions, or a
    buffer too small for what the kernel needs.
    """
    _kernel(name)(**arguments)


def empty(shape: tuple[int, ...], dtype: DTypeLike = np.float32) -> Array:
    """Uninitialised array of shape (H, W[, C...]) whose planes are contiguous (x runs fastest, then y, then c)."""
    if len(shape) < 3:
        return np.empty(shape, dtype)
    planes = np.empty((*shape[:1:-1], *shape[:2]), dtype)
    n = planes.ndim
    return planes.transpose(n - 2, n - 1, *range(n - 3, -1, -1))


def planar(array: Array, dtype: DTypeLike | None = None) -> Array:
    """The array with x contiguous and planes one after another; itself, if it is so already."""
    dtype = array.dtype if dtype is None else np.dtype(dtype)
    if array.dtype == dtype and array.strides[min(1, array.ndim - 1)] == array.itemsize:
        return array
    out = empty(array.shape, dtype)
    out[...] = array
    return out


def set_threads(count: int) -> None:
    """Bound the threads that kernels, decoders and encoders use; 0 restores one per available processor."""
    global _threads
    if count < 0:
        raise ValueError(f"threads must be 0 or more, got {count}")
    _threads = count
    _library().halide_set_num_threads(threads())


def threads() -> int:
    """How many threads a stage may use."""
    processors = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return _threads or processors
