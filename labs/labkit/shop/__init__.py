"""The running example: an online shop of many small stores.

`schema` makes its tables, `traffic` makes what shopkeepers and customers do.
Both are the same on every machine for the same arguments and the same seed.
"""

from . import schema, traffic
from .traffic import WHALE, Order, PriceChange

__all__ = ["WHALE", "Order", "PriceChange", "schema", "traffic"]
