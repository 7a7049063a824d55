"""What people do about themselves and their photos: each deed is a call or a few, as an app would make them."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from shared.contracts import accounts, auth, imaging
from shared.contracts.base import RepeatableCall
from shared.crypto import token_hash
from shared.kernel.errors import PocketError, TimedOut, Unavailable
from shared.kernel.ids import new_id
from tests.simulation.constants import MARK
from tests.simulation.gateway import Gateway
from tests.simulation.world import World
from tests.unit.auth.providers.fake import HINT, SIGNATURE

CONTENTS = (*[f"photo of {MARK}"] * 3, *[f"photo of {MARK} again"] * 2, "unusable: no_face")


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
    former: list[auth.Tokens] = field(default_factory=list)

    def become(self, tokens: auth.Tokens) -> None:
        """Logged in as somebody else: nothing of before is at hand."""
        if self.me is None or self.me.subject_id != tokens.subject_id:
            self.photos, self.renders, self.orders = [], [], []
        if self.me is not None and self.me.subject_id != tokens.subject_id:
            self.former.append(self.me)
        self.me = tokens


class Deeds:
    """Coming, going, and photos."""

    world: World
    die: random.Random
    versions: list[str]
    everybody: list[Person]
    gateways: list[Gateway]

    # ---- coming and going

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
        self._haunt(person)

    def leave(self, person: Person, gateway: Gateway) -> None:
        """注销账户."""
        me = self._mine(person, gateway)
        gateway.end(me.subject_id, me.kind, "account_deleted", None)
        self._haunt(person)

    def refresh(self, person: Person, gateway: Gateway) -> None:
        """New tokens."""
        assert person.me is not None
        old = person.me.refresh_token
        tokens = self.told(gateway, auth.RefreshSession(refresh_hash=token_hash(old)))
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
            self.told(gateway, auth.EndSession(subject_id=me.subject_id, session_id=me.session_id))
        else:
            self.told(gateway, accounts.EndSessions(subject_id=me.subject_id))

    def link(self, person: Person, gateway: Gateway) -> None:
        """One more login, sometimes somebody else's."""
        me = self._mine(person, gateway)
        provider = self.world.providers[self.die.choice(("wechat", "apple"))]
        who = self.die.choice([person.name, person.name, "bo"])
        proof = gateway.keys.seal_for(accounts.PROOF, {"code": provider.code_for(f"{who} {MARK}")})
        self.told(
            gateway,
            accounts.LinkIdentity(subject_id=me.subject_id, provider=provider.name, platform="ios", sealed_proof=proof),
        )

    def unlink(self, person: Person, gateway: Gateway) -> None:
        me = self._mine(person, gateway)
        provider = self.die.choice(("wechat", "apple"))
        self.told(gateway, accounts.UnlinkIdentity(subject_id=me.subject_id, provider=provider))

    def provider_push(self, person: Person, gateway: Gateway) -> None:
        """A provider says that a login ended there; or somebody says that it said so."""
        provider = self.world.providers["wechat"]
        told = {
            "kind": "authorization_revoked",
            "external_id": f"{person.name} {MARK}@app-one",
            "dedup_id": str(new_id()),
        }
        signature = self.die.choice((SIGNATURE, SIGNATURE, HINT, "forged"))
        gateway.provider_notice(provider.name, {"x-signature": signature}, json.dumps(told).encode())

    def ghost(self, person: Person, gateway: Gateway) -> None:
        """An old token is still on some phone: whatever it was good for is tried again."""
        assert person.me is not None
        old = self.die.choice([*person.former, person.me])
        gateway.admit(old.subject_id, old.session_id)
        gateway.key_of(old.subject_id, "process_photo")
        gateway.upload(old.subject_id, f"photo of {MARK}".encode(), None)

    def _haunt(self, person: Person) -> None:
        """Sometimes, a moment later, at whichever gateway knew them well."""
        if self.die.random() < 0.5:
            self.world.forward(2.5)
            known = [g for g in self.gateways if len(g.keys.cache)]
            self.ghost(person, self.die.choice(known or self.gateways))

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
            self.told(gateway, imaging.DeletePhoto(subject_id=me.subject_id, photo_id=photo_id))

    def told(self, gateway: Gateway, call: RepeatableCall[Any]) -> Any:
        """The answer to a call; made again with its key when it was lost, or for nothing: the same answer."""
        key = str(new_id()) if self.die.random() < 0.4 else None
        call = call.model_copy(update={"idempotency_key": key})
        try:
            answer = gateway.line.ask(call)
        except (TimedOut, Unavailable):
            if key is None:
                raise
            answer = gateway.line.ask(call)
        if key and self.die.random() < 0.4 and gateway.line.ask(call) != answer:
            self.world.laws.broken("2 each effect once", f"one key, two answers of {call.method}")
        return answer

    def _mine(self, person: Person, gateway: Gateway) -> auth.Tokens:
        """Who the caller is, if the gateway lets the token in."""
        assert person.me is not None
        gateway.admit(person.me.subject_id, person.me.session_id)
        return person.me
