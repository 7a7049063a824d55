"""Login providers: what needs no server."""
