"""Auth: who a subject is, what it consented to, and the data key that makes its data readable."""
