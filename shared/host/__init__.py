"""The rim: nameko and eventlet live here (and in the services' ``service.py``), so that they could be replaced in a day.

Importing this package patches the standard library for eventlet, and must therefore come before every other import of a
service process: ``services/<name>/__main__.py`` does nothing else first.
"""

from __future__ import annotations

import os

# psycopg reads this at import: its C wait function would block every green thread (see architecture, traps).
os.environ["PSYCOPG_WAIT_FUNC"] = "wait_selector"

import warnings

warnings.filterwarnings("ignore", message=r"(?s).*[Ee]ventlet is deprecated.*")

import eventlet

eventlet.monkey_patch()
