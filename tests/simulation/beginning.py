"""How runs begin: one of a few worlds in which people have photos already, made once a process and copied for each run."""

from __future__ import annotations

import pickle
import random
from functools import cache
from typing import TYPE_CHECKING, Any

from tests.simulation.constants import held_still

if TYPE_CHECKING:
    from tests.simulation.scheduler import Run

VARIANTS = 32
READY = 0.75
"""Of how many worlds the photos are ready, and something is bought."""
OF_LAWS = (
    "subjects", "accounts", "tombstones", "fenced", "registered", "committed_ids", "published_ids", "effects", "said",
    "accepted", "excused", "contents", "withdrawn", "to_go", "written_at", "ended", "stuck", "commits",
)  # fmt: skip


def begin(run: Run) -> None:
    """Put the run's world into the state of its variant."""
    world = run.world
    (states, objects, letters, alipay, people, laws, now) = pickle.loads(_prepared(run.seed % VARIANTS))
    for name, state in states.items():
        world.databases[name].state = state
    world.bare_store.objects.update(objects)
    world.broker.waiting[:] = letters
    world.alipay.offers, world.alipay.trades, world.alipay.post = alipay
    run.people.everybody[:] = people
    for name, value in laws.items():
        setattr(world.laws, name, value)
    world.clock.forward((now - world.clock.now).total_seconds())


def begin_at(seed: int) -> None:
    """Make the variant of a seed, if this process has not yet: before its ids are held still for the run itself."""
    _prepared(seed % VARIANTS)


@cache
def _prepared(variant: int) -> bytes:
    from tests.simulation.scheduler import Run
    from tests.simulation.world import World

    world = World(random.Random(f"beginning {variant}"))
    with held_still(variant, world.clock, world.lines):
        run = Run(variant, world)
        for gateway in run.gateways:
            gateway.catch_up()
        run.people.begin()
        if run.die.random() < READY:
            run.drain()
            run.people.begin_to_buy()
        run.forward(1)
    laws: dict[str, Any] = {name: getattr(world.laws, name) for name in OF_LAWS}
    alipay = (world.alipay.offers, world.alipay.trades, world.alipay.post)
    states = {name: database.state for name, database in world.databases.items()}
    people = run.people.everybody
    return pickle.dumps((states, world.bare_store.objects, world.broker.waiting, alipay, people, laws, world.clock.now))
