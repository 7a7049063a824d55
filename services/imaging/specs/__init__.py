"""The catalogue of ID photo specs: data files with their sources, and the loader that checks them."""
