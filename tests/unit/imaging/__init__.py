"""Laws of the imaging domain."""
