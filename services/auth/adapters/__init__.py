"""Auth's outside: SQL, files, and the memory twin."""
