"""Third-party logins: one adapter each, behind one port."""
