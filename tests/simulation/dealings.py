"""What people do about money and consents, and what operators do."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from shared.contracts import accounts, bookkeeping, consents, imaging, payments, retention
from shared.crypto import seal
from shared.kernel.ids import new_id
from tests.simulation.constants import MARK
from tests.simulation.deeds import Deeds, Person
from tests.simulation.gateway import Gateway

PRODUCTS = ("hd-photo", "hd-photo", "print-sheet", "pack-ten", "month-pass")
FORGERIES: tuple[dict[str, Any], ...] = (
    {"key": 1}, {"total_amount": "0.01"}, {"seller_id": "2088999999999999"}, {"app_id": "2021999999999999"},
    {"trade_no": ""},
)  # fmt: skip


class Dealings(Deeds):
    """Money, consents, operators."""

    # ---- money

    def order(self, person: Person, gateway: Gateway) -> None:
        me = self._mine(person, gateway)
        product = self.die.choice(PRODUCTS if person.photos else PRODUCTS[3:])
        photo_id = self.die.choice(person.photos) if person.photos and product in ("hd-photo", "print-sheet") else None
        if photo_id is not None:
            gateway.line.ask(imaging.GetPhoto(subject_id=me.subject_id, photo_id=photo_id))
        key = str(new_id()) if self.die.random() < 0.4 else None
        call = payments.OpenOrder(
            subject_id=me.subject_id, product=product, photo_id=photo_id, idempotency_key=key,
            channel=self.die.choice(("app", "wap", "qr")),
        )  # fmt: skip
        opened = gateway.line.ask(call)
        if key and self.die.random() < 0.5 and gateway.line.ask(call).order_id != opened.order_id:
            self.world.laws.broken("2 each effect once", "one key, two orders")
        person.orders.append(opened.order_id)

    def pay(self, person: Person, gateway: Gateway) -> None:
        """The buyer pays at Alipay: nobody of ours is asked."""
        offers = sorted(self.world.alipay.offers)
        if offers:
            self.world.alipay.buyer_pays(self.die.choice(offers))

    def forge(self, person: Person, gateway: Gateway) -> None:
        """Somebody makes up a notice."""
        trades = sorted(self.world.alipay.trades)
        if trades:
            body = self.world.alipay.notice(self.die.choice(trades), **self.die.choice(FORGERIES))
            if gateway.alipay_notice(body):
                self.world.laws.broken("6 each fact from Alipay once", "a forged notice was accepted")

    def unlock(self, person: Person, gateway: Gateway) -> None:
        me = self._mine(person, gateway)
        if person.photos:
            photo_id = self.die.choice(person.photos)
            gateway.line.ask(imaging.GetPhoto(subject_id=me.subject_id, photo_id=photo_id))
            self.told(gateway, payments.UnlockPhoto(subject_id=me.subject_id, photo_id=photo_id))

    def refund(self, person: Person, gateway: Gateway) -> None:
        """By its owner, or by an operator."""
        if not person.orders:
            return
        order_id = self.die.choice(person.orders)
        if self.die.random() < 0.3:
            amount = self.die.choice((None, 100))
            key = self.die.choice((None, "op"))
            gateway.line.ask(bookkeeping.RefundForOperators(order_id=order_id, amount=amount, key=key))
            return
        me = self._mine(person, gateway)
        gateway.line.ask(payments.RefundOrder(subject_id=me.subject_id, order_id=order_id))

    # ---- consents

    def consent(self, person: Person, gateway: Gateway) -> None:
        """Withdraw or grant what processing rests on, or something else."""
        me = self._mine(person, gateway)
        kind, name = self.die.choice((("document", "privacy"), ("document", "privacy"), ("permission", "camera")))
        action = self.die.choice(("withdraw", "grant", "grant"))
        version = self.versions[0] if kind == "permission" else self.versions[-1]
        self.told(
            gateway,
            consents.RecordConsent(subject_id=me.subject_id, kind=kind, name=name, version=version, action=action),
        )

    def guard(self, person: Person, gateway: Gateway) -> None:
        """The child asks, the adult answers, and may think again."""
        kid, adult = self.everybody[2], self.everybody[1]
        if kid.me is None or adult.me is None:
            return
        if person is kid:
            me = self._mine(kid, gateway)
            kid.links.append(self.told(gateway, consents.AskGuardian(subject_id=me.subject_id)).link_token)
            return
        me = self._mine(adult, gateway)
        if kid.links and self.die.random() < 0.7:
            call = consents.AnswerGuardian(subject_id=me.subject_id, action="grant", link_token=kid.links[-1])
            self.told(gateway, call)
            return
        held = gateway.line.ask(consents.Guardianships(subject_id=me.subject_id)).items
        if held:
            chosen = self.die.choice(held).guardianship_id
            self.told(
                gateway, consents.AnswerGuardian(subject_id=me.subject_id, action="withdraw", guardianship_id=chosen)
            )

    def profile(self, person: Person, gateway: Gateway) -> None:
        me = self._mine(person, gateway)
        key = gateway.key_of(me.subject_id, "keep_profile")
        sealed = b64encode(seal(key, f"nick {MARK}".encode(), f"{me.subject_id}/profile")).decode()
        self.told(gateway, accounts.ChangeProfile(subject_id=me.subject_id, sealed_profile=sealed))

    def publish_policy(self, person: Person, gateway: Gateway) -> None:
        """A new version; it takes effect in seven days."""
        if len(self.versions) < 3:
            version = f"2026-12-0{len(self.versions)}"
            texts = {"zh": f"# 隐私政策 {version}", "en": f"# Privacy {version}"}
            gateway.line.ask(consents.PublishPolicy(document="privacy", version=version, texts=texts))
            self.versions.append(version)

    def operator(self, person: Person, gateway: Gateway) -> None:
        """An operator replays the dead, has purges start over, or sweeps after a restore."""
        if self.die.random() < 0.5:
            self.world.broker.replay_dead()
            return
        for purge_id in list(self.world.databases["retention"].state.purges):
            gateway.line.ask(retention.RetryPurge(purge_id=purge_id))
