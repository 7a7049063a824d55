"""Servers that stand in for what cannot be reached in development: separate processes, written from protocol facts."""
