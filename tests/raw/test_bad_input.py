"""Bad input is normal input: one line naming file and reason, in bounded time and memory."""

import json
import subprocess
import sys
import textwrap
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kinds
from fotohaus.errors import ReadError
from fotohaus.raw import RawImage, describe, read_extras, read_raw
from fotohaus.raw.tiff import Source

Maker = Callable[..., Any]


def reason(path: Path) -> str:
    with pytest.raises(ReadError) as error:
        read_raw(path)
    text = str(error.value)
    assert str(path) in text
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.dng", b"", "is empty"),
        ("a.dng", b"just text, long enough to be read", "not a TIFF or DNG"),
        ("a.nef", b"just text, long enough to be read", "LibRaw"),
        ("a.txt", b"just text, long enough to be read", "not a raw file"),
        ("a.dng", b"\xff\xd8\xff\xe0\0\x10JFIF", "is damaged"),
        ("a.png", b"\x89PNG\r\n\x1a\n", "is damaged"),
        ("a.heic", b"\0\0\0\x18ftypheic", "is a HEIF image, which is not read yet: make it a JPEG"),
        ("a.tif", b"II*\0\x08\0\0\0\0\0\0\0\0\0", "RGB and grey ones of 8 or 16 bits are"),
    ],
)
def test_files_of_another_kind(tmp_path: Path, name: str, data: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(data)
    assert words in reason(tmp_path / name)


def test_missing_folder_and_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no such file" in reason(tmp_path / "no.dng")
    assert "is a folder" in reason(tmp_path)

    # Root may read everything, so that permission bits prove nothing here.
    def deny(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a.dng").write_bytes(b"II*\0")
    monkeypatch.setattr("builtins.open", deny)
    assert "no permission" in reason(tmp_path / "a.dng")


def test_a_disk_that_fails_while_reading(
    dng: Maker, samples: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.dng").write_bytes(dng(samples((8, 8))))

    def fail(*_: Any) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Source, "read_into", fail)
    assert "input/output error" in reason(tmp_path / "a.dng")


def test_too_little_memory(dng: Maker, samples: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.dng").write_bytes(dng(samples((8, 8))))

    def fail(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr("fotohaus.raw.dng_read.decode", fail)
    assert "too large" in reason(tmp_path / "a.dng")


@pytest.mark.parametrize("compression", [1, 7, 8])
@pytest.mark.parametrize("sub_ifd", [False, True])
def test_truncated_anywhere(dng: Maker, samples: Maker, tmp_path: Path, compression: int, sub_ifd: bool) -> None:
    # The IFDs are at the end, so that every shorter file is damaged.
    data = dng(samples((16, 24)), compression=compression, tile=(16, 16), sub_ifd=sub_ifd, exif={34855: (3, 100)})
    path = tmp_path / "a.dng"
    for length in range(0, len(data) - 4, 13):
        path.write_bytes(data[:length])
        assert reason(path)


@pytest.mark.parametrize("name", ["canon_colorchecker.dng", "gopro_hero6_mural.dng"])
def test_real_files_truncated(shared: Path, tmp_path: Path, name: str) -> None:
    # Here the samples are at the end.
    path = tmp_path / name
    whole = (shared / "raw" / name).read_bytes()
    rng = np.random.default_rng(1)
    for length in [2, 8, 100, 600, 1500, len(whole) - 1, *rng.integers(0, len(whole), 20).tolist()]:
        path.write_bytes(whole[:length])
        reason(path)


@pytest.mark.parametrize("kind", kinds.KINDS)
def test_every_kind_reads_undamaged(dng: Maker, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.dng"
    path.write_bytes(kinds.make(dng, kind, 0))
    assert min(read_raw(path).mosaic.shape[:2]) >= 17
    assert read_extras(path).depth is not None
    assert "not_supported" not in describe(path)


def test_mutants_give_an_image_or_a_reason(dng: Maker, tmp_path: Path) -> None:
    """Under a limit on memory, in another process, so that a crash or a memory bomb is seen as what it is."""
    rng = np.random.default_rng(20261122)
    for number, kind in enumerate(kinds.KINDS):
        data = kinds.make(dng, kind, number)
        for i in range(50):
            (tmp_path / f"{number:02d}_{i:03d}.dng").write_bytes(kinds.mutant(rng, data))
    script = textwrap.dedent(
        """
        import json, resource, sys, time
        from pathlib import Path
        from fotohaus.errors import ReadError
        from fotohaus.raw import describe, read_extras, read_raw
        resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
        counts = {"image": 0, "reason": 0, "slowest": 0.0}
        for path in sorted(Path(sys.argv[1]).glob("*.dng")):
            print(path.name, file=sys.stderr, flush=True)
            begin = time.process_time()
            for action in (read_raw, describe, read_extras):
                try:
                    image = action(path)
                except ReadError as error:
                    assert str(path) in str(error) and "\\n" not in str(error)
                    image = None
                if action is read_raw:
                    counts["reason" if image is None else "image"] += 1
            counts["slowest"] = max(counts["slowest"], time.process_time() - begin)
        # Not ru_maxrss: Linux carries the peak of the process that forked this one over into it.
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        counts["peak_mb"] = int(status["VmHWM"].split()[0]) / 1024
        print(json.dumps(counts))
        """
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    counts = json.loads(done.stdout)
    # Both happen often, or the mutations are too mild or too wild to tell anything.
    assert counts["image"] > 200, counts
    assert counts["reason"] > 200, counts
    assert counts["slowest"] < 5, counts
    assert counts["peak_mb"] < 400, counts


def test_no_claim_of_size_is_believed(dng: Maker, samples: Maker, tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    tracemalloc.start()
    for side in (20_000, 60_000, 10**9, 2**32 - 1):
        for compression in (1, 7, 8):
            raw = {256: (4, side), 257: (4, side), 278: (4, side)}
            path.write_bytes(dng(samples((16, 16)), compression=compression, raw=raw))
            reason(path)
            for tag in (50714, 50712, 51009, 273, 33422):
                data = bytearray(dng(samples((16, 16)), compression=compression, raw={tag: (7, bytes(16))}))
                at = data.index(tag.to_bytes(2, "little") + b"\x07\0\x10\0\0\0")
                data[at + 4 : at + 8] = side.to_bytes(4, "little")
                path.write_bytes(data)
                reason(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 << 20


def test_the_undamaged_file_reads(dng: Maker, samples: Maker, tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    path.write_bytes(dng(samples((16, 16))))
    assert isinstance(read_raw(path), RawImage)
