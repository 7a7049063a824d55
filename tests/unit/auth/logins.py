"""Auth with two login providers: people log in, link, ask guardians, leave; each step is one line in a test."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from services.auth import accounts, guardians, ledger, policy_cases, profiles, proofs, use_cases
from services.auth.domain.identities import HEAD_START, RevocationJob
from services.auth.domain.subjects import Subject
from shared.contracts import accounts as contract
from shared.contracts import auth, consents, retention
from shared.crypto import DataKey
from shared.kernel.errors import Code, PocketError
from shared.kernel.ids import new_id
from shared.testing.held_clock import HeldClock
from tests.unit.auth.providers.fake import FakeProvider
from tests.unit.worlds import POLICY, AuthWorld


class LoginWorld(AuthWorld):
    """Auth, with WeChat and Apple as providers in memory."""

    def __init__(self, clock: HeldClock | None = None) -> None:
        super().__init__(clock)
        self.wechat = FakeProvider("wechat")
        self.apple = FakeProvider("apple", "app-two")
        self.providers.update(wechat=self.wechat, apple=self.apple)

    # ---- logging in

    def proof(self, **handed: Any) -> str:
        """What the gateway seals for auth."""
        return b64encode(self.keyring.seal_for(contract.PROOF, json.dumps(handed).encode())).decode()

    def sign_in(self, who: str = "Ada", *, by: FakeProvider | None = None, **changes: Any) -> contract.SignedIn:
        """Somebody logs in with a fresh code (or with the ``handed`` proof)."""
        provider = by or self.wechat
        handed = changes.pop("handed", None) or {"code": provider.code_for(who)}
        request: dict[str, Any] = {
            "provider": provider.name, "platform": "android", "policy_version": POLICY,
            "sealed_proof": self.proof(**handed), **changes,
        }  # fmt: skip
        return accounts.sign_in(contract.SignIn(**request), self.parts)

    def begin(
        self, provider: FakeProvider, platform: str = "android", redirect_uri: str | None = None
    ) -> contract.LoginBegun:
        request = contract.BeginLogin(provider=provider.name, platform=platform, redirect_uri=redirect_uri)
        return proofs.begin_login(request, self.parts)

    def link(self, subject_id: UUID, who: str, by: FakeProvider, **handed: Any) -> contract.IdentityList:
        proof = self.proof(**(handed or {"code": by.code_for(who)}))
        request = contract.LinkIdentity(subject_id=subject_id, provider=by.name, platform="ios", sealed_proof=proof)
        return accounts.link_identity(request, self.parts)

    def unlink(self, subject_id: UUID, by: FakeProvider) -> None:
        accounts.unlink_identity(contract.UnlinkIdentity(subject_id=subject_id, provider=by.name), self.parts)

    # ---- consents, guardians, policies

    def key(self, subject_id: UUID, purpose: str = "process_photo") -> str:
        """The wrapped key, as a processor asks for it; raises what stands in the way."""
        return use_cases.subject_key(auth.SubjectKey(subject_id=subject_id, purpose=purpose), self.parts).wrapped  # type: ignore[arg-type]

    def record(self, subject_id: UUID, action: str, version: str = POLICY, **changes: Any) -> consents.ConsentLedger:
        request: dict[str, Any] = {
            "subject_id": subject_id, "kind": "document", "name": "privacy", "version": version, "action": action,
            **changes,
        }  # fmt: skip
        return ledger.record_consent(consents.RecordConsent(**request), self.parts)

    def publish(self, version: str, document: str = "privacy") -> consents.PolicyPublished:
        texts = {"zh": f"# 文件 {version}", "en": f"# Document {version}"}
        request = consents.PublishPolicy(document=document, version=version, texts=texts)
        return policy_cases.publish_policy(request, self.parts)

    def ask_guardian(self, child_id: UUID) -> consents.GuardianLink:
        return guardians.ask_guardian(consents.AskGuardian(subject_id=child_id), self.parts)

    def answer_guardian(self, guardian_id: UUID, action: str, **what: Any) -> consents.GuardianshipState:
        request = consents.AnswerGuardian(subject_id=guardian_id, action=action, **what)
        return guardians.answer_guardian(request, self.parts)

    def change(self, subject_id: UUID, **changes: Any) -> contract.ProfileState:
        return profiles.change_profile(contract.ChangeProfile(subject_id=subject_id, **changes), self.parts)

    # ---- leaving, and looking

    def fence(self, subject_id: UUID) -> None:
        """The first half of :meth:`erase`; the second does not come while it has the withdrawals to itself."""
        use_cases.fence_subject(subject_id, new_id(), self.parts)
        self.clock.forward(HEAD_START.total_seconds())

    def erase(self, subject_id: UUID) -> auth.SubjectPurged:
        """Fence and forget, as a purge does; what auth reports."""
        purge_id = new_id()
        use_cases.fence_subject(subject_id, purge_id, self.parts)
        use_cases.forget_subject(retention.DataRemoved(subject_id=subject_id, purge_id=purge_id), self.parts)
        reports = [m for m in self.said(auth.SubjectPurged) if m.subject_id == subject_id]
        assert isinstance(reports[-1], auth.SubjectPurged)
        return reports[-1]

    def subject(self, subject_id: UUID) -> Subject:
        found: Subject | None = self.look(lambda tx: tx.subject(subject_id))
        assert found is not None
        return found

    def data_key(self, subject_id: UUID) -> DataKey:
        wrapped = self.subject(subject_id).wrapped_key
        assert wrapped is not None
        return self.keyring.unwrap(wrapped, subject_id)

    def is_fenced(self, subject_id: UUID) -> bool:
        return bool(self.look(lambda tx: tx.is_fenced(subject_id)))

    def jobs(self) -> list[RevocationJob]:
        return list(self.work.state.revocations.values())


def code_of(action: Callable[[], object]) -> Code:
    """The code with which an action is refused; fails when it is not."""
    with pytest.raises(PocketError) as refusal:
        action()
    return refusal.value.actual_code
