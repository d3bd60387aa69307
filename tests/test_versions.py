"""Two versions on one database: the older serves on, and starts again, on a schema that is already the newer one's."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

import asyncpg
import httpx
import pytest
from monitoring import free_port, started, wait_until
from serving import environment, ralph
from test_standby import READY_S, Writer

from ralph.store.migrate import migrate, migrations_folder

ADDED = """-- expands: nobody asks for the column or the table yet
ALTER TABLE symbol_lists ADD COLUMN colour text, ADD COLUMN rank integer NOT NULL DEFAULT 0;
CREATE TABLE list_colours (list_id bigint, colour text NOT NULL);
"""
TAKEN = "ALTER TABLE symbol_lists RENAME COLUMN colour TO hue;\n"

pytestmark = pytest.mark.long


async def bring(database_url: str, folder: Path) -> list[str]:
    """The newer version migrates."""
    connection = await asyncpg.connect(database_url)
    try:
        return await migrate(connection, folder)
    finally:
        await connection.close()


def test_the_version_before_serves_on_a_schema_that_only_grew(
    database_url: str, redis_url: str, home_path: Path, tmp_path: Path
) -> None:
    """No request fails while it grows, and it can be put back. One that lost something is refused by name."""
    newer = tmp_path / "migrations"
    shutil.copytree(migrations_folder(), newer)
    number = len(list(newer.glob("*.sql")))
    (newer / f"{number + 1:04}_lists_grow.sql").write_text(ADDED)
    port = free_port()
    variables = environment(home_path, RALPH_DATABASE_URL=database_url, RALPH_REDIS_URL=redis_url)
    command = [sys.executable, "-m", "ralph", "serve", "--no-open", "--no-demo", "--port", str(port)]
    address = f"http://127.0.0.1:{port}"

    def is_ready() -> bool:
        return httpx.get(f"{address}/health/ready", timeout=5).status_code == 200

    for start in ("first", "again"):
        with started(command, tmp_path / f"{start}.log", variables):
            wait_until(is_ready, READY_S)
            headers = {"Authorization": f"Bearer {(home_path / 'owner.key').read_text().strip()}"}
            with httpx.Client(base_url=address, headers=headers, timeout=30) as client, Writer(client, start) as writer:
                writer.wait_for(20)
                applied = asyncio.run(bring(database_url, newer))
                writer.wait_for(20)
            assert writer.failed == 0
            assert len(applied) == (1 if start == "first" else 0)
    (newer / f"{number + 2:04}_lists_lose.sql").write_text(TAKEN)
    assert len(asyncio.run(bring(database_url, newer))) == 1
    refused = ralph(home_path, "serve", "--no-open", RALPH_DATABASE_URL=database_url, RALPH_REDIS_URL=redis_url)
    assert refused.returncode == 1
    assert "lists_lose.sql" in refused.stderr
    assert "start the newer Ralph" in refused.stderr
