"""Exports from request to download, with deaths at every step, builders that overtake each other, and purges in between."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from services.imaging import sweeping
from services.retention import exports
from services.retention.domain import exports as rules
from services.retention.domain.exports import MOVES, Export, ExportState
from shared.contracts import retention, rights
from shared.kernel.errors import Code, Conflict, NotFound, PocketError, SubjectErased, Unavailable
from shared.kernel.ids import new_id
from shared.storage.port import export_key
from shared.testing.faults import Killed
from tests.unit.rights_world import RightsWorld
from tests.unit.worlds import DEVICE, OTHER_DEVICE


@pytest.fixture
def world() -> RightsWorld:
    return RightsWorld()


# ---- what is in it


def test_an_export_holds_all_of_its_subject_and_nothing_of_its_neighbour(world: RightsWorld) -> None:
    """Record, profile, logins, sessions, consents, photos with analysis, renders, orders, disclosures, feedback."""
    ada, eve = world.person(DEVICE, "Ada"), world.person(OTHER_DEVICE, "Eve")
    world.deliver_all()
    world.send(ada, "where is my photo?")
    world.send(eve, "Eve's complaint")
    export = world.ask_export(ada)
    world.build(export)
    files = world.opened(ada, export)
    content = json.loads(files["data.json"])
    assert content["account"]["profile"] == {"nickname": "Ada the profile"}
    assert content["account"]["logins"][0]["given_by_provider"]["nickname"] == "Ada at wechat"
    assert content["account"]["sessions"][0]["device"] == "Ada's phone"
    assert [line["name"] for line in content["account"]["consents"]] == ["privacy", "device_id"]
    assert all(line["chain"] for line in content["account"]["consents"])
    [photo] = content["photos"]
    assert photo["analysis"]["faces"] == 1
    assert files[photo["original"]] == b"photo of Ada"
    assert files[photo["cutout"]] == b"picture of cutout of Ada"
    [render] = photo["renders"]
    assert b"cutout of Ada" in files[render["file"]]
    assert render["facts"]["spec"] == "one-inch"
    assert [order["status"] for order in content["payments"]["orders"]] == ["paid"]
    assert "pay" not in content["payments"]["orders"][0]
    assert [line["who"] for line in content["disclosures"]] == ["alipay"]
    assert [ticket["text"] for ticket in content["feedback"]] == ["where is my photo?"]
    everything = b"".join(files.values())
    assert b"Eve" not in everything
    assert str(eve).encode() not in everything


def test_the_page_can_be_read_without_a_network_and_runs_nothing(world: RightsWorld) -> None:
    """Chinese first, then English; no script, no address, and what a person wrote is text."""
    ada = world.person(DEVICE)
    world.send(ada, "<script>alert(1)</script>")
    export = world.ask_export(ada)
    world.build(export)
    page = world.opened(ada, export)["index.html"].decode()
    assert page.index('lang="zh"') < page.index('lang="en"')
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "http://" not in page
    assert "https://" not in page


def test_a_locked_render_is_exported_as_its_preview_only(world: RightsWorld) -> None:
    """A right to one's data is not a way around the cashier; the original is there."""
    from dataclasses import replace

    ada = world.person(DEVICE)
    object.__setattr__(world.imaging, "parts", replace(world.imaging.parts, unlock_policy="paid"))
    export = world.ask_export(ada)
    world.build(export)
    files = world.opened(ada, export)
    [photo] = json.loads(files["data.json"])["photos"]
    assert "file" not in photo["renders"][0]
    assert files[photo["renders"][0]["preview"]].startswith(b"preview ")
    assert photo["original"] in files


def test_what_was_deleted_while_it_was_built_is_left_out(world: RightsWorld) -> None:
    """An object that is gone is no reason to fail."""
    ada = world.person(DEVICE)
    for key in list(world.imaging.store.keys(f"{ada}/")):
        world.imaging.store.delete([key])
    export = world.ask_export(ada)
    world.build(export)
    assert set(world.opened(ada, export)) == {"data.json", "index.html"}


# ---- asking


def test_one_export_is_under_way_at_a_time_and_asking_again_gives_that_one(world: RightsWorld) -> None:
    """One row, one order to build; the neighbour has its own."""
    ada, eve = world.person(DEVICE), world.person(OTHER_DEVICE, "Eve")
    first, again = world.ask_export(ada), world.ask_export(ada)
    assert first == again
    assert world.ask_export(eve).export_id != first.export_id
    assert len(world.retention.said(retention.BuildExport)) == 2


def test_a_day_has_so_many_exports_and_failed_ones_do_not_count(world: RightsWorld) -> None:
    """429 after the third; a day later it is allowed again."""
    ada = world.person(DEVICE)
    failed = world.ask_export(ada)
    world.fail(failed)
    for _ in range(3):
        world.build(world.ask_export(ada))
    with pytest.raises(PocketError) as refusal:
        world.ask_export(ada)
    assert refusal.value.actual_code is Code.TOO_MANY_REQUESTS
    world.clock.forward(24 * 3600 + 1)
    assert world.ask_export(ada).status == "queued"


def test_an_idempotency_key_gets_the_same_export_even_when_it_is_done(world: RightsWorld) -> None:
    """A repeated call does not use up the day."""
    ada = world.person(DEVICE)
    export = world.ask_export(ada, idempotency_key="k")
    world.build(export)
    assert world.ask_export(ada, idempotency_key="k").export_id == export.export_id
    assert world.ask_export(ada).export_id != export.export_id


def test_somebody_elses_export_is_not_found(world: RightsWorld) -> None:
    """Never 403: the two are not told apart."""
    ada, eve = world.person(DEVICE), world.person(OTHER_DEVICE, "Eve")
    export = world.ask_export(ada)
    for stranger in (eve, new_id()):
        with pytest.raises(NotFound):
            world.state(stranger, export)
    listed = exports.list_exports(rights.ListExports(subject_id=eve), world.retention.rights)
    assert listed.items == []


# ---- building, dying, overtaking


def test_each_part_is_registered_before_it_is_written_and_opens_only_as_itself(world: RightsWorld) -> None:
    """Rule 4; and no two parts can be swapped."""
    ada = world.person(DEVICE)
    export = world.ask_export(ada)
    seen: list[tuple[int, int]] = []
    row = lambda: world.retention.work.state.exports[export.export_id]  # noqa: E731 - a short look
    world.trouble.on("store.put", lambda: seen.append((row().parts, len(world.export_objects(ada)))))
    world.build(export)
    assert seen == [(1, 0)]
    state = world.state(ada, export)
    assert state.parts == len(world.export_objects(ada)) > 3
    first, second = (export_key(ada, export.export_id, state.attempt, n) for n in (1, 2))
    objects = world.imaging.store.objects
    objects[first], objects[second] = objects[second], objects[first]
    with pytest.raises(Exception, match="open under this key"):
        world.download(ada, export)


def steps_of_a_build() -> list[str]:
    world = RightsWorld()
    ada = world.person(DEVICE)
    export = world.ask_export(ada)
    world.trouble.steps.clear()
    world.build(export)
    return list(world.trouble.steps)


@pytest.mark.parametrize("number", range(len(steps_of_a_build())))
def test_a_builder_that_dies_anywhere_is_followed_by_one_that_makes_it_whole(number: int) -> None:
    """The job comes again; the download is a sound archive; nothing else opens as part of it; at the end nothing is left."""
    world = RightsWorld()
    ada = world.person(DEVICE)
    export = world.ask_export(ada)
    steps = steps_of_a_build()
    step, skip = steps[number], steps[:number].count(steps[number])
    world.trouble.kill(step, skip=skip)
    with pytest.raises(Killed):
        world.build(export)
    assert world.trouble.all_happened
    world.build(export)
    assert world.state(ada, export).status == "ready"
    assert "data.json" in world.opened(ada, export)
    world.clock.forward(25 * 3600)
    exports.look_after_exports(world.retention.rights)
    exports.look_after_exports(world.retention.rights)
    assert world.export_objects(ada) == []


@pytest.mark.parametrize("number", range(0, len(steps_of_a_build()), 2))
def test_a_purge_at_any_step_of_a_build_leaves_nothing_of_it(number: int) -> None:
    """Fence, delete, certify, while somebody builds: no object, no row, no news; the certificate's count is zero."""
    world = RightsWorld()
    ada = world.person(DEVICE)
    world.deliver_all()
    export = world.ask_export(ada)
    job = world.job(export)
    world.retention.work.take_outbox()
    steps = steps_of_a_build()
    step, skip = steps[number], steps[:number].count(steps[number])
    certificates = []
    world.trouble.on(step, lambda: certificates.append(world.erase(ada)), skip=skip)
    from services.imaging.exporting.builder import build_export

    build_export(job, world.builder)
    [certificate] = certificates
    assert certificate["left"]["retention"] == {"exports": 0, "disclosures": 0, "tickets": 0, "idempotency": 0}
    assert list(world.imaging.store.keys(f"{ada}/")) == []
    assert world.retention.work.state.exports == {}
    # Done before the purge, perhaps; never after.
    told = [message for message in world.retention.work.messages() if isinstance(message, retention.ExportReady)]
    assert told == []


def test_a_builder_that_was_overtaken_deletes_what_it_wrote_and_nothing_else(world: RightsWorld) -> None:
    """Only the newest build can be finished."""
    ada = world.person(DEVICE)
    export = world.ask_export(ada)
    world.trouble.on("ask.FinishExport", lambda: world.build(export))
    world.build(export)
    state = world.state(ada, export)
    assert (state.status, state.attempt) == ("ready", 2)
    assert "data.json" in world.opened(ada, export)
    assert all("/export-2-" in key for key in world.export_objects(ada))


def test_a_store_that_is_away_fails_the_try_and_leaves_nothing_of_it(world: RightsWorld) -> None:
    """The delivery policy tries again; the next try is whole."""
    ada = world.person(DEVICE)
    export = world.ask_export(ada)
    world.trouble.fail("store.put", Unavailable("store"), skip=2)
    with pytest.raises(Unavailable):
        world.build(export)
    assert world.export_objects(ada) == []
    world.build(export)
    assert world.state(ada, export).status == "ready"


def test_a_build_nobody_hears_of_is_begun_again_and_given_up_after_five(world: RightsWorld) -> None:
    """The job was lost with its worker, or its queue: the person sees an end in any case."""
    ada = world.person(DEVICE)
    export = world.ask_export(ada)
    for attempt in range(rules.MOST_BUILDS):
        world.clock.forward(11 * 60)
        exports.look_after_exports(world.retention.rights)
        assert len(world.retention.said(retention.BuildExport)) == attempt + 2
        call = rights.BeginExport(subject_id=ada, export_id=export.export_id)
        exports.begin_export(call, world.retention.rights)
    world.clock.forward(11 * 60)
    exports.look_after_exports(world.retention.rights)
    assert world.state(ada, export).status == "failed"
    with pytest.raises(Conflict):
        exports.begin_export(call, world.retention.rights)


def test_a_finished_export_that_is_built_again_stays_as_it_is(world: RightsWorld) -> None:
    """The job may come twice."""
    ada = world.person(DEVICE)
    export = world.ask_export(ada)
    world.build(export)
    before = world.state(ada, export)
    world.build(export)
    assert world.state(ada, export) == before
    finish = rights.FinishExport(subject_id=ada, export_id=export.export_id, attempt=1, bytes=9)
    exports.finish_export(finish, world.retention.rights)
    assert world.state(ada, export) == before
    assert len(world.retention.said(retention.ExportReady)) == 1


# ---- the end


def test_an_export_expires_on_the_second_and_its_objects_go(world: RightsWorld) -> None:
    """Shown as expired whether or not the timer has come by; the row goes after a month."""
    ada = world.person(DEVICE)
    export = world.ask_export(ada)
    world.build(export)
    photos = len(list(world.imaging.store.keys(f"{ada}/"))) - len(world.export_objects(ada))
    world.clock.forward(24 * 3600)
    assert world.state(ada, export).status == "expired"
    assert world.export_objects(ada)
    exports.look_after_exports(world.retention.rights)
    assert world.export_objects(ada) == []
    assert len(list(world.imaging.store.keys(f"{ada}/"))) == photos
    world.clock.forward(31 * 24 * 3600)
    exports.look_after_exports(world.retention.rights)
    with pytest.raises(NotFound):
        world.state(ada, export)


def test_a_sweep_that_dies_between_row_and_objects_is_made_up_for(world: RightsWorld) -> None:
    """Expired first, deleted then, marked last: a death anywhere is only a delay."""
    ada = world.person(DEVICE)
    export = world.ask_export(ada)
    world.build(export)
    world.clock.forward(24 * 3600)
    world.retention.trouble.kill("store.delete_prefix")
    with pytest.raises(Killed):
        exports.look_after_exports(world.retention.rights)
    exports.look_after_exports(world.retention.rights)
    assert world.export_objects(ada) == []


def test_objects_that_no_row_knows_are_swept_and_no_other(world: RightsWorld) -> None:
    """What a builder that died behind a fence left; photos are imaging's, and imaging leaves exports alone."""

    ada = world.person(DEVICE)
    export = world.ask_export(ada)
    world.build(export)
    orphan = export_key(ada, new_id(), 1, 1)
    world.imaging.store.put(orphan, b"sealed")
    before = set(world.imaging.store.keys(""))
    assert exports.sweep_exports(world.retention.rights) == 0, "too young"
    world.clock.forward(3600)
    assert sweeping.sweep_store(world.imaging.parts) == 0
    assert exports.sweep_exports(world.retention.rights) == 1
    assert set(world.imaging.store.keys("")) == before - {orphan}


def test_an_erasure_takes_exports_disclosures_and_tickets_and_says_how_many(world: RightsWorld) -> None:
    """Retention is a participant like any other; the neighbour keeps everything."""
    ada, eve = world.person(DEVICE), world.person(OTHER_DEVICE, "Eve")
    world.deliver_all()
    for someone in (ada, eve):
        world.send(someone, "hello")
        world.build(world.ask_export(someone, idempotency_key="k"))
    parts = len(world.export_objects(ada))
    certificate = world.erase(ada)
    assert certificate["deleted"]["retention"] == {
        "exports": 1,
        "export_objects": parts,
        "disclosures": 1,
        "tickets": 1,
        "idempotency": 1,
    }
    left = exports.count_subject(eve, world.retention.rights)
    assert left == {"exports": 1, "disclosures": 1, "tickets": 1, "idempotency": 1}
    assert world.export_objects(eve)
    for call in (
        lambda: world.ask_export(ada),
        lambda: exports.list_exports(rights.ListExports(subject_id=ada), world.retention.rights),
    ):
        with pytest.raises(SubjectErased):
            call()


@pytest.mark.parametrize(
    "step", ["work.begin", "work.commit", "tx.fence", "store.delete_prefix", "tx.delete_rights", "tx.publish"]
)
def test_a_purge_of_rights_that_dies_anywhere_goes_on_and_reports_once(world: RightsWorld, step: str) -> None:
    """Rows last: there is always something to go on from."""
    ada = world.person(DEVICE)
    world.build(world.ask_export(ada))
    event = world.purge_event(ada)
    world.retention.trouble.kill(step)
    with pytest.raises(Killed):
        exports.purge_subject(event, world.retention.rights)
    exports.purge_subject(event, world.retention.rights)
    exports.purge_subject(event, world.retention.rights)
    assert len(world.retention.said(retention.SubjectPurged)) == 1
    assert not any(exports.count_subject(ada, world.retention.rights).values())
    assert world.export_objects(ada) == []


@pytest.mark.parametrize("now", list(ExportState))
@pytest.mark.parametrize("to", list(ExportState))
def test_an_export_moves_along_its_table_and_nowhere_else(now: ExportState, to: ExportState) -> None:
    """Every pair of states."""
    clock = RightsWorld().clock()
    export = Export(new_id(), new_id(), now, clock, clock + timedelta(seconds=1))
    if to is now or to in MOVES[now]:
        assert rules.move(export, to).state is to
    else:
        with pytest.raises(Conflict):
            rules.move(export, to)
