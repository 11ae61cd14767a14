"""What a venue allows on each symbol: fetched, cached, and read from files."""

from grinder_adapters.exchange_info.brackets import read_brackets
from grinder_adapters.exchange_info.document import read_constraints
from grinder_adapters.exchange_info.fetch import EXCHANGE_INFO_URL, fetch_body
from grinder_adapters.exchange_info.provider import ConstraintProvider, ProviderConfig

__all__ = [
    "EXCHANGE_INFO_URL",
    "ConstraintProvider",
    "ProviderConfig",
    "fetch_body",
    "read_brackets",
    "read_constraints",
]
