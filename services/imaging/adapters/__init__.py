"""Imaging's outside: SQL, the broker, and the memory twin."""
