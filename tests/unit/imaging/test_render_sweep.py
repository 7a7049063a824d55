"""Renders that a dead worker left half made are swept away."""

from __future__ import annotations

import pytest

from services.imaging import sweeping
from shared.testing.faults import Killed
from tests.unit.worlds import ImagingWorld


@pytest.mark.parametrize("step", ["store.put", "store.put done"])
def test_what_a_worker_left_of_a_render_is_swept_and_what_is_whole_or_young_is_spared(step: str) -> None:
    """Objects first, then rows; the photo and a finished render stay, and so does a render that may be under way."""
    world = ImagingWorld()
    owned = world.ready(world.subject())
    whole = world.render(owned)
    world.trouble.kill(step)
    with pytest.raises(Killed):
        world.render(owned)
    assert world.count(owned.subject_id)["renders"] == 2
    assert sweeping.sweep_renders(world.parts) == 0, "it may be under way"
    world.clock.forward(601)
    assert sweeping.sweep_renders(world.parts) == 1
    assert world.count(owned.subject_id)["renders"] == 1
    assert set(world.objects(owned.subject_id)) == {
        "original",
        "cutout",
        f"render-{whole.render_id}",
        f"preview-{whole.render_id}",
    }
    assert world.count(owned.subject_id)["objects"] == 4
