"""Unit tests: no network, no file, no clock but a held one."""
