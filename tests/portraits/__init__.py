"""Portraits that everybody may use, and the files that are built from them."""
