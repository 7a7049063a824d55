"""The habits of the house, as tests: layers, sizes, words, and what importing may do."""
