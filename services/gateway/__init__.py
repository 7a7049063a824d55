"""The gateway: the only public door. Checks, encrypts, asks, streams; holds no state that matters."""
