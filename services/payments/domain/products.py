"""What can be bought: data with versions. An order keeps the product as it was when it was opened."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PHOTO, SHEET = "photo", "sheet"
SCOPES = frozenset({PHOTO, SHEET})
"""What of a photo can be unlocked: its single ID photos, and its sheets."""

_UNFIT_FOR_ALIPAY = frozenset("/=&")


@dataclass(frozen=True, slots=True)
class Product:
    """One version of a product. Either it is for one photo, or it gives ``credits``, or a pass of ``days``."""

    product: str
    version: int
    name_zh: str
    name_en: str
    price: int
    unlocks: tuple[str, ...]
    for_photo: bool = False
    credits: int = 0
    days: int = 0


def catalogue_from(text: str) -> dict[str, Product]:
    """The products on offer by id, each in its highest version; raises ``ValueError`` when the data makes no sense."""
    offered: dict[str, Product] = {}
    for row in tomllib.loads(text)["product"]:
        product = product_from(row)
        before = offered.get(product.product)
        if before is not None and before.version == product.version:
            raise ValueError(f"{product.product}: version {product.version} is there twice")
        if before is None or before.version < product.version:
            offered[product.product] = product
    return offered


def product_from(row: Mapping[str, Any]) -> Product:
    """The product in a row of data; raises ``ValueError`` when it makes no sense."""
    product = Product(**{**row, "unlocks": tuple(row["unlocks"])})
    ways = (product.for_photo, product.credits > 0, product.days > 0)
    if sum(ways) != 1 or min(product.credits, product.days) < 0:
        raise ValueError(f"{product.product}: for one photo, or credits, or days; one of them")
    if type(product.price) is not int or not 1 <= product.price <= 10_000_000_000 or product.version < 1:
        raise ValueError(f"{product.product}: price and version are positive integers (fen)")
    if not product.unlocks or not SCOPES.issuperset(product.unlocks):
        raise ValueError(f"{product.product}: unlocks some of {', '.join(sorted(SCOPES))}")
    if _UNFIT_FOR_ALIPAY & set(product.name_zh) or not 0 < len(product.name_zh) <= 100:
        raise ValueError(f"{product.product}: the name is shown in the buyer's bill, without / = &")
    return product


def row_of(product: Product) -> dict[str, Any]:
    """The product as plain data, for an order to keep."""
    return {
        "product": product.product,
        "version": product.version,
        "name_zh": product.name_zh,
        "name_en": product.name_en,
        "price": product.price,
        "unlocks": list(product.unlocks),
        "for_photo": product.for_photo,
        "credits": product.credits,
        "days": product.days,
    }
