"""Real adapters and real stand-ins, speaking HTTP."""
