"""The verbs as Python calls them: what there is, and wrong arguments, which are named as such."""

import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fotohaus as fh
from fotohaus.raw.image import ColorCalibration, RawImage, Rectangle


@pytest.fixture(scope="module")
def raw() -> RawImage:
    return RawImage(
        np.full((64, 64), 500, np.uint16),
        "RGGB",
        np.full((2, 2), 0, np.float32),
        np.full((2, 2), 1000, np.float32),
        ColorCalibration(color_matrix_1=np.eye(3), as_shot_neutral=(1.0, 1.0, 1.0)),
        Rectangle(0, 0, 64, 64),
    )


def test_names_are_there_before_they_are_used() -> None:
    code = "import sys, fotohaus; print(*dir(fotohaus)); assert 'numpy' not in sys.modules"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert set(fh.__all__) <= set(shown)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc's malloc")
def test_memory_that_is_kept_is_not_asked_for_again() -> None:
    code = """if True:
        import resource, sys, numpy as np, fotohaus as fh
        if sys.argv[1] == "keep":
            assert fh.keep_memory()
        def faults():
            return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        def strips():
            return [np.ones(1 << 20, np.uint8) for _ in range(60)]
        strips()
        begin = faults()
        strips()
        print(faults() - begin)
    """

    def run(how: str) -> int:
        return int(subprocess.run([sys.executable, "-c", code, how], capture_output=True, text=True, check=True).stdout)

    assert run("keep") < 1000
    assert run("leave") > 5000


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc's malloc")
@pytest.mark.skipif(not Path("/sys/kernel/mm/transparent_hugepage").exists(), reason="of Linux with huge pages")
def test_memory_that_is_kept_is_in_huge_pages() -> None:
    """As far as they are free: what the heap grows to is marked."""
    code = """if True:
        import re, fotohaus as fh
        from pathlib import Path
        fh.keep_memory()
        maps = re.split(r"^(?=[0-9a-f]+-)", Path("/proc/self/smaps").read_text(), flags=re.MULTILINE)[1:]
        sizes = [int(re.search(r"Size: +(\\d+) kB", one)[1]) for one in maps if re.search(r"VmFlags:.* hg", one)]
        print(sum(sizes) // 1024)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 110 <= int(done.stdout) <= 140


def test_readme_runs(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[1]
    code = (root / "README.md").read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    for name, frame in zip("abc", sorted((root / "src/fotohaus/sample").glob("*.dng")), strict=False):
        (tmp_path / f"{name}.dng").symlink_to(frame)
    subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=tmp_path, check=True)
    assert (tmp_path / "photo.jpg").stat().st_size > 1000


@pytest.mark.parametrize("wrong", ["a.dng", None, np.zeros((4, 4)), []])
def test_other_things_than_nouns(wrong: Any) -> None:
    with pytest.raises(TypeError, match=f"takes one RawImage.* not {type(wrong).__name__}"):
        fh.develop(wrong)
    with pytest.raises(TypeError, match=f"takes a Scene.* not {type(wrong).__name__}"):
        fh.render(wrong)
    with pytest.raises(TypeError, match=f"takes RawImages.* not {type(wrong).__name__}"):
        fh.merge([wrong])


def test_choices_that_there_are_not(raw: RawImage) -> None:
    with pytest.raises(ValueError, match="there is no stage 'grian'"):
        fh.develop(raw, off=["grian"])
    with pytest.raises(ValueError, match=r"must be one of robust, .*, got 'best'"):
        fh.merge([raw, raw], method="best")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="must be a Recipe, not dict"):
        fh.render(fh.develop(raw), {"ev": 1})  # type: ignore[arg-type]


def test_one_frame_is_no_list_of_frames(raw: RawImage) -> None:
    with pytest.raises(TypeError, match=r"takes RawImages in a list, .* not one RawImage"):
        fh.merge(raw)  # type: ignore[arg-type]
    with pytest.raises(fh.ReadError, match="an empty name names no file"):
        fh.read([""])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"cfa": "RGBG"}, "cfa must be one of RGGB, .* got 'RGBG'"),
        ({"mosaic": [[1, 2], [3, 4]]}, r"mosaic must be an array \(H, W\) with a cfa, got list"),
        ({"mosaic": np.zeros(64, np.uint16)}, r"mosaic must be an array \(H, W\) with a cfa, got \(64,\)"),
        ({"cfa": None}, r"mosaic must be an array \(H, W, 3\) without a cfa, got \(64, 64\)"),
        ({"cfa": None, "mosaic": np.zeros((64, 64, 4), np.uint16)}, r"got \(64, 64, 4\)"),
        ({"black": np.float32(0)}, r"black and white must be \(2, 2\), got \(\)"),
    ],
)
def test_raw_images_that_a_program_put_together_wrongly(raw: RawImage, changes: dict[str, Any], says: str) -> None:
    wrong = replace(raw, **changes)
    with pytest.raises(ValueError, match=says):
        fh.develop(wrong)
    with pytest.raises(ValueError, match=says):
        fh.merge([raw, wrong])


def test_white_balance_in_numbers_and_words(raw: RawImage) -> None:
    assert np.array_equal(fh.develop(raw, wb=4200).pixels, fh.develop(raw, wb="4200").pixels)
    with pytest.raises(ValueError, match="defringe must be auto or all, got 'none'"):
        fh.develop(raw, defringe="none")


@pytest.mark.parametrize("kind", ["jpg", "avif", "jxl", "tif", "png"])
@pytest.mark.parametrize(
    ("pixels", "says"),
    [
        (np.zeros((8, 8, 3), np.uint8), "pixels are uint16, with 65535 for white, not uint8"),
        (np.zeros((8, 8, 3)), "not float64"),
        (np.zeros((8, 8), np.uint16), r"shape \(8, 8\) is not \(height, width, 3\)"),
    ],
)
def test_pictures_of_other_samples(tmp_path: Path, kind: str, pixels: Any, says: str) -> None:
    """Eight bits were written as they were to some formats, and black floats shown in notebooks."""
    picture = fh.Picture(pixels)
    with pytest.raises(fh.WriteError, match=says):
        fh.write(picture, tmp_path / f"a.{kind}")
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match=says):
        picture._repr_png_()


def test_stages_to_leave_out_are_words(raw: RawImage) -> None:
    """Not parts of words: no "lens" in "opcodes,highlights", no "tone" in "local-tone"."""
    plain = fh.develop(raw, off=("denoise", "ca")).pixels
    assert np.array_equal(fh.develop(raw, off="denoise,ca").pixels, plain)
    with pytest.raises(ValueError, match="no stage 'denoise-ca'"):
        fh.develop(raw, off="denoise-ca")
