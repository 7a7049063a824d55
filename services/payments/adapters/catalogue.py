"""The products on offer, from the file beside the service."""

from __future__ import annotations

from pathlib import Path

from services.payments.domain.products import Product, catalogue_from

PRODUCTS = Path(__file__).resolve().parents[1] / "products.toml"


def products() -> dict[str, Product]:
    """The products by id; raises ``ValueError`` when the data makes no sense."""
    return catalogue_from(PRODUCTS.read_text("utf-8"))
