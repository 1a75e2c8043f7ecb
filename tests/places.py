"""Where a test's data lives: under its own home, or in a schema of its own in PostgreSQL."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import psycopg

ON_POSTGRES = "CANFUSE_TEST_ON_POSTGRES"  # the URL of a server that all tests are to use


def database_of(home: Path) -> str:
    """The database URL for a home, always the same; "" leaves it at SQLite."""
    if not (server := os.environ.get(ON_POSTGRES)):
        return ""
    schema = f"home_{hashlib.sha256(str(home).encode()).hexdigest()[:16]}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    return in_schema(server, schema)


def in_schema(server: str, schema: str) -> str:
    """The URL of a schema of a PostgreSQL server, with the driver that canfuse uses."""
    joint = "&" if "?" in server else "?"
    url = f"{server}{joint}options=-csearch_path%3D{schema}"
    return url.replace("postgresql://", "postgresql+psycopg://")
