"""An assembled exchange with a quoted market, a client that signs, and one that listens."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from attrs import Factory, define

from grinder_adapters.local_venue.assembly import LOCAL_KEY, VenueOptions, assemble
from grinder_adapters.local_venue.fault_kinds import Fault
from grinder_adapters.local_venue.faults import FaultPlan
from grinder_adapters.local_venue.http import Request, Response
from grinder_adapters.local_venue.security import ApiKey, signature_of
from grinder_adapters.local_venue.session import Session
from grinder_adapters.local_venue.venue import LocalVenue
from grinder_core.codec import dump_state
from grinder_core.contracts.event import Event
from tests.adapters.local_venue.market_cases import T0, mark, quote

SYMBOL = "BTCUSDT"
BID, ASK = "90000", "90000.1"
NOW = T0 + 1000
OTHER_KEY = ApiKey(key="other-key", secret="other-secret", account="other")
HEADERS = {"x-mbx-apikey": LOCAL_KEY.key}

JSON = Any


def a_venue(**options: Any) -> LocalVenue:
    """An exchange a second after its BTCUSDT was quoted at 90000 and 90000.1."""
    venue = assemble(VenueOptions(**{"keys": (LOCAL_KEY, OTHER_KEY), **options}))
    move(venue, quoted(), T0)
    move(venue, mark(BID, T0), T0)
    venue.tick(NOW)
    return venue


def quoted(bid: str = BID, ask: str = ASK, ts: int = T0, qty: str = "5") -> Event:
    """A quote of BTCUSDT."""
    return quote(ts, bid, ask, bid_qty=Decimal(qty), ask_qty=Decimal(qty))


def move(venue: LocalVenue, event: Event, now: int) -> None:
    """Tell the exchange a market event."""
    venue.on_event(event, now)


def plan_of(*faults: Fault, started_at: int = NOW) -> FaultPlan:
    """A plan that begins now."""
    return FaultPlan(faults, started_at=started_at)


def state(venue: LocalVenue) -> JSON:
    """All that the exchange holds, as plain values."""
    floor = venue.exchange.floor
    for book in floor.books.values():
        book.displayed.renew(book.tick)  # done when it is next looked at, to no other effect
    return dump_state(floor)


@define
class Client:
    """Sends signed requests at its time."""

    venue: LocalVenue
    now: int = NOW
    key: ApiKey = LOCAL_KEY

    def request(self, method: str, path: str, given: dict[str, Any]) -> Request:
        """A signed request."""
        query = urlencode({**given, "timestamp": self.now})
        signed = f"{query}&signature={signature_of(self.key.secret, query.encode())}"
        return Request(method, f"/fapi/{path}", signed, {"x-mbx-apikey": self.key.key})

    def send(self, method: str, path: str, **given: Any) -> Response | None:
        """Send a request the way a transport does: what goes wrong with it goes wrong."""
        request = self.request(method, path, given)
        fault = self.venue.foresee(request, self.now)
        return self.venue.handle(request, self.now, fault)

    def ask(self, method: str, path: str, **given: Any) -> JSON:
        """The parsed answer, whatever its status."""
        answer = self.send(method, path, **given)
        assert answer is not None
        return json.loads(answer.body)

    def place(self, **changes: Any) -> JSON:
        """Place an order; a small buy that rests unless said otherwise."""
        return self.ask("POST", "v1/order", **an_order(**changes))

    def trade(self, side: str = "BUY", **changes: Any) -> JSON:
        """Buy or sell at the market."""
        return self.place(type="MARKET", price=None, timeInForce=None, side=side, **changes)

    def cancel(self, number: int, **changes: Any) -> JSON:
        """Cancel an order by its id."""
        return self.ask("DELETE", "v1/order", **{"symbol": SYMBOL, "orderId": number, **changes})


def an_order(**changes: Any) -> dict[str, Any]:
    """Parameters of an order; ``None`` leaves one out."""
    usual = {
        "symbol": SYMBOL,
        "side": "BUY",
        "type": "LIMIT",
        "quantity": "0.01",
        "price": "89000",
        "timeInForce": "GTC",
    }
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


@define
class Listener:
    """One WebSocket connection to an exchange."""

    venue: LocalVenue
    session: Session
    frames: list[Any] = Factory(list)

    @classmethod
    def at(cls, venue: LocalVenue, path: str, query: str = "", now: int = NOW) -> Listener:
        """Open one that must not be refused."""
        session = venue.open(path, query, "127.0.0.1", now)
        assert session is not None
        return cls(venue, session)

    def say(self, now: int = NOW, **message: Any) -> Any:
        """Send a message; return the first answer."""
        self.venue.receive(self.session, json.dumps(message), now)
        got = self.heard()
        return got[0] if got else None

    def heard(self) -> list[Any]:
        """What came since the last time; pings are ``None``."""
        got = [None if frame is None else json.loads(frame) for frame in self.session.outbox]
        self.session.outbox.clear()
        return got


def user_stream(client: Client, events: str = "") -> Listener:
    """A private connection to the account of a client."""
    key = client.ask("POST", "v1/listenKey")["listenKey"]
    query = f"listenKey={key}" + (f"&events={events}" if events else "")
    return Listener.at(client.venue, "/private/ws", query, client.now)
