"""Retention's outside: SQL, calls to the other services, and the memory twin."""
