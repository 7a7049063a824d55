"""Calls that wait for an answer, in nameko's wire format: from asyncio (the gateway) and from plain threads."""
