"""One seed, one run: a die decides every step; then everything comes to rest, and the rules are looked at once more."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from services.retention.domain.purges import PurgeState
from shared.contracts import retention
from shared.testing.held_clock import HeldClock
from tests.simulation.beginning import begin, begin_at
from tests.simulation.broker import content_of
from tests.simulation.constants import held_still
from tests.simulation.entry_points import table_of
from tests.simulation.gateway import Gateway
from tests.simulation.machine import Deadlock, LawBroken
from tests.simulation.people import People
from tests.simulation.quiescence import judge
from tests.simulation.world import SERVICES, WORKERS, World

TURNS = 130
AT_ONCE = 5
GATEWAYS = ("gateway-1", "gateway-2")
TIMERS = [(service, name) for service in SERVICES for name in sorted(table_of(service).timers)]
RESTS = (6, 700)
"""Seconds that pass between the last looks of a run: a purge's second try, its second look, an order's end."""
COSTLY = ("check_books", "sweep_tombstones")
"""Timers that every fourth run ends with."""
MOST_ROUNDS = 60
MOODS = ("", "", "", "lost", "late")


@dataclass
class Outcome:
    """What became of one seed."""

    seed: int
    steps: int = 0
    commits: int = 0
    broken: str = ""
    trace: list[str] = field(default_factory=list)


class Run:
    """One seed."""

    def __init__(self, seed: int, world: World) -> None:
        self.seed = seed
        self.die = world.die
        self.world = world
        self.machine = world.machine
        self.gateways = [Gateway(world, name) for name in GATEWAYS]
        self.people = People(world, self.gateways)
        self.happenings = [
            (24, self.people.somebody_acts), (34, self.deliver), (22, self.relay), (5, self.hear), (5, self.notice),
            (5, self.timer), (5, self.time), (1, self.death), (1, self.mood),
        ]  # fmt: skip
        self._weights = [weight for weight, _ in self.happenings]
        self._acts = [act for _, act in self.happenings]

    def play(self) -> None:
        """The whole of it."""
        begin(self)
        for gateway in self.gateways:
            if self.world.databases["auth"].state.denials:
                gateway.catch_up()
            gateway.ready = True
        self.machine.calm = False
        for _ in range(TURNS):
            self.turn()
        self.settle()
        judge(self.world, self.gateways)

    def turn(self) -> None:
        """Somebody goes on, or something new begins."""
        machine = self.machine
        for task in [task for task in machine.tasks if task.killed]:
            machine.go_on(task)
        ready = machine.ready()
        if machine.tasks and not ready:
            raise Deadlock(str(machine.tasks))
        if ready and (len(machine.tasks) >= AT_ONCE or self.die.random() < 0.6):
            machine.go_on(self.die.choice(ready))
            return
        self.die.choices(self._acts, self._weights)[0]()

    # ---- what happens

    def deliver(self) -> None:
        """Any message that waits, in any order; sometimes it stays in its queue as well."""
        ready = self.world.broker.ready()
        if ready:
            letter = self.die.choice(ready)
            if not self.machine.calm and self.die.random() < 0.06:
                self.world.broker.repeat(letter)
            self.machine.say(f"deliver {letter.queue} {content_of(letter.body).type} (attempt {letter.attempt})")
            self.world.deliver(letter)

    def relay(self) -> None:
        """An outbox is emptied, or its relay dies before it forgets what it sent."""
        service = self.die.choice(SERVICES)
        if self.world.relay(service, dies=self.die.random() < 0.08):
            self.machine.say(f"relay of {service}")

    def hear(self) -> None:
        """A gateway hears one event."""
        gateway = self.die.choice(self.gateways)
        heard = self.world.gateway_ears[gateway.name]
        if heard:
            gateway.hear(heard.pop(self.die.randrange(len(heard))))

    def notice(self) -> None:
        """Alipay posts a notice; until it is told success it will come again, and sometimes after that."""
        post = self.world.alipay.post
        if post:
            body = self.die.choice(post)
            gateway = self.die.choice(self.gateways)

            def deliver() -> None:
                if gateway.alipay_notice(body) and body in post and self.die.random() < 0.7:
                    post.remove(body)

            self.machine.spawn(gateway.name, "alipay notice", deliver)

    def timer(self) -> None:
        """One of the services' timers."""
        service, name = self.die.choice(TIMERS)
        self.machine.say(f"timer {service}.{name}")
        self.world.timer(service, name)

    def time(self) -> None:
        """A moment passes; sometimes, when nobody is at it, hours or days."""
        if self.die.random() < 0.12:
            self.machine.run_all()
            seconds = self.die.choice((70, 700, 4000, 86_400, 8 * 86_400, 31 * 86_400))
        else:
            seconds = self.die.choice((0.3, 1, 1, 3, 11))
        self.machine.say(f"{seconds} s pass")
        self.forward(seconds)

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.world.forward(seconds)

    def death(self) -> None:
        """A process is killed between two of anybody's steps."""
        process = self.die.choice((*SERVICES, *WORKERS, *GATEWAYS))
        self.machine.say(f"{process} is killed")
        self.machine.kill(process)

    def mood(self) -> None:
        """How Alipay's next call goes."""
        self.world.alipay.moods.append(self.die.choice(MOODS))

    # ---- the end

    def settle(self) -> None:
        """No more dice: everything is delivered, timers go off, time goes on, until nothing moves any more."""
        world, machine = self.world, self.machine
        machine.calm = True
        world.alipay.moods.clear()
        machine.say("---- no more dice")
        machine.run_all()
        for gateway in self.gateways:
            if not gateway.ready:
                gateway.catch_up()
        self.drain()
        for number, seconds in enumerate((*RESTS, *[700] * 40), 1):
            stuck = [p for p in world.databases["retention"].state.purges.values() if p.state is PurgeState.STUCK]
            for purge in stuck:
                self.call(retention.RetryPurge(purge_id=purge.purge_id))
            self.forward(seconds)
            self.timers(seconds)
            if number >= len(RESTS) and self.at_rest():
                self.timers(86_400)
                if self.at_rest():
                    return
        raise LawBroken("law 5 every purge ends: nothing came to rest")

    def at_rest(self) -> bool:
        """Whether nothing is left to be done by time."""
        state = {name: database.state for name, database in self.world.databases.items()}
        purges = state["retention"].purges.values()
        return (
            self.world.everything_rests()
            and all(purge.state is PurgeState.COMPLETED for purge in purges)
            and not state["retention"].second_looks
            and not any(order.next_look_at for order in state["payments"].orders.values())
            and not any(refund.next_look_at for refund in state["payments"].refunds.values())
        )

    def timers(self, seconds: float) -> None:
        """All timers that go off within so many seconds; then what they have said is delivered."""
        for service, name in TIMERS:
            if table_of(service).timers[name] <= seconds and (name not in COSTLY or self.seed % 4 == 0):
                self.world.timer(service, name)
                self.machine.run_all()
        self.drain()

    def drain(self) -> None:
        """Every message to its listener, every notice to its address, every event to its ear."""
        world, machine = self.world, self.machine
        for _ in range(MOST_ROUNDS):
            relayed = [world.relay(service) for service in SERVICES]
            ready = world.broker.ready()
            for letter in ready:
                self.machine.say(f"deliver {letter.queue} {content_of(letter.body).type}")
                world.deliver(letter)
                machine.run_all()
            for gateway in self.gateways:
                heard = world.gateway_ears[gateway.name]
                while heard:
                    gateway.hear(heard.pop(0))
            post, world.alipay.post[:] = list(world.alipay.post), []
            for body in post:
                self.gateways[0].alipay_notice(body)
            if not (any(relayed) or ready or post):
                return
        raise LawBroken("law 5 every purge ends: messages go round without end")

    def call(self, call: Any) -> None:
        """An operator's call."""
        self.gateways[0].line.ask(call)


def run_seed(seed: int, *, trace: bool = False, turns: int | None = None) -> Outcome:
    """Play one seed; its outcome says which law broke, if one did."""
    begin_at(seed)
    world = World(random.Random(seed))
    outcome = Outcome(seed)
    if trace:
        world.machine.trace = outcome.trace
    with held_still(seed, world.clock, world.lines):
        try:
            Run(seed, world).play()
        except LawBroken as broken:
            outcome.broken = str(broken)
        except Deadlock as broken:
            outcome.broken = f"deadlock: {broken}"
        finally:
            world.machine.give_up()
    outcome.steps, outcome.commits = world.machine.steps, world.laws.commits
    return outcome


__all__ = ["HeldClock", "Outcome", "Run", "run_seed"]
