"""A small service of the tests' own on the real broker and a real database, whose handler does what the test says.

``python -m tests.chaos.probe``: every message adds a row to ``probe_effects``; while ``probe_orders.fail`` is true, the
handler fails after having written it.
"""

import os

from shared.db import Database, Transaction, UnitOfWork
from shared.host.listening import listens_to
from shared.host.running import Host, Part
from shared.kernel.personal import Secret
from shared.kernel.settings import BrokerSettings, load
from tests.chaos.probe_contract import LISTENER, ProbeHappened


class ProbeService:
    """Counts, or fails."""

    name = "probe"
    work: UnitOfWork[Transaction] = Part("work")

    @listens_to(LISTENER, ProbeHappened)
    def count(self, event: ProbeHappened) -> None:
        """One effect a message."""
        with self.work.begin() as tx:
            if not tx.first_time(LISTENER.queue, event.message_id):
                return
            tx.connection.execute("INSERT INTO probe_effects VALUES (%s)", (event.message_id,))
            order = tx.connection.execute("SELECT fail FROM probe_orders").fetchone()
            if order and order["fail"]:
                _note_try(os.environ["POCKETID_IMAGING_DSN"])
                raise RuntimeError("as ordered")


def _note_try(dsn: str) -> None:
    import psycopg

    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("INSERT INTO probe_tries DEFAULT VALUES")


def main() -> None:
    """The process."""
    settings = load(BrokerSettings)
    work = UnitOfWork(Database(Secret(os.environ["POCKETID_IMAGING_DSN"])), Transaction, Secret(bytes(32)))
    Host(ProbeService, settings, {"work": work}).run()


if __name__ == "__main__":
    main()
