"""The disclosure ledger: who was told what, on which ground; chained, and gone with its subject but for a tally."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from pydantic import ValidationError

from services.auth.disclosing import told_by_login, told_by_unlinking
from services.auth.domain.identities import Identity
from services.retention import disclosures
from services.retention.domain.disclosures import GROUNDS, RECIPIENTS, THINGS, Tally, broken_at
from shared.contracts import auth, payments, rights
from shared.contracts.disclosure_codes import Ground, Told
from shared.kernel.errors import BadRequest, SubjectErased
from shared.kernel.ids import new_id
from tests.unit.rights_world import RightsWorld
from tests.unit.worlds import DEVICE, OTHER_DEVICE


@pytest.fixture
def world() -> RightsWorld:
    return RightsWorld()


def ledger(world: RightsWorld, subject_id: object) -> list[rights.Disclosure]:
    call = rights.Disclosures.model_validate({"subject_id": subject_id})
    return disclosures.disclosures(call, world.retention.rights).items


def record(world: RightsWorld, subject_id: object, **changes: object) -> rights.Disclosure:
    asked = {"subject_id": subject_id, "who": "某市公安局", "what": ["orders"], "ground": "law_or_authority", **changes}
    call = rights.RecordDisclosure.model_validate(asked)
    [line] = disclosures.record_disclosure(call, world.retention.rights).items
    return line


def test_an_order_is_told_to_alipay_and_its_owner_can_read_that(world: RightsWorld) -> None:
    """Number, amount and product, necessary for the service; with the order it was about, in both languages."""
    ada = new_id()
    order = world.payments.open(ada)
    world.deliver_all()
    [line] = ledger(world, ada)
    assert (line.who, line.what, line.ground) == (
        "alipay",
        ["order_number", "amount", "product_name"],
        "necessary_service",
    )
    assert (line.reference, line.source) == (order.order_id, "payments")
    assert line.names == {"zh": "支付宝", "en": "Alipay"}
    assert line.told["zh"] == ["订单号", "金额", "商品名称"]


def test_a_refund_is_told_to_alipay_too(world: RightsWorld) -> None:
    """A second line, after the first."""
    ada = new_id()
    order = world.payments.bought(ada)
    world.payments.refund(ada, order.order_id)
    world.deliver_all()
    assert [line.what for line in ledger(world, ada)] == [
        ["order_number", "amount", "product_name"],
        ["order_number", "refund"],
    ]


def test_a_login_tells_its_provider_a_code_or_a_token_and_an_identity_token_tells_nobody(world: RightsWorld) -> None:
    """An identity token is verified here, by the provider's published keys."""
    ada = new_id()
    with world.auth.work.begin() as tx:
        told_by_login(ada, "wechat", {"code": "c", "access_token": None}, tx)
        told_by_login(ada, "weibo", {"access_token": "t"}, tx)
        told_by_login(ada, "apple", {"id_token": "i"}, tx)
        plain = Identity(new_id(), ada, "apple", None, None, b"", None, world.clock())
        told_by_unlinking(plain, tx)
        told_by_unlinking(replace(plain, provider="huawei", revocable=b"sealed"), tx)
    world.deliver_all()
    assert [(line.who, line.what) for line in ledger(world, ada)] == [
        ("wechat", ["login_code"]),
        ("weibo", ["login_token"]),
        ("huawei", ["provider_token"]),
    ]


def test_an_event_that_comes_twice_is_one_line(world: RightsWorld) -> None:
    """The inbox."""
    event = auth.SubjectDisclosed(subject_id=new_id(), recipient="qq", what=["login_code"], ground="necessary_service")
    for _ in range(2):
        disclosures.hear_disclosed(event, world.retention.rights)
    assert len(ledger(world, event.subject_id)) == 1
    assert list(world.retention.work.state.tallied.values()) == [1]


def test_an_operator_records_what_an_authority_was_told(world: RightsWorld) -> None:
    """With the authority's own name, and a ground from the policy; the neighbour's ledger stays empty."""
    ada = world.person(DEVICE)
    line = record(world, ada)
    assert (line.names["zh"], line.why["en"], line.source) == (
        "某市公安局",
        "required by law, or by an administrative or judicial authority",
        "operator",
    )
    assert ledger(world, ada)[-1] == line
    assert ledger(world, new_id()) == []


@pytest.mark.parametrize("changes", [{"who": " "}, {"who": "x" * 81}, {"what": []}])
def test_a_line_without_a_recipient_or_a_thing_is_refused(world: RightsWorld, changes: dict[str, object]) -> None:
    """A ledger line says something."""
    with pytest.raises(BadRequest):
        record(world, new_id(), **changes)


@pytest.mark.parametrize("changes", [{"ground": "because"}, {"what": ["diary"]}])
def test_a_ground_or_thing_that_is_not_on_the_list_is_no_call_at_all(
    world: RightsWorld, changes: dict[str, object]
) -> None:
    """Closed lists: the contract itself refuses."""
    with pytest.raises(ValidationError):
        record(world, new_id(), **changes)


def test_every_code_has_its_words_in_both_languages() -> None:
    """What a person reads is never a code."""
    assert set(GROUNDS) == set(get_args(Ground))
    assert set(THINGS) == set(get_args(Told))
    for words in (*GROUNDS.values(), *THINGS.values(), *RECIPIENTS.values()):
        assert set(words) == {"zh", "en"}
        assert all(words.values())


def test_a_line_that_was_altered_dropped_or_moved_breaks_the_chain(world: RightsWorld) -> None:
    """The chain covers each line and all before it."""
    ada = new_id()
    for who in ("甲局", "乙局", "丙局"):
        record(world, ada, who=who)
    with world.retention.work.begin() as tx:
        lines = tx.disclosures_of(ada)
    assert broken_at(lines) is None
    assert broken_at([lines[0], replace(lines[1], who="丁局"), lines[2]]) == 1
    assert broken_at([lines[0], lines[2]]) == 1
    assert broken_at([lines[1], lines[0], lines[2]]) == 0
    assert [line.position for line in lines] == [1, 2, 3]


def test_behind_the_fence_nothing_is_written_and_what_stays_names_nobody(world: RightsWorld) -> None:
    """A late event of the erased is dropped; the tally stays, without a person, for three years."""
    ada, eve = world.person(DEVICE), world.person(OTHER_DEVICE, "Eve")
    world.deliver_all()
    record(world, ada)
    world.erase(ada)
    late = payments.SubjectDisclosed(
        subject_id=ada, recipient="alipay", what=["refund"], ground="necessary_service", order_id=new_id()
    )
    with pytest.raises(SubjectErased):
        disclosures.hear_disclosed(late, world.retention.rights)
    with pytest.raises(SubjectErased):
        record(world, ada)
    assert len(ledger(world, eve)) == 1
    month = f"{world.clock():%Y-%m}"
    opened = Tally(month, "alipay", ("order_number", "amount", "product_name"), "necessary_service")
    asked = Tally(month, "某市公安局", ("orders",), "law_or_authority")
    assert world.retention.work.state.tallied == {opened: 2, asked: 1}
    assert disclosures.forget_old_tallies(world.retention.rights) == 0
    world.clock.forward((3 * 365 + 40) * 24 * 3600)
    assert disclosures.forget_old_tallies(world.retention.rights) == 2
