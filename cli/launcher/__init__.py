"""The local system: infrastructure, services and workers on one machine, as supervised processes."""
