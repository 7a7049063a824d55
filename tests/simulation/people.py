"""Whoever uses the service: guests, accounts, a child and its guardian, buyers, forgers, operators; by one die."""

from __future__ import annotations

from collections.abc import Callable

from shared.kernel.errors import PocketError
from shared.storage import ObjectMissing
from tests.simulation.dealings import Dealings
from tests.simulation.deeds import Person
from tests.simulation.gateway import Gateway
from tests.simulation.world import POLICY, World

THEMES: tuple[frozenset[str], ...] = (
    frozenset(),
    frozenset({"order", "pay", "unlock", "refund", "download", "sign_in"}),
    frozenset({"consent", "guard", "publish_policy", "profile"}),
    frozenset({"upload", "render", "delete_photo", "wipe", "ghost"}),
    frozenset({"sign_in", "link", "unlink", "provider_push", "leave", "refresh", "replay_refresh", "log_out"}),
)
"""What people of one run are most about."""


class People(Dealings):
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
            (4, self.delete_photo), (3, self.wipe),
            (4, self.ghost), (2, self.leave), (3, self.refresh), (1, self.replay_refresh),
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
            except Exception as error:
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
