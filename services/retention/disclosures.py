"""The disclosure ledger: written when a service says that it told somebody, or by an operator; read by its subject."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from services.retention.domain import disclosures as rules
from services.retention.domain.disclosures import GROUNDS, RECIPIENTS, THINGS, Disclosure
from services.retention.rights_ports import RightsParts, RightsTransaction
from shared.contracts import auth, payments
from shared.contracts import rights as contract
from shared.contracts.queues import RETENTION_RIGHTS
from shared.kernel import log
from shared.kernel.errors import BadRequest
from shared.kernel.ids import new_id

logger = log.get_logger("retention")
LANGUAGES = ("zh", "en")


def hear_disclosed(event: auth.SubjectDisclosed | payments.SubjectDisclosed, parts: RightsParts) -> None:
    """A service has told somebody. Once per event; behind the fence there is no ledger any more to write in."""
    with parts.work.begin() as tx:
        tx.hold_unfenced(event.subject_id)
        if tx.first_time(RETENTION_RIGHTS.queue, event.message_id):
            _add(
                Disclosure(
                    disclosure_id=event.message_id,
                    subject_id=event.subject_id,
                    position=0,
                    who=event.recipient,
                    what=tuple(event.what),
                    ground=event.ground,
                    at=_milliseconds(event.at),
                    reference=event.order_id if isinstance(event, payments.SubjectDisclosed) else None,
                    source=event.type.split(".", 1)[0],
                ),
                tx,
            )


def record_disclosure(request: contract.RecordDisclosure, parts: RightsParts) -> contract.DisclosureLedger:
    """An operator told an authority, or somebody else. Raises ``subject_erased``: nothing can be told of the erased."""
    who = request.who.strip()
    if not who or len(who) > rules.MAX_WHO or not request.what:
        raise BadRequest("who, or what")
    now = _milliseconds(parts.clock())
    with parts.work.begin() as tx:
        tx.hold_unfenced(request.subject_id)
        line = Disclosure(
            new_id(), request.subject_id, 0, who, tuple(request.what), request.ground, now, None, "operator"
        )
        line = _add(line, tx)
    logger.info("disclosure recorded", subject_id=line.subject_id, ground=line.ground)
    return contract.DisclosureLedger(items=[shown(line)])


def disclosures(request: contract.Disclosures, parts: RightsParts) -> contract.DisclosureLedger:
    """The subject's ledger, oldest first."""
    with parts.work.begin() as tx:
        tx.refuse_fenced(request.subject_id)
        return contract.DisclosureLedger(items=[shown(line) for line in tx.disclosures_of(request.subject_id)])


def forget_old_tallies(parts: RightsParts) -> int:
    """Delete what was kept without a person for three years; how many."""
    with parts.work.begin() as tx:
        return tx.delete_tallies(rules.first_month_kept(parts.clock()))


def shown(line: Disclosure) -> contract.Disclosure:
    """A line as the contract tells it, with its codes in words."""
    return contract.Disclosure(
        disclosure_id=line.disclosure_id,
        who=line.who,
        what=list(line.what),
        ground=line.ground,
        at=line.at,
        reference=line.reference,
        source=line.source,
        chain=line.chain,
        names=dict(RECIPIENTS.get(line.who) or dict.fromkeys(LANGUAGES, line.who)),
        told={language: [THINGS[code][language] for code in line.what] for language in LANGUAGES},
        why=dict(GROUNDS[line.ground]),
    )


def _add(line: Disclosure, tx: RightsTransaction) -> Disclosure:
    ledger = tx.disclosures_of(line.subject_id)
    placed = replace(line, position=len(ledger) + 1)
    placed = replace(placed, chain=rules.chained(placed, ledger[-1].chain if ledger else ""))
    tx.add_disclosure(placed)
    tx.count_disclosure(rules.tally_of(placed))
    return placed


def _milliseconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
