"""The same laws for the memory twin and for the real thing; and what was published once."""
