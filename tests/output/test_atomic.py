"""A file is whole or not there, whatever goes wrong while it is written."""

import builtins
import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fotohaus.develop.scene import Scene
from fotohaus.errors import WriteError
from fotohaus.output import HOLDS, atomic, write
from fotohaus.output.atomic import save
from fotohaus.raw.image import RawImage
from fotohaus.render.picture import Picture

NAMES = [f"p{kind}" for kind in HOLDS]


@pytest.fixture(params=NAMES)
def job(request: pytest.FixtureRequest, picture: Picture, scene: Scene, raw: RawImage) -> tuple[object, str]:
    nouns = {Picture: picture, Scene: scene, RawImage: raw}
    return nouns[HOLDS[Path(request.param).suffix]], request.param


def test_what_was_there_is_replaced_or_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f"
    save(path, [b"old"])
    save(path, [b"new ", b"", b"bytes"])
    assert path.read_bytes() == b"new bytes"

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WriteError, match=r"f: the disk is full$"):
        save(path, [b"newer"])
    assert path.read_bytes() == b"new bytes"
    assert os.listdir(tmp_path) == ["f"]


@pytest.mark.skipif(sys.platform == "win32", reason="no umask")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_follow_the_umask(tmp_path: Path, umask: int, mode: int) -> None:
    old = os.umask(umask)
    try:
        save(tmp_path / "f", [b"x"])
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == mode


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "file")
    save(tmp_path / "link", [b"x"])
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "file").read_bytes() == b"x"


def test_a_full_disk_leaves_nothing(tmp_path: Path, job: tuple[Picture, str], monkeypatch: pytest.MonkeyPatch) -> None:
    noun, name = job
    opened = builtins.open

    class Full:
        """A file on a disk that has room for a hundred bytes."""

        def __init__(self, *arguments: object, **options: object) -> None:
            self.file = opened(*arguments, **options)
            self.room = 100

        def __enter__(self) -> "Full":
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        def write(self, data: memoryview) -> int:
            if not self.room:
                raise OSError(errno.ENOSPC, "No space left on device")
            count = self.file.write(data[: self.room])
            self.room -= count
            return count

    if name == "p.exr":
        import OpenEXR

        def refuse(self: object, path: str) -> None:
            Path(path).write_bytes(b"half")
            raise RuntimeError(f'Failed to write pixel data to image file "{path}". No space left on device.')

        monkeypatch.setattr(OpenEXR.File, "write", refuse)
    else:
        monkeypatch.setattr(atomic, "open", Full, raising=False)
    with pytest.raises(WriteError, match=f"{name}: the disk is full$"):
        write(noun, tmp_path / name)
    assert os.listdir(tmp_path) == []


LIMITED = """
import resource, sys
import numpy as np
from fotohaus import kernels
from fotohaus.develop.scene import Scene
from fotohaus.errors import WriteError
from fotohaus.output import HOLDS, write
from fotohaus.raw.image import ColorCalibration, RawImage, Rectangle
from fotohaus.render.picture import Picture
noise = np.random.default_rng(0)
scene = Scene(kernels.planar(noise.random((400, 400, 3), dtype=np.float32)))
picture = Picture(noise.integers(0, 65536, (400, 400, 3)).astype(np.uint16))
levels = np.full((2, 2), 0, np.float32), np.full((2, 2), 65535, np.float32)
mosaic = noise.integers(0, 65536, (400, 400)).astype(np.uint16)
raw = RawImage(mosaic, "RGGB", *levels, ColorCalibration(np.eye(3)), Rectangle(0, 0, 400, 400))
nouns = {Picture: picture, Scene: scene, RawImage: raw}
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
for name in sys.argv[1:]:
    try:
        write(nouns[HOLDS[name[1:]]], name)
    except WriteError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_FSIZE")
def test_a_file_that_the_system_refuses_to_grow_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIMITED, *NAMES]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == NAMES
    assert all(line.endswith(": larger than the system allows") for line in lines), lines
    assert os.listdir(tmp_path) == []


def test_places_that_cannot_be_written_to(tmp_path: Path, job: tuple[Picture, str]) -> None:
    noun, name = job
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / f"folder{name[1:]}").mkdir()
    for place, why in (
        (f"missing/{name}", "the folder .* does not exist"),
        (f"file/{name}", "not"),
        (f"folder{name[1:]}", "is a folder"),
        ("n" * 300 + name[1:], "the name is too long"),
        (f"nul\0{name}", "null"),
    ):
        with pytest.raises(WriteError, match=why) as caught:
            write(noun, tmp_path / place)
        assert "\n" not in str(caught.value)
    if sys.platform == "linux":
        (tmp_path / f"full{name[1:]}").symlink_to("/dev/full")
        with pytest.raises(WriteError, match="is not a regular file"):
            write(noun, tmp_path / f"full{name[1:]}")
    assert not [n for n in os.listdir(tmp_path) if n.endswith(".tmp")]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is read-only to root")
def test_a_folder_without_permission(tmp_path: Path, picture: Picture) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(WriteError, match="can't be written to"):
            write(picture, tmp_path / "p.jpg")
    finally:
        tmp_path.chmod(0o700)


def test_a_read_only_file_system(tmp_path: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object, *_: object) -> int:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(WriteError, match=r"p\.jpg: the file system is read-only$"):
        write(picture, tmp_path / "p.jpg")


def test_an_interruption_leaves_nothing(tmp_path: Path) -> None:
    def pieces() -> list[bytes]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), atomic.replacing(tmp_path / "f"):
        pieces()
    assert os.listdir(tmp_path) == []


STOPPED = """
import sys, time
import numpy as np
from fotohaus import kernels
from fotohaus.develop.scene import Scene
from fotohaus.output import HOLDS, atomic, write
from fotohaus.raw.image import ColorCalibration, RawImage, Rectangle
from fotohaus.render.picture import Picture
scene = Scene(kernels.planar(np.full((64, 64, 3), 0.5, np.float32)))
levels = np.full((2, 2), 0, np.float32), np.full((2, 2), 65535, np.float32)
raw = RawImage(np.full((64, 64), 9, np.uint16), "RGGB", *levels, ColorCalibration(np.eye(3)), Rectangle(0, 0, 64, 64))
nouns = {Picture: Picture(np.full((64, 64, 3), 9, np.uint16)), Scene: scene, RawImage: raw}
name, unnamed, where = sys.argv[1:]

def stop(*_):
    print("here", flush=True)
    time.sleep(60)

if not int(unnamed):
    atomic._open_unnamed = lambda folder: None
if where == "synced":
    atomic.os.fsync = stop
else:
    atomic.check_target, check = lambda path: check(path), atomic.check_target
    real = atomic.replacing
    def half(path):
        import contextlib
        @contextlib.contextmanager
        def inner():
            with real(path) as partial:
                partial.write_bytes(b"half of it")
                stop()
                yield partial
        return inner()
    atomic.replacing = sys.modules["fotohaus.output.write"].replacing = half
write(nouns[HOLDS["." + name.rpartition(".")[2]]], name)
"""


def killed(name: str, folder: Path, unnamed: bool, where: str = "synced") -> None:
    command = [sys.executable, "-c", STOPPED, name, str(int(unnamed)), where]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        process.kill()
        process.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="files without a name are Linux's")
@pytest.mark.parametrize("name", NAMES)
def test_a_kill_leaves_what_was_there_and_nothing_else(tmp_path: Path, name: str) -> None:
    if atomic._open_unnamed(tmp_path) is None:
        pytest.skip("this file system has no files without a name")
    (tmp_path / name).write_bytes(b"what was there")
    killed(name, tmp_path, unnamed=True)
    assert (tmp_path / name).read_bytes() == b"what was there"
    assert os.listdir(tmp_path) == [name]
    (tmp_path / name).unlink()
    killed(name, tmp_path, unnamed=True, where="half")
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_what_a_kill_leaves_is_removed_a_day_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed("p.png", tmp_path, unnamed=False)
    (left,) = os.listdir(tmp_path)
    assert left.startswith(".fotohaus-")
    monkeypatch.setattr(atomic, "_open_unnamed", lambda folder: None)
    save(tmp_path / "f", [b"x"])
    assert set(os.listdir(tmp_path)) == {"f", left}  # somebody may be writing it
    os.utime(tmp_path / left, (0, 0))
    (tmp_path / ".fotohaus-mine").write_bytes(b"x")
    save(tmp_path / "f", [b"y"])
    assert set(os.listdir(tmp_path)) == {"f", ".fotohaus-mine"}
    assert (tmp_path / "f").read_bytes() == b"y"


@pytest.mark.parametrize("there", [False, True])
def test_where_a_file_cannot_get_a_name_it_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    monkeypatch.setattr(atomic, "_link", lambda opened, name: False)
    if there:
        (tmp_path / "f").write_bytes(b"old")
    save(tmp_path / "f", [b"new ", b"bytes"])
    assert (tmp_path / "f").read_bytes() == b"new bytes"
    assert os.listdir(tmp_path) == ["f"]


def test_two_writers_of_one_file_leave_one_whole_file(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    contents = [np.full(200_000, i, np.uint8).tobytes() for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda c: save(tmp_path / "f", [c]), contents))
    assert (tmp_path / "f").read_bytes() in contents
    assert os.listdir(tmp_path) == ["f"]
