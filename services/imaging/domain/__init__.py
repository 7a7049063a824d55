"""The rules of photos and renders, pure."""
