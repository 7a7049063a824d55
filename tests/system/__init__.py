"""The whole local system as tests use it: started once, spoken to through the gateway, looked into everywhere."""
