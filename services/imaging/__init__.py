"""Imaging: photos become cutouts, cutouts become renders. The workers alone touch pixels."""
