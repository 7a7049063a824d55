"""A pool of connections to one service's database, opened at the first use and mended after an outage.

Under eventlet psycopg must wait with ``selectors`` (``PSYCOPG_WAIT_FUNC=wait_selector``, set by ``shared.host`` before
psycopg is imported): its C wait would block the whole service.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

from shared.kernel.errors import Unavailable
from shared.kernel.personal import Secret

Row = dict[str, Any]


class DatabaseUnavailable(Unavailable):
    """PostgreSQL does not answer."""


class Database:
    """One service's database. Thread-safe; connects at the first transaction, not before."""

    def __init__(self, dsn: Secret[str], *, max_connections: int = 10, wait_seconds: float = 5.0) -> None:
        self._dsn = dsn
        self._max = max_connections
        self._wait = wait_seconds
        self._pool: ConnectionPool[Connection[Row]] | None = None
        self._lock = threading.Lock()

    @contextmanager
    def transaction(self) -> Iterator[Connection[Row]]:
        """A connection inside one transaction: committed at the end, rolled back on an exception.

        Raises :class:`DatabaseUnavailable` when the server cannot be reached or goes away.
        """
        try:
            with self._open().connection(timeout=self._wait) as connection, connection.transaction():
                yield connection
        except (psycopg.OperationalError, PoolTimeout) as error:
            raise DatabaseUnavailable(type(error).__name__) from error

    def ping(self) -> None:
        """Raises :class:`DatabaseUnavailable` unless a query can be answered."""
        with self.transaction() as connection:
            connection.execute("SELECT 1")

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            if self._pool is not None:
                self._pool.close()
                self._pool = None

    def _open(self) -> ConnectionPool[Connection[Row]]:
        with self._lock:
            if self._pool is None:
                self._pool = ConnectionPool(
                    self._dsn.reveal(),
                    connection_class=Connection[Row],
                    kwargs={"row_factory": dict_row, "application_name": "pocketid", "connect_timeout": 5},
                    min_size=1,
                    max_size=self._max,
                    timeout=self._wait,
                    reconnect_timeout=30,
                    check=ConnectionPool.check_connection,
                    open=False,
                )
                self._pool.open()
            return self._pool
