"""What tests of the checker share."""

from __future__ import annotations

from collections.abc import Iterator
from unittest.mock import patch

import pytest


@pytest.fixture
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is compiled here is of no use to anybody else."""
    with patch.dict("os.environ", EOSCHECK_CACHE=str(tmp_path_factory.getbasetemp() / "native")):
        yield
