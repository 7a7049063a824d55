"""Retention: makes data go away, and proves that it is gone."""
