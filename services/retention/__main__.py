"""``python -m services.retention``: the retention service as a process."""

import shared.host  # first: patches the standard library for eventlet # isort: skip

from datetime import timedelta
from functools import partial

from services.retention.adapters.dead_letters import BrokerDeadLetters
from services.retention.adapters.postgres import PostgresRetention
from services.retention.adapters.witnesses import AskedWitnesses
from services.retention.exports import count_subject, list_subjects
from services.retention.ports import RetentionParts
from services.retention.rights_ports import RightsParts
from services.retention.service import RetentionService
from shared.crypto.signing import Signer
from shared.db import Database, UnitOfWork
from shared.host.running import Host
from shared.kernel.clock import utc_now
from shared.kernel.personal import Secret
from shared.kernel.settings import RetentionSettings, load, named_keys, one_key
from shared.rpc.asking_plain import PlainAsker
from shared.storage import S3Store


def main() -> None:
    """Build retention's parts from the settings and serve."""
    settings = load(RetentionSettings)
    database = Database(Secret(settings.retention_dsn.get_secret_value()))
    store = S3Store(settings)
    work = UnitOfWork(database, PostgresRetention, one_key(settings.tombstone_key))
    rights = RightsParts(
        work=work,
        store=store,
        receipt_key=one_key(settings.receipt_key),
        clock=utc_now,
        export_life=timedelta(hours=settings.export_hours),
        exports_a_day=settings.exports_per_day,
    )
    asker = PlainAsker(settings.amqp_url.get_secret_value())
    parts = RetentionParts(
        work=work,
        store=store,
        witnesses=AskedWitnesses(asker, partial(count_subject, parts=rights), partial(list_subjects, parts=rights)),
        dead_letters=BrokerDeadLetters(settings.amqp_url.get_secret_value()),
        signer=Signer(named_keys(settings.certificate_signing_keys)),
        receipt_key=one_key(settings.receipt_key),
        clock=utc_now,
        deadline=timedelta(seconds=settings.purge_deadline_seconds),
        second_look=timedelta(seconds=settings.second_look_seconds),
    )
    checks = {"database": database.ping, "store": store.ping}
    Host(RetentionService, settings, {"retention": parts, "rights": rights}, checks=checks).run()


if __name__ == "__main__":
    main()
