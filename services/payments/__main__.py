"""``python -m services.payments``: the payments service as a process."""

import shared.host  # first: patches the standard library for eventlet # isort: skip

from datetime import timedelta

from services.payments.adapters.alipay.account import account_from
from services.payments.adapters.alipay.client import AlipayClient
from services.payments.adapters.catalogue import products
from services.payments.adapters.postgres import PostgresPayments
from services.payments.domain.trades import Merchant
from services.payments.ports import PaymentsParts
from services.payments.service import PaymentsService
from shared.db import Database, UnitOfWork
from shared.host.running import Host
from shared.kernel.clock import utc_now
from shared.kernel.personal import Secret
from shared.kernel.settings import PaymentsSettings, load, one_key


def main() -> None:
    """Build payments' parts from the settings and serve."""
    settings = load(PaymentsSettings)
    database = Database(Secret(settings.payments_dsn.get_secret_value()))
    parts = PaymentsParts(
        work=UnitOfWork(database, PostgresPayments, one_key(settings.tombstone_key)),
        alipay=AlipayClient(account_from(settings), utc_now),
        merchant=Merchant(settings.alipay_app_id, settings.alipay_seller_id),
        products=products(),
        notice_key=one_key(settings.notice_key),
        clock=utc_now,
        order_life=timedelta(minutes=settings.order_minutes),
    )
    Host(PaymentsService, settings, {"payments": parts}, checks={"database": database.ping}).run()


if __name__ == "__main__":
    main()
