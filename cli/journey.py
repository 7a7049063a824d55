"""The sample journey: a guest's photo from upload to ID photo, then wiped, certified, and looked for in vain.

It knows the system only by its public HTTP interface, so it is also the shortest example of a client.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from cli.launcher.errors import LauncherError
from cli.launcher.progress import Steps
from cli.launcher.run_folder import REPOSITORY
from shared.crypto.signing import BadSignature, public_keys, verify

SAMPLE = REPOSITORY / "tests" / "portraits" / "astronaut.jpg"
ORDER = {"spec": "one-inch", "background": "blue"}
PRODUCT = "hd-photo"
CERTIFICATE_KIND = "purge-certificate+jwt"
PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.1


class JourneyEnded(LauncherError):
    """A step of the journey did not go as the interface promises."""


class PhotoRefused(JourneyEnded):
    """The photo cannot be used; the message says why."""


def take_journey(
    gateway: str, photo: Path | None, folder: Path, steps: Steps | None = None, standin: str | None = None
) -> Path:
    """Take ``photo`` (by default the sample portrait) through the whole journey; the finished ID photo's path (its
    preview's where it would have to be paid for with real money). ``standin`` is where a pretended Alipay takes payments.

    Raises :class:`PhotoRefused` when the photo cannot be used (the stash is wiped then too), :class:`JourneyEnded` when
    the system does not do as it promises.
    """
    steps = steps or Steps()
    with httpx.Client(base_url=gateway, timeout=PATIENCE_SECONDS, trust_env=False) as client:
        journey = _Journey(client, steps)
        with steps.step("policy read, guest admitted"):
            journey.become_guest()
        try:
            with steps.step("photo uploaded, sealed, analysed"):
                photo_id = journey.upload(photo or SAMPLE)
            with steps.step("ID photo rendered"):
                render = journey.render(photo_id, folder)
            if not render["unlocked"] and standin is not None:
                with steps.step("paid through the Alipay stand-in"):
                    journey.buy(photo_id, standin)
                render["unlocked"] = True
            with steps.step("ID photo downloaded" if render["unlocked"] else "only previewed: it is not paid for"):
                path = journey.download(render, folder)
            steps.say(f"  {path}")
        finally:
            with steps.step("stash wiped and certified"):
                progress = journey.wipe()
        with steps.step("looked for what is left"):
            journey.check_nothing_is_left(photo_id)
    for line in certificate_lines(progress):
        steps.say(f"  {line}")
    return path


class _Journey:
    def __init__(self, client: httpx.Client, steps: Steps) -> None:
        self._client = client
        self._steps = steps

    def become_guest(self) -> None:
        version = self._ask("GET", "/v1/policies/privacy")["version"]
        guest = self._ask("POST", "/v1/guests", json={"device_id": str(uuid.uuid4()), "policy_version": version})
        self._client.headers["Authorization"] = f"Bearer {guest['access_token']}"

    def upload(self, photo: Path) -> str:
        accepted = self._ask("POST", "/v1/photos", files={"file": (photo.name, photo.read_bytes())}, headers=_once())
        photo_id = str(accepted["photo_id"])
        for name, fields in self._events():
            if fields.get("photo_id") == photo_id and name == "photo.ready":
                return photo_id
            if fields.get("photo_id") == photo_id and name in {"photo.rejected", "photo.failed"}:
                raise PhotoRefused(f"this photo cannot be used: {self._reasons(photo_id) or name}")
        raise JourneyEnded("the event stream ended before the photo was ready")

    def render(self, photo_id: str, folder: Path) -> dict[str, Any]:
        render = self._ask("POST", f"/v1/photos/{photo_id}/renders", json=ORDER, headers=_once())
        preview = self._get(f"/v1/renders/{render['render_id']}/preview")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "preview.jpg").write_bytes(preview)
        self._steps.say(f"  {render['width']} x {render['height']} px, {render['kb']} KB")
        return render

    def buy(self, photo_id: str, standin: str) -> None:
        body = {"product": PRODUCT, "photo_id": photo_id, "channel": "app"}
        order = self._ask("POST", "/v1/orders", json=body, headers=_once())
        paid = self._client.post(f"{standin}/_standin/wallet/pay", json=order["pay"])
        if paid.is_error:
            raise JourneyEnded(f"the stand-in answered {paid.status_code}: {paid.text[:300]}")
        path = f"/v1/orders/{order['order_id']}"
        _wait_for(lambda: bool(self._ask("GET", path)["status"] == "paid"), "the order was not paid")
        self._steps.say(f"  {order['name']}: {order['amount'] // 100}.{order['amount'] % 100:02d} yuan (pretended)")

    def download(self, render: dict[str, Any], folder: Path) -> Path:
        if not render["unlocked"]:
            return folder / "preview.jpg"
        path = folder / f"{ORDER['spec']}-{ORDER['background']}.jpg"
        path.write_bytes(self._get(f"/v1/renders/{render['render_id']}/file"))
        return path

    def wipe(self) -> dict[str, Any]:
        receipt = self._ask("DELETE", "/v1/me/stash", headers=_once())["receipt"]
        progress: dict[str, Any] = {}

        def is_settled() -> bool:
            progress.update(self._ask("GET", f"/v1/purges/{receipt}"))
            return progress["status"] in {"completed", "stuck"}

        _wait_for(is_settled, "the purge did not end")
        if progress["status"] != "completed":
            raise JourneyEnded(f"the purge is {progress['status']}; see: pocketid purge show")
        keys = public_keys(self._ask("GET", "/.well-known/purge-certificate-keys.json")["keys"])
        try:
            verify(progress["certificate"]["jws"], keys, kind=CERTIFICATE_KIND)
        except BadSignature as error:
            raise JourneyEnded("the certificate's signature does not hold") from error
        return progress

    def check_nothing_is_left(self, photo_id: str) -> None:
        for path in ("/v1/me", "/v1/photos", f"/v1/photos/{photo_id}"):
            answer = self._client.get(path)
            if answer.status_code != httpx.codes.UNAUTHORIZED:
                raise JourneyEnded(f"{path} answers {answer.status_code} after the stash was wiped, not 401")

    def _reasons(self, photo_id: str) -> str:
        reasons = self._ask("GET", f"/v1/photos/{photo_id}")["reasons"]
        return "; ".join(f"{reason['title']} ({reason['code']})" for reason in reasons)

    def _events(self) -> Iterator[tuple[str, dict[str, Any]]]:
        with self._client.stream("GET", "/v1/events", timeout=PATIENCE_SECONDS) as stream:
            name = ""
            for line in stream.iter_lines():
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    yield name, json.loads(value)

    def _ask(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._send(method, path, **content).json()
        return answer

    def _get(self, path: str) -> bytes:
        return self._send("GET", path).content

    def _send(self, method: str, path: str, **content: Any) -> httpx.Response:
        try:
            answer = self._client.request(method, path, **content)
        except httpx.HTTPError as error:
            raise JourneyEnded(f"{method} {path}: {error}") from error
        if answer.is_error:
            refused = path == "/v1/photos" and answer.is_client_error
            raise (PhotoRefused if refused else JourneyEnded)(
                f"{method} {path} answered {answer.status_code}: {answer.text[:300]}"
            )
        return answer


def certificate_lines(progress: dict[str, Any]) -> list[str]:
    """What a purge's certificate says, for people."""
    certificate = progress["certificate"]["payload"]
    deleted = [
        f"{who} {kind} {count}"
        for who, kinds in certificate["deleted"].items()
        for kind, count in kinds.items()
        if count
    ]
    left = sum(count for kinds in certificate["left"].values() for count in kinds.values())
    return [
        f"certificate {certificate['purge_id']}, signed by key {progress['certificate']['kid']} (signature checked)",
        f"asked for {certificate['requested_at']}, unreadable {certificate['key_destroyed_at']}",
        f"certified {certificate['certified_at']}: left {left}; deleted: {', '.join(deleted) or 'nothing was there'}",
        certificate["statement"]["zh"],
        "every token of the guest is refused (401): nothing is left to reach",
    ]


def _once() -> dict[str, str]:
    """A fresh Idempotency-Key."""
    return {"Idempotency-Key": str(uuid.uuid4())}


def _wait_for(condition: Callable[[], bool], trouble: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise JourneyEnded(f"{trouble} within {PATIENCE_SECONDS:.0f} s")
        time.sleep(POLL_SECONDS)
