"""The rules once everything has come to rest: faults are off, all is delivered, every timer went off."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.auth.domain.consents import broken_at
from services.imaging.domain.photos import CUTOUT, ORIGINAL, PhotoState
from services.payments.domain.entitlements import scopes_of
from services.payments.domain.ledger import Account
from services.payments.domain.orders import OrderState
from services.retention.domain.purges import PurgeState
from shared.crypto import unseal
from tests.simulation.broker import content_of
from tests.simulation.constants import KEYRING, MARK
from tests.simulation.counting import rows_of

if TYPE_CHECKING:
    from tests.simulation.gateway import Gateway
    from tests.simulation.laws import Laws
    from tests.simulation.world import World

MARKED = MARK.encode()
SERVED = frozenset({OrderState.PAID, OrderState.REFUNDED})


def judge(world: World, gateways: list[Gateway]) -> None:
    """Everything that must hold in the end."""
    laws = world.laws
    _nothing_in_the_clear(world, laws)
    _everything_said_was_heard(world, laws)
    _purged_is_purged(world, laws, gateways)
    _purges_ended(world, laws)
    _store_and_rows_agree(world, laws)
    _photos_are_whole(world, laws)
    _money(world, laws)
    _consents(world, laws)
    if world.unexpected:
        laws.broken("7 nothing unexpected", world.unexpected[0])


def _nothing_in_the_clear(world: World, laws: Laws) -> None:
    for name, database in world.databases.items():
        laws.see(pickle.dumps(database.state), f"database {name}")
    laws.see(repr(world.lines).encode(), "log")


def _everything_said_was_heard(world: World, laws: Laws) -> None:
    silent = laws.committed_ids - laws.published_ids
    if silent:
        laws.broken("2 published iff committed", f"{len(silent)} committed and never said")
    for letter in world.broker.dead:
        message = content_of(letter.body)
        if not message.type.startswith("imaging.photo.matte"):
            laws.broken("2 nothing is lost", f"{message.type} rests among the dead")


def _purged_is_purged(world: World, laws: Laws, gateways: list[Gateway]) -> None:
    fenced = set(laws.fenced["auth"]) | laws.ended
    for subject_id in fenced:
        if subject_id not in laws.fenced["auth"]:
            laws.broken("5 every purge ends", "somebody who left was never fenced")
        for name in ("auth", "imaging", "payments"):
            left = world.databases[name].look(lambda tx: rows_of(tx, subject_id))  # noqa: B023 - called at once
            if any(left.values()):
                laws.broken("3 purged stays purged", f"{name} still holds {left}")
        if any(world.bare_store.keys(f"{subject_id}/")):
            laws.broken("3 purged stays purged", "objects are left")
        if any(content_of(letter.body).subject_id == subject_id for letter in world.broker.dead):
            laws.broken("3 purged stays purged", "a dead letter names the erased")
        _tokens_are_refused(world, laws, gateways, subject_id)
    for subject_id in laws.subjects - fenced:
        if subject_id not in world.databases["auth"].state.subjects:
            laws.broken("3 neighbours keep what they have", "a living subject is gone")


def _tokens_are_refused(world: World, laws: Laws, gateways: list[Gateway], subject_id: UUID) -> None:
    """Everywhere, for as long as an access token could live."""
    since = world.clock.monotonic() - laws.fenced["auth"][subject_id]
    if since < 1200 and not all(gateway.access.is_denied(subject_id) for gateway in gateways):
        laws.broken("tokens of the erased are refused", "a gateway lets them in")


def _purges_ended(world: World, laws: Laws) -> None:
    purges = world.databases["retention"].state.purges.values()
    by_tombstone = {purge.tombstone: purge for purge in purges}
    for subject_id in set(laws.fenced["auth"]) | laws.ended:
        purge = by_tombstone.get(laws.tombstones[subject_id])
        if purge is None:
            laws.broken("5 every purge ends", "somebody was fenced and never purged")
            return
        if purge.state is not PurgeState.COMPLETED or purge.certificate is None:
            laws.broken("5 every purge ends", f"{purge.state}: {purge.trouble}")
            return
        certificate = json.loads(purge.certificate)
        if any(n for counts in certificate["left"].values() for n in counts.values()):
            laws.broken("3 certified only when everything is zero", str(certificate["left"]))
    if len(by_tombstone) > len(set(laws.fenced["auth"]) | laws.ended):
        laws.broken("3 neighbours keep what they have", "a purge of somebody who did not leave")
    alarms = sum(line["event"] == "purge stuck" and line["level"] == "error" for line in world.lines)
    if alarms < laws.stuck:
        laws.broken("5 every purge ends", f"{laws.stuck} got stuck, {alarms} error lines")


def _store_and_rows_agree(world: World, laws: Laws) -> None:
    known = set(world.databases["imaging"].state.objects)
    orphans = set(world.bare_store.objects) - known
    if orphans:
        laws.broken("4 every object is registered", f"{len(orphans)} orphans: {sorted(orphans)[0]}")


def _key(world: World, subject_id: UUID) -> Any:
    subject = world.databases["auth"].state.subjects[subject_id]
    return KEYRING.unwrap(subject.wrapped_key, subject_id)


def _photos_are_whole(world: World, laws: Laws) -> None:
    state = world.databases["imaging"].state
    dead = {getattr(content_of(letter.body), "photo_id", None) for letter in world.broker.dead}
    for photo_id, job in laws.accepted.items():
        photo = state.photos.get(photo_id)
        if photo is None:
            continue
        if photo.state is PhotoState.READY:
            _opens(world, laws, photo)
        elif photo.state is PhotoState.FAILED and photo_id not in dead:
            laws.broken("2 nothing is lost", "a photo failed and no dead letter tells of it")
        elif photo.state in (PhotoState.QUEUED, PhotoState.PROCESSING) and photo_id not in dead:
            laws.broken("2 nothing is lost", f"a photo is {photo.state} for ever, {job.message_id}")
    for photo in state.photos.values():
        if photo.state in (PhotoState.UPLOADING, PhotoState.DELETING):
            laws.broken("4 what was never finished is swept", f"a photo is {photo.state} for ever")
        if photo.state is PhotoState.REJECTED and any(world.bare_store.keys(f"{photo.subject_id}/{photo.photo_id}/")):
            laws.broken("4 what was rejected is not kept", "its objects are there")


def _opens(world: World, laws: Laws, photo: Any) -> None:
    """A ready photo's objects hold what was uploaded, and what was made of that."""
    key = _key(world, photo.subject_id)
    content = laws.contents[photo.photo_id]
    objects, rows = world.bare_store.objects, world.databases["imaging"].state.objects
    name = photo.key_of(CUTOUT)
    if name not in objects or unseal(key, objects[name], name) != content.replace(b"photo", b"cutout", 1):
        laws.broken("3 neighbours keep what they have", "a cutout is gone or not theirs")
    name = photo.key_of(ORIGINAL)
    if name in rows and (name not in objects or unseal(key, objects[name], name) != content):
        laws.broken("3 neighbours keep what they have", "an original is gone or not theirs")


# ---- money


def _money(world: World, laws: Laws) -> None:
    state = world.databases["payments"].state
    held: dict[UUID, int] = {}
    for entry in state.ledger.values():
        for account, fen in entry.lines:
            if account is Account.ALIPAY:
                held[entry.order_id] = held.get(entry.order_id, 0) + fen
    for trade in world.alipay.trades.values():
        order_id = UUID(hex=trade.out_trade_no[1:])
        if held.get(order_id, 0) != trade.held:
            laws.broken("6 money is conserved", f"Alipay holds {trade.held} fen, our books say {held.get(order_id, 0)}")
    paid = {UUID(hex=t.out_trade_no[1:]) for t in world.alipay.trades.values() if t.paid_at is not None}
    for row in (*state.unlocks.values(), *state.grants.values()):
        if row.order_id is not None and row.order_id not in paid:
            laws.broken("6 nobody is served unpaid", str(row.order_id))
    for order in state.orders.values():
        _order_ended(world, laws, order, order.order_id in paid)
    _imaging_knows(world, laws)


def _order_ended(world: World, laws: Laws, order: Any, paid: bool) -> None:
    state = world.databases["payments"].state
    if paid and order.state not in SERVED:
        laws.broken("6 who pays is served or paid back", f"paid, and the order is {order.state}")
    if not paid and order.state is not OrderState.CLOSED:
        laws.broken("6 an order ends", f"never paid, and the order is {order.state}")
    if order.state is OrderState.PAID and order.subject_id is not None and not order.refunded:
        given = [row for row in (*state.unlocks.values(), *state.grants.values()) if row.order_id == order.order_id]
        if not given:
            laws.broken("6 who pays is served or paid back", f"paid for {order.product.product} and given nothing")


def _imaging_knows(world: World, laws: Laws) -> None:
    """What may be downloaded of a photo is what payments says."""
    unlocks = list(world.databases["payments"].state.unlocks.values())
    for photo in world.databases["imaging"].state.photos.values():
        wanted = scopes_of(u for u in unlocks if (u.photo_id, u.subject_id) == (photo.photo_id, photo.subject_id))
        if sorted(photo.unlocked_scopes) != wanted:
            laws.broken("6 who pays is served", f"imaging unlocks {photo.unlocked_scopes}, payments {wanted}")


# ---- consents


def _consents(world: World, laws: Laws) -> None:
    state = world.databases["auth"].state
    for subject_id in state.subjects:
        ledger = [line for line in state.consents if line.subject_id == subject_id]
        if broken_at(ledger) is not None:
            laws.broken("consent", "a ledger's chain is broken")
    photos = world.databases["imaging"].state.photos
    for doomed in laws.to_go.values():
        if any(photo_id in photos for photo_id in doomed):
            laws.broken("consent", "photos outlived the consent they rested on")
