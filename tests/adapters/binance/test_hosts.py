"""An address is play or money by its exact host; unknown is money (LIVE-07, I-07.2)."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from grinder_adapters.binance.hosts import VenueClass, VenueUrls, venue_class
from grinder_core.errors import ConfigError

TESTNET = [
    "demo-fapi.binance.com",
    "testnet.binancefuture.com",
    "fstream.binancefuture.com",
    "demo-fstream.binance.com",
    "testnet.binance.vision",
    "stream.testnet.binance.vision",
]
LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(".".join)


@pytest.mark.parametrize("host", TESTNET)
@pytest.mark.parametrize("scheme", ["https", "wss"])
@pytest.mark.parametrize("port", ["", ":443"])
def test_the_demo_hosts_are_known_by_name(host: str, scheme: str, port: str) -> None:
    assert venue_class(f"{scheme}://{host}{port}") is VenueClass.TESTNET
    assert venue_class(f"{scheme}://{host.upper()}{port}") is VenueClass.TESTNET


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "localhost", "[::1]"])
@pytest.mark.parametrize("scheme", ["http", "ws", "https", "wss"])
def test_loopback_is_the_simulator(host: str, scheme: str) -> None:
    assert venue_class(f"{scheme}://{host}:8080") is VenueClass.SIM


@pytest.mark.parametrize(
    "host",
    [
        "fapi.binance.com",
        "fstream.binance.com",
        "api.binance.com",
        "api1.testnet.binance.vision",
        "testnet.binance.vision.evil.org",
        "data.binance.vision",
        "demo-fapi.binance.com.evil.org",
        "evil-demo-fapi.binance.com",
        "demo-fapi.binance.com.",
        "127.0.0.1.evil.org",
        "localhost.evil.org",
        "10.0.0.1",
        "0.0.0.0",
        "[::ffff:10.0.0.1]",
    ],
)
def test_what_only_looks_like_a_known_host_is_mainnet(host: str) -> None:
    assert venue_class(f"https://{host}") is VenueClass.MAINNET


@given(NAMES)
def test_an_unknown_host_is_never_play_money(name: str) -> None:
    assume(name not in TESTNET and name != "localhost")
    try:
        is_loopback = ipaddress.ip_address(name).is_loopback
    except ValueError:
        is_loopback = False
    assume(not is_loopback)
    assert venue_class(f"https://{name}") is VenueClass.MAINNET


@pytest.mark.parametrize(
    "url",
    [
        "",
        "fapi.binance.com",
        "ftp://fapi.binance.com",
        "https://",
        "https://127.0.0.1@fapi.binance.com",
        "https://127.0.0.1\\@fapi.binance.com",
        "https://fapi.binance.com/",
        "https://fapi.binance.com/fapi",
        "https://fapi.binance.com?x",
        "https://fapi.binance.com#x",
        "https://fapi.binance.com:0",
        "https://fapi.binance.com:99999",
        "https://fapi.binance.com\n",
        "https://fa pi.binance.com",
        "https://[::1",
    ],
)
def test_anything_but_scheme_host_and_port_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        venue_class(url)


@given(NAMES, st.sampled_from(["http", "ws"]))
def test_nothing_leaves_the_machine_unencrypted(name: str, scheme: str) -> None:
    assume(name != "localhost" and not name.startswith("127."))
    with pytest.raises(ConfigError, match="encrypted"):
        venue_class(f"{scheme}://{name}")


REST = {
    VenueClass.SIM: "http://127.0.0.1:1",
    VenueClass.TESTNET: "https://demo-fapi.binance.com",
    VenueClass.MAINNET: "https://fapi.binance.com",
}
STREAM = {
    VenueClass.SIM: "ws://127.0.0.1:2",
    VenueClass.TESTNET: "wss://demo-fstream.binance.com",
    VenueClass.MAINNET: "wss://fstream.binance.com",
}


@pytest.mark.parametrize("rest", VenueClass)
@pytest.mark.parametrize("stream", VenueClass)
def test_both_addresses_of_a_venue_are_of_one_class(rest: VenueClass, stream: VenueClass) -> None:
    if rest is stream:
        assert VenueUrls(REST[rest], STREAM[stream]).venue_class is rest
    else:
        with pytest.raises(ConfigError, match=r"stream = .*class"):
            VenueUrls(REST[rest], STREAM[stream])


def test_the_addresses_are_not_swapped() -> None:
    with pytest.raises(ConfigError, match="https://"):
        VenueUrls("wss://fapi.binance.com", "wss://fstream.binance.com")
    with pytest.raises(ConfigError, match="wss://"):
        VenueUrls("https://fapi.binance.com", "https://fstream.binance.com")
