from __future__ import annotations

import pytest

from exporter.catalogue import BUILTIN, Catalogue


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue(BUILTIN, logs=("app", "web"), events=("stale_booking", "unique_constraint"))
