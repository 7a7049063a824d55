"""One file a claim; each prints a ratio against a baseline that it names and measures in the same run."""
