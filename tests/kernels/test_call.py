"""The thin module between NumPy and the kernels."""

import numpy as np
import pytest

from fotohaus import kernels


@pytest.mark.parametrize("shape", [(5,), (5, 7), (5, 7, 3), (5, 7, 3, 2)])
def test_empty_has_contiguous_planes(shape: tuple[int, ...]) -> None:
    array = kernels.empty(shape)
    assert array.shape == shape
    assert array.strides[min(1, len(shape) - 1)] == array.itemsize
    if len(shape) > 2:
        assert array.strides[2] == shape[0] * shape[1] * array.itemsize


def test_planar_keeps_values_and_copies_only_when_needed() -> None:
    array = np.arange(60, dtype=np.float32).reshape(4, 5, 3)
    planar = kernels.planar(array)
    np.testing.assert_array_equal(planar, array)
    assert kernels.planar(planar) is planar


def test_an_unknown_kernel_is_named() -> None:
    with pytest.raises(kernels.KernelError, match="nonesuch"):
        kernels.call("nonesuch")


def test_arguments_are_checked_before_the_kernel_runs() -> None:
    pixels = np.zeros((4, 4, 3), np.uint16)
    with pytest.raises(kernels.KernelError, match="takes"):
        kernels.call("quantize", source=pixels)


def test_negative_threads_are_refused() -> None:
    with pytest.raises(ValueError, match="-1"):
        kernels.set_threads(-1)
