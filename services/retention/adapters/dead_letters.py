"""Dead letters that name an erased subject: found and dropped, so that no replay can bring them up again."""

from __future__ import annotations

from uuid import UUID

import pika.exceptions

from shared.contracts.queues import LISTENERS
from shared.kernel.errors import Unavailable
from shared.messaging.dead import DeadLetter, Fate, walk


class BrokerDeadLetters:
    """The dead queues of the broker."""

    def __init__(self, amqp_url: str) -> None:
        self._url = amqp_url

    def forget(self, subject_id: UUID) -> int:
        """Drop every dead letter about a subject; how many. Raises ``unavailable`` when the broker does not answer."""
        name = str(subject_id)

        def decide(letter: DeadLetter) -> Fate:
            return Fate.DROP if letter.subject_id == name else Fate.KEEP

        try:
            return sum(fate is Fate.DROP for _, fate in walk(self._url, LISTENERS, decide))
        except (pika.exceptions.AMQPError, OSError) as error:
            raise Unavailable(f"dead letters: {type(error).__name__}") from error
