"""The coder of JPEGs: its tables, and that it needs no file of the system's."""

from __future__ import annotations

import io
import resource
import threading
import time

import numpy as np
import pytest
from imagecodecs import jpeg8_encode
from PIL import Image

from fotohaus.output import jpeg_coder
from fotohaus.output.jpeg_coder import encode_samples, quantization_tables


def scene(height: int, width: int) -> np.ndarray:
    """Detail of all scales, as a photograph has it: as strong in each octave."""
    rng = np.random.default_rng(3)
    rows, columns = np.fft.fftfreq(height)[:, None, None], np.fft.fftfreq(width)[:, None]
    spectrum = np.fft.fft2(rng.normal(size=(height, width, 3)), axes=(0, 1)) / (np.hypot(rows, columns) + 0.003) ** 1.3
    field = np.fft.ifft2(spectrum, axes=(0, 1)).real
    field = field[..., :1] + 0.2 * field
    return np.asarray(np.clip(128 + 40 * field / field.std(), 0, 255).astype(np.uint8))


def lightness_error(data: bytes, truth: np.ndarray) -> float:
    with Image.open(io.BytesIO(data)) as image:
        off = np.asarray(image.convert("RGB")).astype(float) - truth
    return float(np.sqrt(((off @ [0.299, 0.587, 0.114]) ** 2).mean()))


@pytest.mark.parametrize("quality", range(1, 101))
def test_tables_are_those_of_a_baseline_jpeg(quality: int) -> None:
    lightness, color = (np.array(table).reshape(8, 8) for table in quantization_tables(quality))
    for table in (lightness, color):
        assert table.min() >= 1
        assert table.max() <= 255
        assert (np.diff(table, axis=0) >= 0).all()
        assert (np.diff(table, axis=1) >= 0).all()
        assert np.array_equal(table, table.T)
    if quality > 1:
        coarser = quantization_tables(quality - 1)
        assert all(np.all(np.array(c) >= t.ravel()) for c, t in zip(coarser, (lightness, color), strict=True))


def test_the_best_quality_rounds_and_no_more() -> None:
    assert {step for table in quantization_tables(100) for step in table} == {1}


@pytest.mark.parametrize("quality", [90, 95])
def test_lightness_is_nearer_than_with_libjpegs_tables_in_no_more_bytes(quality: int) -> None:
    samples = scene(256, 384)
    ours = encode_samples(samples, quality, full_chroma=quality >= 90)
    theirs = bytes(jpeg8_encode(samples, level=quality, subsampling="444" if quality >= 90 else "420"))
    assert len(ours) < 1.02 * len(theirs)
    assert lightness_error(ours, samples) < 0.9 * lightness_error(theirs, samples)


def test_grey_is_coded_as_grey() -> None:
    samples = scene(40, 33)[..., 0]
    with Image.open(io.BytesIO(encode_samples(samples, 95, full_chroma=True))) as image:
        assert (image.mode, image.size) == ("L", (33, 40))
        assert np.abs(np.asarray(image).astype(int) - samples).mean() < 2


@pytest.mark.parametrize("how", ["no files", "small files", "elsewhere"])
def test_where_there_is_no_file_in_memory(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = scene(64, 64)
    wanted = encode_samples(samples, 95, full_chroma=True)
    if how == "no files":

        def refuse() -> int:
            raise OSError(24, "Too many open files")

        monkeypatch.setattr(jpeg_coder, "_open_in_memory", refuse)
    elif how == "elsewhere":
        monkeypatch.delattr("os.memfd_create", raising=False)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    if how == "small files":
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        made = encode_samples(samples, 95, full_chroma=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert made == wanted


def test_other_threads_go_on_meanwhile() -> None:
    """While a picture is coded, a thread that only sleeps a little wakes up again and again."""
    samples = np.random.default_rng(0).integers(0, 256, (2000, 2000, 3)).astype(np.uint8)
    encode_samples(samples[:8], 95, full_chroma=True)
    longest, done = [0.0], threading.Event()

    def wake() -> None:
        before = time.perf_counter()
        while not done.is_set():
            time.sleep(0.001)
            now = time.perf_counter()
            longest[0], before = max(longest[0], now - before), now

    thread = threading.Thread(target=wake)
    thread.start()
    begin = time.perf_counter()
    encode_samples(samples, 95, full_chroma=True)
    took = time.perf_counter() - begin
    done.set()
    thread.join()
    assert longest[0] < 0.7 * took
