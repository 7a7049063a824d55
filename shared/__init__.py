"""Our own small library: everything the services share and no business rule."""
