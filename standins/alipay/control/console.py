"""Playing Alipay's console: keys, apps and their certificates."""

from __future__ import annotations

from fastapi import APIRouter

from standins.alipay.control.bodies import Registration
from standins.alipay.signing import public_pem, read_public_key
from standins.alipay.world import World


def routes(world: World) -> APIRouter:
    """All of them."""
    router = APIRouter(tags=["Alipay"])

    @router.get("/keys")
    async def keys() -> dict[str, object]:
        """Alipay's public key, the seller, and every app with its certificates."""
        return {
            "alipay_public_key": world.keyring.public(),
            "seller_id": world.seller_id,
            "gateway": f"{world.settings.url}/gateway.do",
            "apps": {app_id: _app(world, app_id) for app_id in world.keyring.apps},
        }

    @router.put("/apps/{app_id}")
    async def register(app_id: str, asked: Registration) -> dict[str, object]:
        """Upload an app's public key; in certificate mode it is issued a certificate."""
        world.keyring.register(app_id, read_public_key(asked.public_key), certified=asked.mode == "certificate")
        return _app(world, app_id)

    @router.post("/certificates/rotate")
    async def rotate() -> dict[str, str]:
        """Alipay signs with a new key and certificate, which clients must fetch by its serial number."""
        return {"alipay_cert_sn": world.keyring.rotate()}

    return router


def _app(world: World, app_id: str) -> dict[str, object]:
    app = world.keyring.apps[app_id]
    mode = "certificate" if app.certificate else "key"
    return {"mode": mode, "public_key": public_pem(app.public_key), **world.keyring.files(app)}
