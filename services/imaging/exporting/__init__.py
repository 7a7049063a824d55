"""Building an export: asked of every service, opened, zipped and sealed again piece by piece; nothing of it rests in the clear."""
