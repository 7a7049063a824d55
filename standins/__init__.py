"""Stand-ins: other people's services as processes of our own, for tests and the local system. Never in production."""
