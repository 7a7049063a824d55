"""Whoever uses the service: guests, accounts, a child and its guardian, buyers, forgers, operators; by one die."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from shared.contracts import accounts, auth, bookkeeping, consents, imaging, payments, retention
from shared.crypto import seal, token_hash
from shared.kernel.errors import PocketError
from shared.kernel.ids import new_id
from shared.storage import ObjectMissing
from tests.simulation.constants import MARK
from tests.simulation.gateway import Gateway
from tests.simulation.world import POLICY, World
from tests.unit.auth.providers.fake import HINT, SIGNATURE

PRODUCTS = ("hd-photo", "hd-photo", "print-sheet", "pack-ten", "month-pass")
CONTENTS = (*[f"photo of {MARK}"] * 3, *[f"photo of {MARK} again"] * 2, "unusable: no_face")
THEMES: tuple[frozenset[str], ...] = (
    frozenset(),
    frozenset({"order", "pay", "unlock", "refund", "download", "sign_in"}),
    frozenset({"consent", "guard", "publish_policy", "profile"}),
    frozenset({"upload", "render", "delete_photo", "wipe"}),
    frozenset({"sign_in", "link", "unlink", "provider_push", "leave", "refresh", "replay_refresh", "log_out"}),
)
"""What people of one run are most about."""
FORGERIES: tuple[dict[str, Any], ...] = (
    {"key": 1}, {"total_amount": "0.01"}, {"seller_id": "2088999999999999"}, {"app_id": "2021999999999999"},
    {"trade_no": ""},
)  # fmt: skip


@dataclass
class Person:
    """Somebody with a phone; ``me`` is who they are logged in as just now."""

    name: str
    device: str
    age: str | None = None
    me: auth.Tokens | None = None
    secret: str | None = None
    spent: list[str] = field(default_factory=list)
    photos: list[UUID] = field(default_factory=list)
    renders: list[UUID] = field(default_factory=list)
    orders: list[UUID] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    keys: int = 0

    def become(self, tokens: auth.Tokens) -> None:
        """Logged in as somebody else: nothing of before is at hand."""
        if self.me is None or self.me.subject_id != tokens.subject_id:
            self.photos, self.renders, self.orders = [], [], []
        self.me = tokens


class People:
    """Everybody, and what they may come up with."""

    def __init__(self, world: World, gateways: list[Gateway]) -> None:
        self.world = world
        self.die = world.die
        self.gateways = gateways
        self.versions = [POLICY]
        self.everybody = [
            Person("ada", "a" * 64), Person("bo", "b" * 64, "adult"), Person("kid", "c" * 64, "under_14"),
        ]  # fmt: skip
        self.post: list[bytes] = []
        self.deeds: list[tuple[int, Callable[[Person, Gateway], None]]] = [
            (5, self.start), (5, self.sign_in), (20, self.upload), (10, self.render), (3, self.look), (2, self.download),
            (4, self.delete_photo), (3, self.wipe), (2, self.leave), (3, self.refresh), (1, self.replay_refresh),
            (1, self.log_out), (8, self.order), (7, self.pay), (3, self.unlock), (3, self.refund), (2, self.link),
            (1, self.unlink), (3, self.consent), (2, self.guard), (1, self.profile), (1, self.provider_push),
            (1, self.forge), (1, self.publish_policy), (1, self.operator),
        ]  # fmt: skip
        theme = self.die.choice(THEMES)
        self._weights = [weight * (5 if act.__name__ in theme else 1) for weight, act in self.deeds]
        self._acts = [act for _, act in self.deeds]

    def somebody_acts(self) -> None:
        """One person comes up with one thing, at one gateway."""
        gateway = self.die.choice(self.gateways)
        person = self.die.choice(self.everybody)
        act = self.die.choices(self._acts, self._weights)[0]
        if person.me is None and act not in (self.start, self.sign_in):
            act = self.start if self.die.random() < 0.6 else self.sign_in

        def attempt() -> None:
            try:
                if not gateway.ready:
                    gateway.catch_up()
                act(person, gateway)
            except (PocketError, ObjectMissing) as error:
                self.world.machine.say(f"    {person.name}: {act.__name__}: {error}")
            except Exception as error:  # noqa: BLE001 - whatever else it is, is a finding
                self.world.note(error, act.__name__)

        self.world.machine.spawn(gateway.name, f"{person.name} {act.__name__}", attempt)

    def begin_to_buy(self) -> None:
        """Some photos are ready: something is rendered, something is bought, and perhaps paid for."""
        gateway = self.gateways[0]
        for person in self.everybody[:2]:
            try:
                self.render(person, gateway)
                if self.die.random() < 0.6:
                    self.order(person, gateway)
                    if self.die.random() < 0.7:
                        self.pay(person, gateway)
            except PocketError as error:
                self.world.machine.say(f"    {person.name}: {error}")

    # ---- coming and going

    def begin(self) -> None:
        """Before the dice fall: a guest, an account and perhaps a child whose guardian agrees, each with a photo."""
        gateway, (ada, bo, kid) = self.gateways[0], self.everybody
        self.start(ada, gateway)
        self.sign_in(bo, gateway)
        self.upload(ada, gateway)
        self.upload(bo, gateway)
        if self.die.random() < 0.4:
            self.start(kid, gateway)
            self.guard(kid, gateway)
            self.guard(bo, gateway)

    def start(self, person: Person, gateway: Gateway) -> None:
        """A device starts, resumes, or starts anew without its secret."""
        secret = person.secret if self.die.random() < 0.6 else None
        key = str(new_id()) if self.die.random() < 0.3 else None
        call = auth.AdmitGuest(
            device_hash=person.device, secret_hash=token_hash(secret) if secret else None,
            policy_version=self.versions[-1], age_band=person.age, idempotency_key=key,
        )  # fmt: skip
        tokens = gateway.line.ask(call)
        if key and self.die.random() < 0.5:
            again = gateway.line.ask(call)
            if again.subject_id != tokens.subject_id:
                self.world.laws.broken("2 each effect once", "one key, two guests")
        person.become(tokens)
        person.secret = tokens.guest_secret or secret

    def sign_in(self, person: Person, gateway: Gateway) -> None:
        """With a provider; a guest's stash is wiped."""
        provider = self.world.providers[self.die.choice(("wechat", "wechat", "apple"))]
        who = f"{person.name} {MARK}"
        handed: dict[str, Any] = {"code": provider.code_for(who), "device_label": f"phone of {MARK}"}
        guest = person.me if person.me is not None and person.me.kind == "guest" else None
        guest_id = guest.subject_id if guest and not gateway.access.is_denied(guest.subject_id) else None
        more = {"policy_version": self.versions[-1], "age_band": person.age}
        key = str(new_id()) if self.die.random() < 0.3 else None
        signed = gateway.sign_in(provider.name, handed, guest_id, idempotency_key=key, **more)
        person.become(signed)

    def wipe(self, person: Person, gateway: Gateway) -> None:
        """清空暂存."""
        me = self._mine(person, gateway)
        gateway.end(me.subject_id, me.kind, "stash_wiped", str(new_id()))

    def leave(self, person: Person, gateway: Gateway) -> None:
        """注销账户."""
        me = self._mine(person, gateway)
        gateway.end(me.subject_id, me.kind, "account_deleted", None)

    def refresh(self, person: Person, gateway: Gateway) -> None:
        """New tokens."""
        assert person.me is not None
        old = person.me.refresh_token
        tokens = gateway.line.ask(auth.RefreshSession(refresh_hash=token_hash(old)))
        person.spent.append(old)
        person.me = tokens

    def replay_refresh(self, person: Person, gateway: Gateway) -> None:
        """A thief shows a token that was used: everybody of that session is out."""
        if person.spent:
            old = self.die.choice(person.spent)
            try:
                gateway.line.ask(auth.RefreshSession(refresh_hash=token_hash(old)))
            except PocketError:
                return
            self.world.laws.broken("tokens", "a used refresh token was good again")

    def log_out(self, person: Person, gateway: Gateway) -> None:
        """Here, or everywhere."""
        me = self._mine(person, gateway)
        if self.die.random() < 0.5:
            gateway.line.ask(auth.EndSession(subject_id=me.subject_id, session_id=me.session_id))
        else:
            gateway.line.ask(accounts.EndSessions(subject_id=me.subject_id))

    def link(self, person: Person, gateway: Gateway) -> None:
        """One more login, sometimes somebody else's."""
        me = self._mine(person, gateway)
        provider = self.world.providers[self.die.choice(("wechat", "apple"))]
        who = self.die.choice([person.name, person.name, "bo"])
        proof = gateway.keys.seal_for(accounts.PROOF, {"code": provider.code_for(f"{who} {MARK}")})
        gateway.line.ask(
            accounts.LinkIdentity(
                subject_id=me.subject_id, provider=provider.name, platform="ios", sealed_proof=proof
            )
        )

    def unlink(self, person: Person, gateway: Gateway) -> None:
        me = self._mine(person, gateway)
        gateway.line.ask(accounts.UnlinkIdentity(subject_id=me.subject_id, provider=self.die.choice(("wechat", "apple"))))

    def provider_push(self, person: Person, gateway: Gateway) -> None:
        """A provider says that a login ended there; or somebody says that it said so."""
        provider = self.world.providers["wechat"]
        told = {"kind": "authorization_revoked", "external_id": f"{person.name} {MARK}@app-one", "dedup_id": str(new_id())}
        signature = self.die.choice((SIGNATURE, SIGNATURE, HINT, "forged"))
        gateway.provider_notice(provider.name, {"x-signature": signature}, json.dumps(told).encode())

    # ---- photos

    def upload(self, person: Person, gateway: Gateway) -> None:
        me = self._mine(person, gateway)
        content = self.die.choice(CONTENTS).encode()
        key = str(new_id()) if self.die.random() < 0.3 else None
        photo_id = gateway.upload(me.subject_id, content, key)
        if key and self.die.random() < 0.4:
            gateway.upload(me.subject_id, content, key)
        if person.me is not None and person.me.subject_id == me.subject_id:
            person.photos.append(photo_id)

    def render(self, person: Person, gateway: Gateway) -> None:
        me = self._mine(person, gateway)
        if person.photos:
            order: dict[str, Any] = {"spec": self.die.choice(("one-inch", "cn-passport"))}
            key = self.die.choice((None, None, "k1"))
            render = gateway.render(me.subject_id, self.die.choice(person.photos), order, key)
            person.renders.append(render.render_id)

    def look(self, person: Person, gateway: Gateway) -> None:
        me = self._mine(person, gateway)
        if person.photos:
            gateway.look(me.subject_id, self.die.choice(person.photos))

    def download(self, person: Person, gateway: Gateway) -> None:
        me = self._mine(person, gateway)
        if person.renders:
            gateway.download(me.subject_id, self.die.choice(person.renders))

    def delete_photo(self, person: Person, gateway: Gateway) -> None:
        me = self._mine(person, gateway)
        if person.photos:
            photo_id = self.die.choice(person.photos)
            self.world.laws.excused.add(photo_id)
            gateway.line.ask(imaging.DeletePhoto(subject_id=me.subject_id, photo_id=photo_id))

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
            gateway.line.ask(payments.UnlockPhoto(subject_id=me.subject_id, photo_id=photo_id))

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
        gateway.line.ask(
            consents.RecordConsent(
                subject_id=me.subject_id, kind=kind, name=name, version=self.versions[-1], action=action
            )
        )

    def guard(self, person: Person, gateway: Gateway) -> None:
        """The child asks, the adult answers, and may think again."""
        kid, adult = self.everybody[2], self.everybody[1]
        if kid.me is None or adult.me is None:
            return
        if person is kid:
            me = self._mine(kid, gateway)
            kid.links.append(gateway.line.ask(consents.AskGuardian(subject_id=me.subject_id)).link_token)
            return
        me = self._mine(adult, gateway)
        if kid.links and self.die.random() < 0.7:
            call = consents.AnswerGuardian(subject_id=me.subject_id, action="grant", link_token=kid.links[-1])
            gateway.line.ask(call)
            return
        held = gateway.line.ask(consents.Guardianships(subject_id=me.subject_id)).items
        if held:
            chosen = self.die.choice(held).guardianship_id
            gateway.line.ask(
                consents.AnswerGuardian(subject_id=me.subject_id, action="withdraw", guardianship_id=chosen)
            )

    def profile(self, person: Person, gateway: Gateway) -> None:
        me = self._mine(person, gateway)
        key = gateway.key_of(me.subject_id, "keep_profile")
        sealed = b64encode(seal(key, f"nick {MARK}".encode(), f"{me.subject_id}/profile")).decode()
        gateway.line.ask(accounts.ChangeProfile(subject_id=me.subject_id, sealed_profile=sealed))

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

    def _mine(self, person: Person, gateway: Gateway) -> auth.Tokens:
        """Who the caller is, if the gateway lets the token in."""
        assert person.me is not None
        gateway.admit(person.me.subject_id, person.me.session_id)
        return person.me
