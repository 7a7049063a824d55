"""The HTTP interface, a file a subject; each route: check, ask, answer."""
