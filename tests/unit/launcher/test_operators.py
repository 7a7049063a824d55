"""What operators type, and mistype: one clear line each, readable at 80 columns."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import order_commands, purge_commands
from cli.launcher.doctor import examine
from cli.launcher.errors import LauncherError
from cli.launcher.known import OF_TOOLS, STANDIN_ALIPAY, strangers
from cli.launcher.plan import make_plan
from cli.launcher.processes import TABLE
from cli.launcher.run_folder import RunFolder
from cli.main import app_with
from services.payments.domain.orders import OrderState
from services.retention.domain.certificates import CERTIFICATE_KIND
from services.retention.domain.purges import PurgeState
from shared.contracts import bookkeeping, payments, retention
from shared.crypto.signing import Signer
from shared.kernel.ids import new_id
from standins.alipay.settings import PREFIX, StandinSettings
from tests.unit.worlds import secret_bytes

AT = datetime(2026, 11, 24, 8, 0, 5, tzinfo=UTC)


def run(*words: object) -> tuple[int, str, str]:
    """Exit status, stdout and stderr, on a terminal of 80 columns; nothing unexpected is raised."""
    result = CliRunner().invoke(app_with([str(words[0])]), [str(word) for word in words], env={"COLUMNS": "80"})
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    return result.exit_code, result.stdout, result.stderr


class Answers:
    """Stands where a command asks a service."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.asked = answer, []

    def __call__(self, call: Any) -> Any:
        self.asked.append(call)
        return self.answer


def purge(status: str, **changes: Any) -> retention.PurgeSummary:
    facts = {"reason": "account_abandoned", "requested_at": AT, "attempts": 1, "waiting_for": [], **changes}
    return retention.PurgeSummary(purge_id=new_id(), status=status, **facts)


def test_purges_are_readable_at_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Id, state and time whole, whatever trouble there is."""
    stuck = purge(
        "stuck", attempts=12, waiting_for=["imaging", "payments", "retention"], trouble="verify: " + "left " * 20
    )
    items = [purge(state) for state in PurgeState] + [stuck]
    monkeypatch.setattr(purge_commands, "ask", Answers(retention.PurgeList(items=items)))
    status, out, _ = run("purge", "list")
    assert status == 0
    assert max(map(len, out.splitlines())) <= 80
    assert "…" not in out
    for one in items:
        assert f"{one.purge_id}  {one.status}" in out
    assert out.count("2026-11-24 08:00:05Z") == len(items)
    assert "attempt 12, waits for imaging, payments, retention" in " ".join(out.split())


def test_orders_are_readable_at_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same, with money."""
    items = [
        payments.OrderState(
            order_id=new_id(), product="print-sheet", product_version=1, name={}, amount=990, refunded=990, status=state,
            channel="page", created_at=AT, expires_at=AT, paid_at=AT,
        )
        for state in OrderState
    ]  # fmt: skip
    monkeypatch.setattr(order_commands, "_ask", Answers(bookkeeping.OrderPage(items=items)))
    status, out, _ = run("orders", "list")
    assert status == 0
    assert max(map(len, out.splitlines())) <= 80
    assert "…" not in out
    for one in items:
        assert f"{one.order_id}  {one.status}" in out
    assert "9.90 yuan, 9.90 refunded, page" in " ".join(out.split())


@pytest.mark.parametrize(
    ("command", "module", "name", "states"),
    [("purge", purge_commands, "ask", PurgeState), ("orders", order_commands, "_ask", OrderState)],
)
def test_a_limit_or_a_state_that_there_is_not_is_a_usage_error(
    monkeypatch: pytest.MonkeyPatch, command: str, module: Any, name: str, states: Any
) -> None:
    """Nobody is asked; the states are named. Every state that there is, is taken."""
    answers = Answers(retention.PurgeList(items=[]))
    monkeypatch.setattr(module, name, answers)
    for words in (("--limit", "-1"), ("--limit", "0"), ("--limit", "many"), ("--status", "nope")):
        status, _, err = run(command, "list", *words)
        assert status == 2, words
    assert all(state in err for state in states)
    assert answers.asked == []
    for state in states:
        assert run(command, "list", "--status", state)[0] == 0
    assert [call.status for call in answers.asked] == list(states)


@pytest.fixture
def signed(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate of ours, and the published keys."""
    signer = Signer({"c1": secret_bytes()})
    certificate, keys = tmp_path / "certificate.json", tmp_path / "keys.json"
    certificate.write_text(json.dumps({"jws": signer.sign({"purge_id": "p"}, kind=CERTIFICATE_KIND)}))
    keys.write_text(json.dumps({"keys": signer.jwks()}))
    return certificate, keys


def test_a_certificate_of_ours_is_verified(signed: tuple[Path, Path]) -> None:
    """The control: what is right passes."""
    status, out, _ = run("purge", "verify", signed[0], "--keys", signed[1])
    assert (status, json.loads(out)["purge_id"]) == (0, "p")


WRONG = [
    "{}",
    '{"certificate": {}}',
    '{"certificate": []}',
    '{"jws": 5}',
    "[]",
    "{",
    "",
    "null",
    "a.b.c",
    '{"certificate": 7}',
]


@pytest.mark.parametrize("text", WRONG)
@pytest.mark.parametrize("which", [0, 1])
def test_what_is_no_certificate_or_no_key_set_is_refused_in_one_line(
    signed: tuple[Path, Path], which: int, text: str
) -> None:
    """Exit 1, nothing on stdout."""
    signed[which].write_text(text)
    status, out, err = run("purge", "verify", signed[0], "--keys", signed[1])
    assert (status, out) == (1, "")
    assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize("keys", ['{"keys": 5}', '{"keys": [5]}', '{"keys": [{"crv": "Ed25519"}]}', '{"keys": [{"crv": "Ed25519", "kid": "a", "x": "AA"}]}'])  # fmt: skip
def test_a_broken_key_set_is_refused_in_one_line(signed: tuple[Path, Path], keys: str) -> None:
    """A key without a name, without a value, or with half of one."""
    signed[1].write_text(keys)
    status, out, err = run("purge", "verify", signed[0], "--keys", signed[1])
    assert (status, out, len(err.strip().splitlines())) == (1, "", 1)


@pytest.mark.parametrize("command", ["make", "check"])
def test_a_photo_that_is_not_there_is_one_line_with_its_code(command: str, tmp_path: Path) -> None:
    """Exit 2; with --json the code is on stdout."""
    missing = tmp_path / "missing.jpg"
    status, out, err = run(command, missing)
    assert (status, out) == (2, "")
    assert err.strip() == f"{missing}: file_error: 没有这个文件 / there is no such file"
    status, out, _ = run(command, missing, "--json")
    assert (status, json.loads(out)["code"], json.loads(out)["photo"]) == (2, "file_error", str(missing))


def test_a_model_that_is_not_allowed_is_refused_before_anything_starts(tmp_path: Path) -> None:
    """One line that names the allowed ones; nothing was started or chosen."""
    folder = RunFolder(tmp_path / "run")
    folder.make()
    with pytest.raises(LauncherError, match=r"POCKETID_MATTING_MODEL: .*'bria'.*u2netp"):
        make_plan(folder, {"POCKETID_MATTING_MODEL": "bria"}, TABLE)
    assert folder.recall("ports") is None


def test_a_name_that_nothing_reads_is_told_with_the_nearest(tmp_path: Path) -> None:
    """Names of every process, of the launcher, of set-up and of the stand-in are known; others are not ours to judge."""
    known = ["POCKETID_PORT", "POCKETID_RUN_DIR", *OF_TOOLS, "POCKETID_STANDIN_ALIPAY_SPEED", "POCKETID_AUTH_DSN"]
    assert strangers([*known, "PATH", "OTHER_POCKETID_X"]) == []
    assert strangers(["POCKETID_PROT", "POCKETID_XYZZY"]) == [
        "POCKETID_PROT is no setting; did you mean POCKETID_PORT?",
        "POCKETID_XYZZY is no setting; see docs/settings.md",
    ]
    findings = examine({"POCKETID_PROT": "1", "POCKETID_RUN_DIR": str(tmp_path)})
    assert [(one.ok, one.mend) for one in findings if one.what == "settings"] == [(False, "unset POCKETID_PROT")]


def test_the_stand_ins_own_names_are_all_known() -> None:
    """The product does not import it; this list must not lag behind."""
    assert {f"{PREFIX}{name.upper()}" for name in StandinSettings.model_fields} == set(STANDIN_ALIPAY)


def test_every_name_that_is_known_is_in_the_one_table() -> None:
    """docs/settings.md names them all, those of set-up and of the stand-in too."""
    from cli.launcher.known import _known

    page = Path("docs/settings.md").read_text("utf-8")
    inside = {"POCKETID_SIMULATION_SEEDS"}
    assert {name for name in _known() - inside if f"`{name}`" not in page} == set()
