"""Fixtures that every room's tests share."""

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("FOTOHAUS_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real files that lies beside the checkout; tests that need it skip where it is absent."""
    if not DATA.is_dir():
        pytest.skip(f"no test data at {DATA} (set FOTOHAUS_DATA)")
    return DATA
