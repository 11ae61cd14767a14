"""The REST calls of USDT-M futures that are used, and what each is for (LIVE-10, reference 5 to 7).

``op`` tells the error map whether a failure may have changed something; ``circuit`` names the
breaker, which keeps orders apart from each other and from questions; ``purpose`` decides how much
of the request budget a call may use (LIVE-11).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from attrs import field, frozen

from grinder_adapters.binance.error_map import COUNTDOWN as COUNTDOWN_OP
from grinder_adapters.binance.write_guard import LISTEN_KEY_PATH
from grinder_core.resilience.breaker_settings import Operation
from grinder_core.resilience.budget import RequestClass
from grinder_core.resilience.weights import Cost, request_cost


class Security(StrEnum):
    """What a request carries: nothing, the key, or the key and a signature."""

    NONE = "none"
    KEY = "key"
    SIGNED = "signed"


@frozen(kw_only=True)
class Endpoint:
    """One call of the venue; see the module's text."""

    method: str
    path: str
    circuit: Operation
    purpose: RequestClass
    security: Security = Security.SIGNED
    op: str = field()

    @op.default
    def _op(self) -> str:
        return self.circuit.value


@frozen
class Request:
    """One call with its parameters, in the order in which they are sent; the values are text."""

    endpoint: Endpoint
    parameters: Mapping[str, str] = field(factory=dict)

    @property
    def cost(self) -> Cost:
        """What it adds to the venue's counters."""
        return request_cost(self.endpoint.method, self.endpoint.path, self.parameters)


def ask(
    path: str,
    security: Security = Security.SIGNED,
    circuit: Operation = Operation.QUERY,
    purpose: RequestClass = RequestClass.CRITICAL,
) -> Endpoint:
    """Return a question; one about the account unless said otherwise."""
    return Endpoint(method="GET", path=path, circuit=circuit, purpose=purpose, security=security)


def write(
    method: str, path: str, circuit: Operation, purpose: RequestClass, op: str | None = None
) -> Endpoint:
    """Return a call that changes something."""
    return Endpoint(
        method=method, path=path, circuit=circuit, purpose=purpose, op=op or circuit.value
    )


_ORDER: Final = "/fapi/v1/order"
_ALGO: Final = "/fapi/v1/algoOrder"

# orders: what only shrinks a position has a circuit and a budget of its own
PLACE: Final = write("POST", _ORDER, Operation.PLACE, RequestClass.NEW_RISK)
PLACE_REDUCE: Final = write("POST", _ORDER, Operation.REDUCE, RequestClass.REDUCE)
AMEND: Final = write("PUT", _ORDER, Operation.AMEND, RequestClass.NEW_RISK)
AMEND_REDUCE: Final = write("PUT", _ORDER, Operation.REDUCE, RequestClass.REDUCE)
CANCEL: Final = write("DELETE", _ORDER, Operation.CANCEL, RequestClass.CANCEL)
CANCEL_BATCH: Final = write("DELETE", "/fapi/v1/batchOrders", Operation.CANCEL, RequestClass.CANCEL)
PLACE_CONDITIONAL: Final = write("POST", _ALGO, Operation.PLACE, RequestClass.NEW_RISK)
PLACE_CONDITIONAL_REDUCE: Final = write("POST", _ALGO, Operation.REDUCE, RequestClass.REDUCE)
CANCEL_CONDITIONAL: Final = write("DELETE", _ALGO, Operation.CANCEL, RequestClass.CANCEL)
# renewing it hinders neither cancels nor the clock, so it fails in the circuit of the other renewal
COUNTDOWN: Final = write(
    "POST",
    "/fapi/v1/countdownCancelAll",
    Operation.LISTEN_KEY,
    RequestClass.CRITICAL,
    COUNTDOWN_OP,
)
SET_LEVERAGE: Final = write(
    "POST", "/fapi/v1/leverage", Operation.CONNECT, RequestClass.CRITICAL, "set_leverage"
)

QUERY: Final = ask(_ORDER)
QUERY_CONDITIONAL: Final = ask(_ALGO)
OPEN_ORDERS: Final = ask("/fapi/v1/openOrders")
OPEN_CONDITIONALS: Final = ask("/fapi/v1/openAlgoOrders")
TRADES: Final = ask("/fapi/v1/userTrades")
POSITIONS: Final = ask("/fapi/v3/positionRisk")
BALANCES: Final = ask("/fapi/v3/balance")
INCOME: Final = ask("/fapi/v1/income")
ACCOUNT: Final = ask("/fapi/v3/account")
POSITION_MODE: Final = ask("/fapi/v1/positionSide/dual", circuit=Operation.CONNECT)
SYMBOL_CONFIG: Final = ask("/fapi/v1/symbolConfig", circuit=Operation.CONNECT)

TIME: Final = ask("/fapi/v1/time", Security.NONE, Operation.CONNECT)
DEPTH: Final = ask(
    "/fapi/v1/depth", Security.NONE, Operation.SNAPSHOT, purpose=RequestClass.NEW_RISK
)

_BACKGROUND: Final = RequestClass.BACKGROUND
EXCHANGE_INFO: Final = ask("/fapi/v1/exchangeInfo", Security.NONE, Operation.SNAPSHOT, _BACKGROUND)
BRACKETS: Final = ask("/fapi/v1/leverageBracket", purpose=_BACKGROUND)
COMMISSION: Final = ask("/fapi/v1/commissionRate", purpose=_BACKGROUND)
LAST_PRICE: Final = ask("/fapi/v2/ticker/price", Security.NONE, Operation.SNAPSHOT, _BACKGROUND)


def _listen_key(method: str) -> Endpoint:
    return Endpoint(
        method=method,
        path=LISTEN_KEY_PATH,
        circuit=Operation.LISTEN_KEY,
        purpose=RequestClass.CRITICAL,
        security=Security.KEY,
    )


MAKE_LISTEN_KEY: Final = _listen_key("POST")
KEEP_LISTEN_KEY: Final = _listen_key("PUT")
CLOSE_LISTEN_KEY: Final = _listen_key("DELETE")
