"""A simulation that finds nothing proves nothing: each planted bug is found, and without it the same seeds pass."""

from __future__ import annotations

import pytest

from tests.simulation.beginning import begin_at
from tests.simulation.plants import PLANTS
from tests.simulation.scheduler import run_seed

AT_MOST: dict[str, int] = {}
"""Seeds within which each is found, where it takes more than :data:`MOST`."""
MOST = 300
EXPECTED = {
    "fence check removed": "law 3",
    "inbox removed": "law 2",
    "answers forgotten": "law 2",
    "written before registered": "law 4",
    "cutout never registered": "law 4",
    "key kept past a fence": "law 3",
    "certified without looking": "law 3",
    "consent not checked": "law consent",
    "photos outlive consent": "law consent",
    "said before commit": "law 2",
    "booked twice": "law 6",
    "purge forgets objects": "law 5",
    "purge takes a neighbour's photo": "law 3",
    "listener forgotten": "law 5",
    "names in messages": "law 1",
}


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_bug_is_found_and_its_absence_passes(name: str) -> None:
    """By the rule that it breaks; the seed that finds it passes once it is taken out."""
    for seed in range(AT_MOST.get(name, MOST)):
        begin_at(seed)  # the world that it starts from was made by healthy code
        with PLANTS[name]():
            broken = run_seed(seed).broken
        if broken:
            print(f"{name}: seed {seed}: {broken}")
            assert broken.startswith(EXPECTED[name]), broken
            assert not run_seed(seed).broken
            return
    pytest.fail(f"{name} was not found")


def test_every_plant_says_which_rule_it_breaks() -> None:
    """No plant is forgotten."""
    assert set(PLANTS) == set(EXPECTED)
