"""What of a photo may be downloaded: as payments last said, in whatever order it was heard."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from uuid import UUID

import pytest

from services.imaging import use_cases
from services.imaging.domain.photos import Photo, PhotoState, Render, is_unlocked
from shared.contracts import payments
from shared.kernel.clock import utc_now
from shared.kernel.errors import SubjectErased
from shared.kernel.ids import new_id
from tests.unit.worlds import ImagingWorld, Owned


@pytest.fixture
def world() -> ImagingWorld:
    made = ImagingWorld()
    made.parts = replace(made.parts, unlock_policy="paid")
    made.worker = replace(made.worker, unlock_policy="paid")
    return made


def said(owned: Owned, revision: int, *scopes: str, subject_id: UUID | None = None) -> payments.PhotoUnlocked:
    return payments.PhotoUnlocked(
        subject_id=subject_id or owned.subject_id, photo_id=owned.photo_id, revision=revision, scopes=list(scopes)
    )


def test_a_render_is_unlocked_by_its_photo_and_a_sheet_by_more(world: ImagingWorld) -> None:
    """Also one that was made before, and one that is made afterwards; the neighbour's stays locked."""
    owned, neighbour = world.ready(world.subject()), world.ready(world.subject())
    before, others = world.render(owned), world.render(neighbour)
    assert not before.unlocked
    use_cases.hear_unlock(said(owned, 1, "photo"), world.parts)
    assert world.render(owned).unlocked
    sheet = world.render(owned, order={"spec": "one-inch", "sheet": "six-inch"})
    assert (sheet.sheet, sheet.unlocked) == (True, False)
    use_cases.hear_unlock(said(owned, 2, "photo", "sheet"), world.parts)
    asked = {"subject_id": owned.subject_id, "render_id": sheet.render_id}
    assert use_cases.get_render(use_cases.contract.GetRender(**asked), world.parts).unlocked  # type: ignore[attr-defined]
    assert not world.render(neighbour).unlocked
    assert not others.unlocked


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_last_word_counts_in_whatever_order_it_comes(world: ImagingWorld, order: tuple[int, ...]) -> None:
    """Unlocked, locked by a refund, unlocked again; and each once more."""
    owned = world.ready(world.subject())
    words = [said(owned, 1, "photo"), said(owned, 2), said(owned, 3, "photo", "sheet")]
    for which in (*order, *order):
        use_cases.hear_unlock(words[which], world.parts)
    photo = world.work.state.photos[owned.photo_id]
    assert (photo.unlock_revision, photo.unlocked_scopes) == (3, ("photo", "sheet"))


def test_what_is_about_no_photo_of_the_subject_is_nothing(world: ImagingWorld) -> None:
    """Deleted meanwhile, or somebody else's; behind a fence it is refused."""
    owned = world.ready(world.subject())
    use_cases.hear_unlock(said(owned, 1, "photo", subject_id=new_id()), world.parts)
    use_cases.hear_unlock(said(Owned(owned.subject_id, new_id()), 1, "photo"), world.parts)
    assert not world.render(owned).unlocked
    world.purge(owned.subject_id)
    with pytest.raises(SubjectErased):
        use_cases.hear_unlock(said(owned, 1, "photo"), world.parts)


def test_free_unlocks_everything_and_paid_nothing_by_itself() -> None:
    """The policy of the whole system, then the photo's own."""
    photo = Photo(new_id(), new_id(), PhotoState.READY, utc_now())
    render = Render(new_id(), photo.photo_id, photo.subject_id, True, utc_now())
    assert is_unlocked(render, None, "free")
    assert not is_unlocked(render, None, "paid")
    assert not is_unlocked(render, photo, "paid")
    assert not is_unlocked(replace(render, sheet=True), replace(photo, unlocked_scopes=("photo",)), "paid")
