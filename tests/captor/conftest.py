"""One life for all tests of the captor."""

from __future__ import annotations

import pytest

from .seized import Seized, seize


@pytest.fixture(scope="session")
def seized(tmp_path_factory: pytest.TempPathFactory) -> Seized:
    return seize(tmp_path_factory.mktemp("seized"))
