"""A person with the app, as tests play it: strictly by the published interface."""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx

from shared.testing.eventually import eventually


class Guest:
    """One guest on one device."""

    def __init__(self, gateway: str, device_id: str | None = None, secret: str | None = None, **more: str) -> None:
        self.device_id = device_id or str(uuid4())
        self.http = httpx.Client(base_url=gateway, timeout=60)
        weakref.finalize(self, self.http.close)
        version = self.http.get("/v1/policies/privacy").json()["version"]
        body = {"device_id": self.device_id, "policy_version": version, "guest_secret": secret, **more}
        answer = self.http.post("/v1/guests", json=body)
        assert answer.status_code in (200, 201), answer.text
        self.started = answer.json()
        self.subject_id = str(self.started["subject_id"])
        self.use(self.started["access_token"])

    def use(self, access_token: str) -> None:
        """Call with this token from now on."""
        self.http.headers["Authorization"] = f"Bearer {access_token}"

    def upload(self, photo: bytes, name: str = "selfie.jpg", people: int = 1, **headers: str) -> httpx.Response:
        """POST /v1/photos."""
        wanted = {"people": people} if people != 1 else None
        return self.http.post("/v1/photos", params=wanted, files={"file": (name, photo)}, headers=headers)

    def uploaded(self, photo: bytes, name: str = "selfie.jpg", people: int = 1) -> str:
        """Upload a photo that is accepted; its id."""
        answer = self.upload(photo, name, people)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["photo_id"])

    def photo(self, photo_id: str) -> dict[str, Any]:
        """GET /v1/photos/{id}."""
        answer = self.http.get(f"/v1/photos/{photo_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def settled(self, photo_id: str, within: float = 60) -> dict[str, Any]:
        """The photo once it is ready, rejected or failed."""
        done = ("ready", "rejected", "failed")
        return eventually(lambda: self.photo(photo_id), lambda photo: photo["status"] in done, within=within)

    def render(self, photo_id: str, **order: Any) -> httpx.Response:
        """POST /v1/photos/{id}/renders."""
        return self.http.post(
            f"/v1/photos/{photo_id}/renders", json=order or {"spec": "one-inch", "background": "blue"}
        )

    # ---- money

    def order(self, product: str, photo_id: str | None = None, channel: str = "app", **headers: str) -> httpx.Response:
        """POST /v1/orders."""
        body = {"product": product, "channel": channel} | ({"photo_id": photo_id} if photo_id else {})
        return self.http.post("/v1/orders", json=body, headers=headers)

    def pay(self, order: dict[str, Any], standin: str) -> None:
        """Pay an open order as its channel does: in the wallet, or on the cashier page behind its link or code."""
        number = f"P{order['order_id'].replace('-', '')}"
        with httpx.Client(timeout=30, follow_redirects=True) as browser:
            if "order_string" in order["pay"]:
                paid = browser.post(f"{standin}/_standin/wallet/pay", json=order["pay"])
            else:
                page = browser.get(order["pay"].get("url") or order["pay"]["qr"])
                assert page.status_code == 200, page.text
                assert browser.post(f"{standin}/_standin/buyer/open", json={"out_trade_no": number}).is_success
                paid = browser.post(f"{standin}/_standin/buyer/pay", json={"out_trade_no": number})
            assert paid.status_code == 200, paid.text

    def bought(self, standin: str, product: str, photo_id: str | None = None, channel: str = "app") -> dict[str, Any]:
        """Opened, paid, and known to be paid."""
        opened = self.order(product, photo_id, channel)
        assert opened.status_code == 201, opened.text
        self.pay(opened.json(), standin)
        return self.settled_order(opened.json()["order_id"], "paid")

    def settled_order(self, order_id: str, status: str, within: float = 30) -> dict[str, Any]:
        """GET /v1/orders/{id}, once it is in this state."""

        def look() -> dict[str, Any]:
            answer = self.http.get(f"/v1/orders/{order_id}")
            assert answer.status_code == 200, answer.text
            found: dict[str, Any] = answer.json()
            return found

        return eventually(look, lambda order: order["status"] == status, within=within)

    def wipe(self, **headers: str) -> httpx.Response:
        """DELETE /v1/me/stash."""
        return self.http.delete("/v1/me/stash", headers=headers)

    def purge(self, receipt: str) -> dict[str, Any]:
        """GET /v1/purges/{receipt}."""
        answer = self.http.get(f"/v1/purges/{receipt}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def certified(self, receipt: str, within: float = 60) -> dict[str, Any]:
        """The purge once it is completed."""
        return eventually(lambda: self.purge(receipt), lambda purge: purge["status"] == "completed", within=within)

    def events(
        self, last_event_id: str | None = None, opened: Callable[[httpx.Response], None] = lambda _: None
    ) -> Iterator[dict[str, Any]]:
        """GET /v1/events, event by event (heartbeats left out); ``opened`` is told when the stream is."""
        headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
        with self.http.stream("GET", "/v1/events", headers=headers) as stream:
            assert stream.status_code == 200, stream.read()
            opened(stream)
            event: dict[str, Any] = {}
            for line in stream.iter_lines():
                name, _, value = line.partition(": ")
                if name in ("id", "event"):
                    event[name] = value
                elif name == "data":
                    event["data"] = json.loads(value)
                elif not line and "data" in event:
                    yield event
                    event = {}
