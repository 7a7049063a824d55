"""Tests without any process, network or database."""
