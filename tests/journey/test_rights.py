"""What a person can ask for: all data, who was told what, an answer; with the whole real system, and nothing of it left."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from shared.testing.eventually import eventually
from tests.portraits import builders
from tests.system import scan
from tests.system.account import FIVE, Account, Person
from tests.system.client import Guest
from tests.system.local import LocalSystem
from tests.system.viewers import browse

pytestmark = pytest.mark.journey
NICKNAME, COMPLAINT = "canary-nickname-4417", "canary-complaint-8823: the background came out green"
CONTACT, ANSWER = "canary-contact-5510@example.org", "canary-answer-9934: we are sorry"
DEVICE = "canary-device-2206"


def test_an_account_exports_everything_reads_who_was_told_and_then_nothing_is_left(
    system: LocalSystem, tmp_path: Path
) -> None:
    """Five logins, photos, renders, an order, feedback: in the ZIP, nowhere in the clear; after the erasure nowhere at all."""
    neighbour = Guest(system.gateway)
    neighbour.settled(neighbour.uploaded(builders.portrait("biden")))
    account, selfie, render = _account(system)
    ticket = _complained_and_answered(system, account)

    export = _exported(account)
    path = f"/v1/me/exports/{export['export_id']}/file"
    archive = account.http.get(path)
    assert archive.status_code == 200
    assert len(archive.content) == export["bytes"]
    assert neighbour.http.get(path).status_code == 404

    files = _files(archive.content)
    content = json.loads(files["data.json"])
    _assert_is_whole(content, files, selfie, render)
    everything = b"".join(files.values())
    assert neighbour.subject_id.encode() not in everything
    assert neighbour.device_id.encode() not in everything

    canaries = _canaries(files, selfie, render)
    assert scan.hits(system, canaries) == [], "an export, or what is in it, rests in the clear"
    _unpack(files)

    ended = account.http.delete("/v1/me")
    assert ended.status_code == 202, ended.text
    deleted = neighbour.certified(ended.json()["receipt"])["certificate"]["payload"]["deleted"]
    assert deleted["retention"]["exports"] == 1
    assert deleted["retention"]["export_objects"] >= 1
    assert deleted["retention"]["tickets"] == 1
    assert deleted["retention"]["disclosures"] == len(content["disclosures"])
    refused = account.http.get(path)
    assert (refused.status_code, refused.json()["code"]) == (401, "subject_erased")
    assert neighbour.http.get(f"/v1/feedback/{ticket}").status_code == 404
    assert system.keys(f"{account.subject_id}/") == []
    assert scan.hits(system, canaries) == []
    named = [place for place, dump in scan.dumps(system) if account.subject_id.encode() in dump]
    assert named == [], "a database still names the subject"
    assert len(system.keys(f"{neighbour.subject_id}/")) >= 2


def test_the_page_of_an_export_is_read_by_a_browser_without_a_network(system: LocalSystem, tmp_path: Path) -> None:
    """It shows its pictures and fits a phone; the screenshot is not blank."""
    guest = Guest(system.gateway)
    photo_id = guest.uploaded(builders.portrait("obama"))
    guest.settled(photo_id)
    guest.render(photo_id)
    export = _exported(guest)
    files = _files(guest.http.get(f"/v1/me/exports/{export['export_id']}/file").content)
    folder = tmp_path / "export"
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    picture = tmp_path / "page.png"
    browse(folder / "index.html", tmp_path, "--window-size=900,2200", f"--screenshot={picture}")
    shown = Image.open(picture).convert("RGB")
    assert len(shown.getcolors(10**7) or []) > 2000, "no picture is shown"


def test_an_operators_disclosure_is_seen_by_the_person(system: LocalSystem) -> None:
    """``pocketid disclosures record``: an authority, its ground, in the person's own language; a false ground is refused."""
    guest = Guest(system.gateway)
    record = ("disclosures", "record", "--subject", guest.subject_id, "--who", "某市公安局", "--what", "orders")
    told = system.pocketid(*record, "--ground", "law_or_authority")
    assert "required by law" in told
    [line] = guest.http.get("/v1/me/disclosures").json()["items"]
    assert (line["who"], line["what"], line["ground"]) == ("某市公安局", ["订单信息"], "law_or_authority")
    assert line["why"].startswith("根据法律")
    system.pocketid(*record, "--ground", "curiosity", expect=2)
    assert guest.http.get("/v1/me/disclosures").json()["items"] == [line]


def test_a_worker_that_is_killed_while_it_builds_is_followed_by_another(system: LocalSystem) -> None:
    """The job comes again; the archive is whole."""
    guest = Guest(system.gateway)
    for name in ("obama", "biden", "obama"):
        guest.settled(guest.uploaded(builders.portrait(name)))
    export_id = guest.http.post("/v1/me/exports").json()["export_id"]
    for worker in ("worker-1", "worker-2"):
        system.kill(worker)
    export = eventually(
        lambda: guest.http.get(f"/v1/me/exports/{export_id}").json(), lambda one: one["status"] == "ready", within=120
    )
    files = _files(guest.http.get(f"/v1/me/exports/{export['export_id']}/file").content)
    assert len(json.loads(files["data.json"])["photos"]) == 3
    system.wait_ready("worker-1", "worker-2")


def test_an_erasure_takes_an_export_from_under_its_builders_hands(system: LocalSystem) -> None:
    """Asked for and erased at once: certified, nothing in the store, now and after the builder has looked again."""
    guest = Guest(system.gateway)
    for name in ("obama", "biden"):
        guest.settled(guest.uploaded(builders.portrait(name)))
    asked = guest.http.post("/v1/me/exports")
    assert asked.status_code == 202
    purge = guest.certified(guest.http.delete("/v1/me").json()["receipt"])
    payload = purge["certificate"]["payload"]
    assert payload["deleted"]["retention"]["exports"] == 1
    assert payload["left"]["retention"]["exports"] == 0
    eventually(lambda: system.keys(f"{guest.subject_id}/"), lambda keys: keys == [])
    dead = system.pocketid("dead", "list", "--json")
    assert "retention.export.build" not in dead


def _account(system: LocalSystem) -> tuple[Account, bytes, bytes]:
    account = Account(system, Person(system, NICKNAME), device_label=DEVICE, age_band="adult")
    for provider in FIVE[1:]:
        account.link(provider)
    named = account.http.patch("/v1/me", json={"nickname": NICKNAME})
    assert named.status_code == 200, named.text
    selfie = builders.portrait("obama")
    photo_id = account.uploaded(selfie)
    account.settled(photo_id)
    account.settled(account.uploaded(builders.portrait("biden")))
    account.bought(system.env["alipay_standin"], "hd-photo", photo_id)
    made = account.render(photo_id, spec="one-inch", background="blue")
    assert made.status_code == 201, made.text
    file = account.http.get(f"/v1/renders/{made.json()['render_id']}/file")
    assert file.status_code == 200, file.text
    return account, selfie, file.content


def _complained_and_answered(system: LocalSystem, account: Account) -> str:
    body = {"kind": "complaint", "text": COMPLAINT, "contact": CONTACT}
    sent = account.http.post("/v1/feedback", json=body)
    assert sent.status_code == 201, sent.text
    ticket = str(sent.json()["ticket"])
    waiting = json.loads(system.pocketid("feedback", "list", "--json"))["items"]
    complaints = [one["ticket_id"] for one in waiting if one["kind"] == "complaint"]
    shown = {ticket_id: system.pocketid("feedback", "show", ticket_id) for ticket_id in complaints}
    [ticket_id] = [ticket_id for ticket_id, text in shown.items() if COMPLAINT in text]
    assert CONTACT in shown[ticket_id]
    system.pocketid("feedback", "answer", ticket_id, said=ANSWER)
    progress = account.http.get(f"/v1/feedback/{ticket}").json()
    assert (progress["status"], progress["answer"]) == ("answered", ANSWER)
    return ticket


def _exported(person: Guest) -> dict[str, Any]:
    asked = person.http.post("/v1/me/exports")
    assert asked.status_code == 202, asked.text
    path = f"/v1/me/exports/{asked.json()['export_id']}"
    return eventually(lambda: person.http.get(path).json(), lambda one: one["status"] == "ready", within=60)


def _files(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def _assert_is_whole(content: dict[str, Any], files: dict[str, bytes], selfie: bytes, render: bytes) -> None:
    account = content["account"]
    assert account["profile"]["nickname"] == NICKNAME
    assert sorted(login["provider"] for login in account["logins"]) == sorted(FIVE)
    assert all(login["given_by_provider"]["external_id"] for login in account["logins"])
    assert account["sessions"][0]["device"] == DEVICE
    assert len(content["photos"]) == 2
    [photo] = [one for one in content["photos"] if one["renders"]]
    assert files[photo["original"]] == selfie
    assert files[photo["renders"][0]["file"]] == render
    assert Image.open(io.BytesIO(files[photo["cutout"]])).mode == "RGBA"
    assert [order["status"] for order in content["payments"]["orders"]] == ["paid"]
    told = {line["who"] for line in content["disclosures"]}
    assert {"alipay", "wechat", "qq", "weibo"} <= told
    assert [(t["text"], t["contact"], t["answer"]) for t in content["feedback"]] == [(COMPLAINT, CONTACT, ANSWER)]
    assert NICKNAME in files["index.html"].decode()


def _canaries(files: dict[str, bytes], selfie: bytes, render: bytes) -> dict[str, bytes]:
    texts = {"nickname": NICKNAME, "complaint": COMPLAINT, "contact": CONTACT, "answer": ANSWER, "device": DEVICE}
    planted = {name: text.encode() for name, text in texts.items()}
    for name, content in {"selfie": selfie, "render": render, "page": files["index.html"]}.items():
        planted |= {f"{name}, {where}": piece for where, piece in scan.of_file(content).items()}
    return planted


def _unpack(files: dict[str, bytes]) -> None:
    """For eyes: ``EXPORT_TO=folder`` keeps what was downloaded."""
    folder = os.environ.get("EXPORT_TO")
    for name, content in files.items() if folder else ():
        target = Path(folder or "") / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
