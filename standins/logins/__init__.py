"""Stands in for login providers: checks what the real ones check, and misbehaves as they do when it is told to."""
