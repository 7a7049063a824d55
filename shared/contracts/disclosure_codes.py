"""Closed lists of what may be said of a disclosure: on which ground of the privacy policy's clause 3, and of what kind."""

from __future__ import annotations

from typing import Literal

Ground = Literal[
    "consent",
    "necessary_service",
    "law_or_authority",
    "breach_of_agreement",
    "ip_complaint",
    "transaction_counterpart",
    "other_lawful",
]
"""Why somebody was told, in the order of the policy."""

Told = Literal[
    "order_number",
    "amount",
    "product_name",
    "refund",
    "login_code",
    "login_token",
    "provider_token",
    "account_record",
    "identities",
    "consents",
    "orders",
    "photos",
    "other",
]
"""What kind of thing was told; the last six only ever by an operator."""

NECESSARY: Ground = "necessary_service"
