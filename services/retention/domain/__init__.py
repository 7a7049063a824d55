"""The purge saga, receipts and certificates, pure."""
