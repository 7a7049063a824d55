"""The ``pocketid`` command: photos without services, the local system, and the operators' commands."""
