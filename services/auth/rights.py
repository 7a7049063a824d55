"""What auth does for a person's rights: its part of an export, and the keys of feedback tickets, handed over one by one."""

from __future__ import annotations

from base64 import b64decode, b64encode

from services.auth import accounts, guardians, ledger, profiles, use_cases
from services.auth.ports import AuthParts
from services.auth.sealed import key_of
from shared.contracts import accounts as account_calls
from shared.contracts import auth
from shared.contracts import consents as contract
from shared.contracts.feedback import TicketKey, TicketKeys, key_bound, master_bound
from shared.crypto import Tampered, UnknownMasterKey, unseal
from shared.crypto.handover import hand_over
from shared.kernel import log
from shared.kernel.errors import BadRequest

logger = log.get_logger("auth")


def export_subject(request: contract.ExportSubject, parts: AuthParts) -> contract.AuthPortion:
    """Everything auth has of a subject that says something about it; raises ``subject_erased``."""
    subject_id = request.subject_id
    return contract.AuthPortion(
        me=use_cases.who_am_i(auth.WhoAmI(subject_id=subject_id), parts),
        profile=profiles.profile(account_calls.Profile(subject_id=subject_id), parts),
        identities=accounts.identities(account_calls.Identities(subject_id=subject_id), parts),
        sessions=profiles.sessions(account_calls.Sessions(subject_id=subject_id), parts),
        consents=ledger.consent_ledger(contract.Consents(subject_id=subject_id), parts),
        guardianships=guardians.guardianships(contract.Guardianships(subject_id=subject_id), parts),
    )


def hand_over_ticket_key(request: contract.HandOverTicketKey, parts: AuthParts) -> contract.HandedKey:
    """The key of one ticket, sealed to the operator's key of the moment, and a line in the log that it was.

    No other key can be had by this call: what a ticket's key is bound to is made here, and no data key is bound so. Raises ``subject_erased``, or
    ``bad_request`` for what is no ticket's key.
    """
    sealed = b64decode(request.sealed_key)
    try:
        if request.subject_id is None:
            key = parts.keyring.open_for(master_bound(request.ticket_id), sealed)
        else:
            with parts.work.begin() as tx:
                tx.refuse_fenced(request.subject_id)
                subject_key = key_of(tx.subject(request.subject_id), parts)
            key = unseal(subject_key, sealed, key_bound(request.subject_id, request.ticket_id))
        handed = hand_over(key, b64decode(request.public_key), str(request.ticket_id))
    except (Tampered, UnknownMasterKey, ValueError) as error:
        raise BadRequest("not a ticket's key") from error
    logger.info("ticket opened by an operator", ticket_id=request.ticket_id)
    return contract.HandedKey(handed=b64encode(handed).decode())


def rewrap_ticket_keys(request: contract.RewrapTicketKeys, parts: AuthParts) -> TicketKeys:
    """The same keys, all by the current master key; raises ``bad_request`` for what is no ticket's key."""
    try:
        return TicketKeys(items=[_anew(item, parts) for item in request.items])
    except (Tampered, UnknownMasterKey, ValueError) as error:
        raise BadRequest("not a ticket's key") from error


def _anew(item: TicketKey, parts: AuthParts) -> TicketKey:
    bound = master_bound(item.ticket_id)
    sealed = parts.keyring.seal_for(bound, parts.keyring.open_for(bound, b64decode(item.sealed_key)))
    return TicketKey(ticket_id=item.ticket_id, sealed_key=b64encode(sealed).decode())
