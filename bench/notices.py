"""Claim: a notice is verified, booked and handed over through every process at a fair share of what the database alone can do.

Baseline: psycopg writing and committing the same rows (order, ledger, unlock, outbox) one after another: no HTTP, no
signature, no queue. Also: from the notice at the gateway's door to imaging having unlocked the photo (p50, p99).
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from bench.figures import claim, local_system, percentile
from shared.kernel.ids import new_id
from shared.testing.eventually import eventually
from tests.system.client import Guest
from tests.system.local import LocalSystem


def signed_notice(key: Any, order: dict[str, Any]) -> bytes:
    """The notice that Alipay would send, by the stand-in's own key."""
    import base64
    from urllib.parse import urlencode

    now = (datetime.now(UTC) + timedelta(hours=8)).strftime("%Y-%m-%d %H:%M:%S")
    fields = {
        "notify_type": "trade_status_sync", "notify_id": uuid4().hex, "app_id": "9021000000000001", "charset": "utf-8",
        "seller_id": "2088000000000001", "out_trade_no": f"P{order['order_id'].replace('-', '')}", "sign_type": "RSA2",
        "trade_no": uuid4().hex, "trade_status": "TRADE_SUCCESS", "total_amount": "6.90", "gmt_payment": now,
    }  # fmt: skip
    text = "&".join(f"{name}={fields[name]}" for name in sorted(fields) if name != "sign_type")
    signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return urlencode({**fields, "sign": base64.b64encode(signature).decode()}).encode()


def orders_of(system: LocalSystem, guest: Guest, count: int) -> list[dict[str, Any]]:
    """An open order each for so many photos (rows without pixels: none is looked at here)."""
    photos = [new_id() for _ in range(count)]
    for photo in photos:
        system.sql(
            "imaging",
            "INSERT INTO photos (photo_id, subject_id, state, created_at) VALUES (%s, %s, 'ready', now())",
            photo,
            guest.subject_id,
        )
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda photo: guest.order("hd-photo", str(photo)).json(), photos))


def send(gateway: str, notices: list[bytes], at_once: int) -> tuple[float, list[float]]:
    """Notices a second, and when each was sent (Unix seconds)."""
    with httpx.Client(limits=httpx.Limits(max_connections=at_once), timeout=60) as client:

        def one(body: bytes) -> float:
            sent = time.time()
            answer = client.post(f"{gateway}/v1/payments/alipay/notify", content=body)
            assert answer.content == b"success", answer.text
            return sent

        begun = time.monotonic()
        with ThreadPoolExecutor(at_once) as pool:
            sent = list(pool.map(one, notices))
        return len(notices) / (time.monotonic() - begun), sent


def bare(dsn: str, count: int) -> float:
    """The same rows, committed one transaction after another by one connection; orders a second."""
    with psycopg.connect(dsn) as connection:
        begun = time.monotonic()
        for _ in range(count):
            order = new_id()
            connection.execute(
                "INSERT INTO orders (order_id, subject_id, product, amount, channel, state, created_at, expires_at, looks,"
                " trade_no, paid_at, refunded) VALUES (%s, %s, '{}', 690, 'app', 'paid', now(), now(), 0, 't', now(), 0)",
                (order, order),
            )
            entry = connection.execute(
                "INSERT INTO ledger_entries (fact, order_id, at) VALUES (%s, %s, now()) RETURNING entry_id",
                (f"bench:{order}", order),
            ).fetchone()
            for account, fen in (("alipay", 690), ("sales", -690)):
                connection.execute(
                    "INSERT INTO ledger_lines VALUES (%s, %s, %s)", (entry[0] if entry else 0, account, fen)
                )
            connection.execute(
                "INSERT INTO unlocks (unlock_id, subject_id, photo_id, scopes, created_at, order_id)"
                " VALUES (%s, %s, %s, '{photo}', now(), %s)",
                (new_id(), order, order, order),
            )
            for _ in range(2):
                connection.execute("INSERT INTO inbox (consumer, message_id) VALUES ('bench', %s)", (new_id(),))
            connection.commit()
        return count / (time.monotonic() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--notices", type=int, default=400)
    parser.add_argument("--at-once", type=int, default=8)
    wanted = parser.parse_args()
    with local_system(POCKETID_RATE_GUESTS_PER_ADDRESS="100000") as system:
        pem = (Path(system.env["run_dir"]) / "secrets" / "alipay_private_key").read_bytes()
        key = serialization.load_pem_private_key(pem, None)
        guest = Guest(system.gateway)
        notices = [signed_notice(key, order) for order in orders_of(system, guest, wanted.notices)]
        half = len(notices) // 2
        _, sent_alone = send(system.gateway, notices[:half], 1)
        fast, _ = send(system.gateway, notices[half:], wanted.at_once)
        look = (
            "SELECT extract(epoch FROM unlocked_at)::float8 FROM photos WHERE unlocked_at IS NOT NULL ORDER BY photo_id"
        )
        rows = eventually(lambda: system.sql("imaging", look), lambda found: len(found) == len(notices), within=60)
        waits = [(unlocked - sent) * 1000 for (unlocked,), sent in zip(rows, sent_alone, strict=False)]
        slow = bare(system.env["databases"]["payments"], wanted.notices)
    claim(
        f"{len(notices) - half} notices, {wanted.at_once} at once, each verified, booked, unlocked and answered",
        f"{fast:.0f} notices/s (gateway, call, RSA2, one transaction)",
        f"{slow:.0f}/s, bare psycopg committing the same rows",
        fast / slow,
        ">= 0.1",
    )
    print(
        f"  notice to unlocked in imaging, one by one ({half}): p50 {percentile(waits, 0.5):.0f} ms,"
        f" p99 {percentile(waits, 0.99):.0f} ms",
        flush=True,
    )


if __name__ == "__main__":
    main()
