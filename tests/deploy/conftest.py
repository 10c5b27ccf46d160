"""What the tests of packages share: one build of the tree."""

from __future__ import annotations

import pytest

from tests.support.built import ROOT, Built, build

EPOCH = "1767225600"


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Return wheel and sdist of the tree as it stands."""
    return build(ROOT, tmp_path_factory.mktemp("dist"), SOURCE_DATE_EPOCH=EPOCH)
