"""Memory twins of every port, builders, and ``eventually()``."""
