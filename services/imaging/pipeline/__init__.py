"""The imaging domain: from a photo's bytes to a finished ID photo. Pure Python on numpy arrays; nothing loads at import."""
