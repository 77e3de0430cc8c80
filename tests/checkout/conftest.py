from __future__ import annotations

import pytest

from tests.counter import Counter


@pytest.fixture
def counter() -> Counter:
    return Counter()
