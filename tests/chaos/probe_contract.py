"""What the probe service listens to; importing this patches nothing."""

from typing import ClassVar

from shared.contracts import Event, Listener


class ProbeHappened(Event):
    """Said by the test."""

    type: ClassVar[str] = "probe.thing.happened.v1"


LISTENER = Listener("probe.things", (ProbeHappened,), delays_seconds=(1, 2))
