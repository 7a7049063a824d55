"""All services in one process, one die that decides everything, and the rules looked at after every step."""
