"""What a process tells about itself: health, metrics, traces."""
