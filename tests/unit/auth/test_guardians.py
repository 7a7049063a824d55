"""Under 14 nothing is processed until a guardian's account has consented, and nothing any more once it withdraws."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import pytest

from services.auth import guardians, use_cases
from services.auth.domain.consents import broken_at
from services.auth.domain.guardians import LINK_LIFE
from shared.contracts import auth, consents
from shared.kernel.errors import Code, PocketError
from shared.kernel.ids import new_id
from tests.unit.auth.logins import LoginWorld, code_of
from tests.unit.worlds import OTHER_DEVICE, POLICY


@dataclass
class Family:
    """A child (a guest), two adults, and a neighbour's child with its own guardian."""

    world: LoginWorld
    child: UUID
    mother: UUID
    father: UUID
    neighbour: UUID


@pytest.fixture
def family() -> Family:
    world = LoginWorld()
    child = world.admit(age_band="under_14").subject_id
    neighbour = world.admit(OTHER_DEVICE, age_band="under_14").subject_id
    adults = [world.sign_in(name, age_band="adult").subject_id for name in ("Eve", "Adam", "Cleo")]
    world.answer_guardian(adults[2], "grant", link_token=world.ask_guardian(neighbour).link_token)
    return Family(world, child, adults[0], adults[1], neighbour)


def consented(family: Family, guardian: UUID, child: UUID | None = None) -> consents.GuardianshipState:
    link = family.world.ask_guardian(child or family.child)
    return family.world.answer_guardian(guardian, "grant", link_token=link.link_token)


def refused(family: Family) -> bool:
    """Whether the child is refused for want of a guardian; its neighbour never is."""
    assert family.world.key(family.neighbour)
    try:
        return not family.world.key(family.child)
    except PocketError as error:
        return error.actual_code is Code.GUARDIAN_CONSENT_REQUIRED


def test_a_child_gets_no_key_to_process_with_until_a_guardian_has_consented(family: Family) -> None:
    """Not for photos and not for a profile; its own data it may read. Afterwards everything goes."""
    world = family.world
    for purpose in ("process_photo", "keep_profile"):
        assert code_of(lambda p=purpose: world.key(family.child, p)) is Code.GUARDIAN_CONSENT_REQUIRED  # type: ignore[misc]
    assert world.key(family.child, "read_own")
    granted = consented(family, family.mother)
    assert (granted.role, granted.granted_at, granted.withdrawn_at) == ("guardian", world.clock(), None)
    for purpose in ("process_photo", "keep_profile", "read_own"):
        assert world.key(family.child, purpose)
    lines = world.look(lambda tx: tx.consents(family.child))
    assert (lines[-1].kind, lines[-1].document, lines[-1].version) == ("guardian", "guardian", POLICY)
    assert broken_at(lines) is None


def test_a_guardians_consent_does_not_stand_in_for_the_childs_own(family: Family) -> None:
    """Both are needed."""
    consented(family, family.mother)
    family.world.record(family.child, "withdraw")
    assert code_of(lambda: family.world.key(family.child)) is Code.CONSENT_REQUIRED


def test_a_link_works_once(family: Family) -> None:
    """Whoever comes second, be it the same guardian, finds nothing."""
    link = family.world.ask_guardian(family.child).link_token
    family.world.answer_guardian(family.mother, "grant", link_token=link)
    for second in (family.father, family.mother):
        assert (
            code_of(lambda who=second: family.world.answer_guardian(who, "grant", link_token=link)) is Code.NOT_FOUND  # type: ignore[misc]
        )
    assert code_of(lambda: family.world.answer_guardian(family.mother, "grant", link_token="guess")) is Code.NOT_FOUND


def test_a_link_expires_after_three_days_and_not_before(family: Family) -> None:
    """A forgotten message opens nothing later; the child may ask again."""
    in_time, too_late = (family.world.ask_guardian(family.child) for _ in range(2))
    assert in_time.expires_at == family.world.clock() + LINK_LIFE
    family.world.clock.forward(LINK_LIFE.total_seconds() - 1)
    family.world.answer_guardian(family.mother, "grant", link_token=in_time.link_token)
    family.world.clock.forward(1)
    late = too_late.link_token
    assert code_of(lambda: family.world.answer_guardian(family.father, "grant", link_token=late)) is Code.NOT_FOUND
    assert consented(family, family.father)


def test_a_child_has_five_links_out_at_once_and_more_when_they_were_used_or_are_old(family: Family) -> None:
    """A table is nobody's to fill."""
    links = [family.world.ask_guardian(family.child) for _ in range(5)]
    assert code_of(lambda: family.world.ask_guardian(family.child)) is Code.TOO_MANY_REQUESTS
    family.world.answer_guardian(family.mother, "grant", link_token=links[0].link_token)
    assert family.world.ask_guardian(family.child)
    assert family.world.ask_guardian(family.neighbour)
    assert code_of(lambda: family.world.ask_guardian(family.child)) is Code.TOO_MANY_REQUESTS
    family.world.clock.forward(LINK_LIFE.total_seconds())
    assert family.world.ask_guardian(family.child)


def test_only_a_childs_link_is_kept_as_a_hash_and_only_a_child_asks(family: Family) -> None:
    """The table opens nothing; an adult needs no guardian."""
    link = family.world.ask_guardian(family.child)
    assert link.link_token not in repr(family.world.work.state)
    for nobody in (family.mother, family.world.sign_in("Young", age_band="14_to_17").subject_id, new_id()):
        assert code_of(lambda who=nobody: family.world.ask_guardian(who)) is Code.CONFLICT  # type: ignore[misc]


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ("guest", Code.ACCOUNT_REQUIRED),
        ("ageless", Code.GUARDIAN_MUST_BE_ADULT),
        ("youth", Code.GUARDIAN_MUST_BE_ADULT),
        ("other child", Code.GUARDIAN_MUST_BE_ADULT),
        ("itself", Code.BAD_REQUEST),
    ],
)
def test_only_an_adults_account_may_consent_and_nobody_for_itself(family: Family, who: str, expected: Code) -> None:
    """A refused answer does not use the link up."""
    world = family.world
    someone = {
        "guest": lambda: world.admit("f" * 64, age_band="adult").subject_id,
        "ageless": lambda: world.sign_in("Ageless").subject_id,
        "youth": lambda: world.sign_in("Young", age_band="14_to_17").subject_id,
        "other child": lambda: world.sign_in("Child", age_band="under_14").subject_id,
        "itself": lambda: family.child,
    }[who]()
    link = world.ask_guardian(family.child).link_token
    assert code_of(lambda: world.answer_guardian(someone, "grant", link_token=link)) is expected
    assert refused(family)
    assert world.answer_guardian(family.mother, "grant", link_token=link)


def test_withdrawing_stops_processing_and_says_so_once(family: Family) -> None:
    """The event has the child's photos deleted; again is a no-op; the neighbour's child goes on."""
    granted = consented(family, family.mother)
    family.world.work.take_outbox()
    for _ in range(2):
        ended = family.world.answer_guardian(family.mother, "withdraw", guardianship_id=granted.guardianship_id)
        assert ended.withdrawn_at is not None
    assert refused(family)
    [event] = family.world.work.messages()
    assert isinstance(event, auth.ConsentWithdrawn)
    assert (event.subject_id, event.kind, event.subject_kind) == (family.child, "guardian", "guest")
    lines = family.world.look(lambda tx: tx.consents(family.child))
    assert [line.action for line in lines if line.kind == "guardian"] == ["grant", "withdraw"]
    assert broken_at(lines) is None


def test_nobody_withdraws_somebody_elses_guardianship_not_even_the_child(family: Family) -> None:
    """It is not found."""
    granted = consented(family, family.mother)
    for stranger in (family.father, family.child, family.neighbour):
        answer = code_of(
            lambda who=stranger: family.world.answer_guardian(  # type: ignore[misc]
                who, "withdraw", guardianship_id=granted.guardianship_id
            )
        )
        assert answer is Code.NOT_FOUND
    assert family.world.key(family.child)


@pytest.mark.parametrize(
    "nonsense", [{"action": "grant"}, {"action": "withdraw"}, {"action": "maybe", "link_token": "x"}]
)
def test_an_answer_that_says_neither_is_a_bad_request(family: Family, nonsense: dict[str, str]) -> None:
    """Grant takes a link, withdraw a guardianship."""
    asked = dict(nonsense)
    action = asked.pop("action")
    assert code_of(lambda: family.world.answer_guardian(family.mother, action, **asked)) is Code.BAD_REQUEST


def test_with_two_guardians_the_child_goes_on_until_both_have_withdrawn(family: Family) -> None:
    """Each consents alone; the last one to withdraw stops it."""
    one, two = consented(family, family.mother), consented(family, family.father)
    family.world.answer_guardian(family.mother, "withdraw", guardianship_id=one.guardianship_id)
    assert family.world.key(family.child)
    assert family.world.said(auth.ConsentWithdrawn) == []
    family.world.answer_guardian(family.father, "withdraw", guardianship_id=two.guardianship_id)
    assert refused(family)
    assert len(family.world.said(auth.ConsentWithdrawn)) == 1


def test_a_guardian_who_is_erased_no_longer_consents(family: Family) -> None:
    """The key is refused from the fence on, the event goes out, and forgetting the guardian takes nothing of the child."""
    consented(family, family.mother)
    use_cases.fence_subject(family.mother, new_id(), family.world.parts)
    assert refused(family)
    assert [m.subject_id for m in family.world.said(auth.ConsentWithdrawn)] == [family.child]
    family.world.erase(family.mother)
    assert refused(family)
    assert family.world.subject(family.child).wrapped_key
    assert family.world.count(family.neighbour)["guardianships"] == 1


def test_a_guardian_who_is_erased_leaves_the_other_guardians_consent_standing(family: Family) -> None:
    """Nothing stops."""
    consented(family, family.mother)
    consented(family, family.father)
    family.world.erase(family.mother)
    assert family.world.key(family.child)
    assert family.world.said(auth.ConsentWithdrawn) == []


def test_a_guardian_is_not_told_that_it_was_erased_when_the_child_was(family: Family) -> None:
    """The child's link leads nowhere; withdrawing for a child that is gone is fine; the guardian's own account lives."""
    granted, link = consented(family, family.mother), family.world.ask_guardian(family.child).link_token
    use_cases.fence_subject(family.child, new_id(), family.world.parts)
    assert code_of(lambda: family.world.answer_guardian(family.father, "grant", link_token=link)) is Code.NOT_FOUND
    assert family.world.answer_guardian(family.mother, "withdraw", guardianship_id=granted.guardianship_id)
    assert family.world.said(auth.ConsentWithdrawn) == []
    family.world.erase(family.child)
    listed = guardians.guardianships(consents.Guardianships(subject_id=family.mother), family.world.parts)
    assert listed.items == []


def test_both_sides_see_their_guardianships_each_in_its_role(family: Family) -> None:
    """And nobody sees another family's."""
    granted = consented(family, family.mother)
    waiting = family.world.ask_guardian(family.child)
    ask, parts = consents.Guardianships, family.world.parts
    [hers] = guardians.guardianships(ask(subject_id=family.mother), parts).items
    assert (hers.guardianship_id, hers.role) == (granted.guardianship_id, "guardian")
    childs = {g.guardianship_id: g for g in guardians.guardianships(ask(subject_id=family.child), parts).items}
    assert set(childs) == {granted.guardianship_id, waiting.guardianship_id}
    assert {g.role for g in childs.values()} == {"child"}
    assert childs[waiting.guardianship_id].granted_at is None
    assert guardians.guardianships(ask(subject_id=family.father), parts).items == []


def test_who_declares_to_be_a_child_later_is_one_from_then_on(family: Family) -> None:
    """The next key is refused already."""
    mine = family.world.sign_in("Mia").subject_id
    assert family.world.key(mine)
    family.world.change(mine, age_band="under_14")
    assert code_of(lambda: family.world.key(mine)) is Code.GUARDIAN_CONSENT_REQUIRED
