"""Payments: products, orders, Alipay, refunds, the ledger, reconciliation, and who may download what."""
