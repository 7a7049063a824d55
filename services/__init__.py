"""The deployables, one package each; no service imports another."""
