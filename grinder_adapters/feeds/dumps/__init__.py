"""The venue's public dump files, and CSV recordings of known columns, as market events.

======================  ============================  ==========================================
file                    event                         notes
======================  ============================  ==========================================
bookTicker              SNAPSHOT, ``update_id`` set   last trade unknown; ordered by update id
aggTrades, trades       TRADE                         ordered by id
bookDepth               DEPTH_BANDS                   one per 30 s; cumulative bands are no book
recorded trade frames   TRADE                         only ``X`` = ``MARKET``
recorded depth frames   DEPTH_DIFF                    one row per level; no snapshot inside
minute quotes           SNAPSHOT                      bid and ask bars along the intrabar path
======================  ============================  ==========================================

Klines are read by ``KlineSource``, because they need a spread.
"""

from grinder_adapters.feeds.dumps.layouts import looks_like_dump
from grinder_adapters.feeds.dumps.source import DumpSource

__all__ = ["DumpSource", "looks_like_dump"]
