"""The documented grants are what the exporter needs, and nothing more."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from exporter.checks.database import check_database
from exporter.database.errors import QueryError
from exporter.database.link import Link
from exporter.database.sampler import Sampler
from tests.support.databases import MIGRATION, PASSWORD, STATUS, UNIQUE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.model import DatabaseSnapshot
    from tests.support.databases import Server

PAGE = (Path(__file__).parents[2] / "docs" / "database.md").read_text("utf-8")
BLOCKS = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(params=["mariadb", "postgresql"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Return a server on which the exporter's user has what the document grants."""
    found: Server = request.getfixturevalue(request.param)
    found.execute(UNIQUE, STATUS, f"INSERT INTO migrations (migration) VALUES ('{MIGRATION}')")
    (block,) = (one for one in BLOCKS if ("'@'" in one) == (found.family == "mysql"))
    found.drop_user()
    password = PASSWORD.replace("%", "%%")
    found.execute(*(one.strip() for one in block.replace("'PASSWORD'", f"'{password}'").split(";") if one.strip()))
    yield found
    found.drop_user()
    found.create_user()


def test_every_query_is_answered(server: Server) -> None:
    """With the documented grants nothing fails, and `check` has nothing to say."""
    shown: list[DatabaseSnapshot] = []
    settings = server.settings(timezone="UTC")
    assert Sampler(settings, shown.append).complete()
    assert not any(shown[-1].errors.values())
    assert shown[-1].values["api_gateway_unique_constraint_present", ()].value == 1
    assert shown[-1].values["api_gateway_duplicate_check_uses_index", ()].value == 1
    assert [one.status for one in check_database(settings, 0)] == ["ok"]


def test_nothing_else_can_be_read(server: Server) -> None:
    """What customers are called is not for the exporter."""
    link = Link(server.settings())
    with pytest.raises(QueryError, match="privilege"):
        link.ask(sa.text("SELECT customer_name FROM appointments"))
    link.close()
