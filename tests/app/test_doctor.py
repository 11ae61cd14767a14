"""``grinder doctor``: what it finds, how it judges, and that it only asks."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.binance.exchange_rules import ExchangeInfo
from grinder_adapters.binance.key_rights import KeyRights, read_key_rights
from grinder_adapters.binance.permission import PortKind
from grinder_adapters.binance.venue_clock import ClockReading
from grinder_adapters.clock import SystemClock
from grinder_adapters.local_venue.assembly import VenueOptions, assemble
from grinder_adapters.local_venue.exchange_info import LOCAL_SYMBOLS, render
from grinder_adapters.local_venue.server import VenueServer
from grinder_adapters.local_venue.venue import LocalVenue
from grinder_adapters.transport import HttpAnswer
from grinder_app.cli import run
from grinder_app.config import load_settings
from grinder_app.config.live_plan import LiveFlags
from grinder_app.config.live_settings import LiveSettings
from grinder_app.runner.doctor import Patient, examine
from grinder_app.runner.doctor_findings import DoctorReport, Finding, Verdict
from grinder_app.runner.doctor_machine import (
    Machine,
    examine_extras,
    examine_lock,
    examine_python,
    examine_state_folder,
    judge_space,
    judge_sync,
    measure_sync_us,
)
from grinder_app.runner.doctor_sizes import examine_listing, examine_sizes
from grinder_app.runner.doctor_venue import Reach, judge_clock, judge_rights
from grinder_core.contracts.limits import SymbolConstraints
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ConnectorError

PAIR = {"BINANCE_API_KEY": "hidden-key", "BINANCE_API_SECRET": "hidden-secret"}
SOUND = Machine(
    free_bytes=lambda _folder: 10 << 30, sync_us=lambda _folder: 100, has_library=lambda _name: True
)
NOW = 1_700_000_000_000


@pytest.fixture(autouse=True)
def _empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def examined(
    environ: dict[str, str] | None = None,
    *,
    reach: Reach | None = None,
    machine: Machine = SOUND,
    sets: dict[str, str] | None = None,
    **flags: Any,
) -> DoctorReport:
    variables = environ or {}
    patient = Patient(
        load=lambda: load_settings(None, environment=variables, flags=sets or {}),
        flags=LiveFlags(**flags),
        environ=variables,
    )
    return asyncio.run(examine(patient, machine=machine, reach=reach))


def named(report: DoctorReport, name: str) -> Finding:
    found = [finding for finding in report.findings if finding.name == name]
    assert len(found) == 1, [f.name for f in report.findings]
    return found[0]


def verdicts(report: DoctorReport) -> dict[str, str]:
    return {finding.name: finding.verdict.value for finding in report.findings}


# -- a venue in memory -----------------------------------------------------------------------------


RIGHTS: dict[str, Any] = {
    "ipRestrict": True,
    "createTime": NOW,
    "enableReading": True,
    "enableWithdrawals": False,
    "enableInternalTransfer": False,
    "enableMargin": False,
    "enableFutures": True,
    "permitsUniversalTransfer": False,
    "enableVanillaOptions": False,
    "enableSpotAndMarginTrading": False,
}


class StillClock:
    def now_ms(self) -> int:
        return NOW


@define
class Scripted:
    """Answers by path; remembers what it was asked, by method and address without the query."""

    answers: Mapping[str, object]
    # without it the request budget waits for the end of a minute that is not ours to know
    headers: Mapping[str, str] = field(factory=lambda: {"x-mbx-used-weight-1m": "1"})
    asked: list[tuple[str, str, dict[str, str]]] = field(factory=list)

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_ms: int
    ) -> HttpAnswer:
        address = url.partition("?")[0]
        self.asked.append((method, address, dict(headers)))
        path = "/" + address.split("/", 3)[3]
        if path not in self.answers:
            return HttpAnswer(404, b'{"code":-5000,"msg":"no such path"}', dict(self.headers))
        answer = self.answers[path]
        return HttpAnswer(200, orjson.dumps(answer), dict(self.headers))

    async def close(self) -> None:
        return


def a_venue(**changes: object) -> Scripted:
    """A venue where everything is as a live run on XRPUSDT wants it."""
    return Scripted(
        {
            "/fapi/v1/time": {"serverTime": NOW},
            "/api/v3/time": {"serverTime": NOW},
            "/fapi/v1/exchangeInfo": render(LOCAL_SYMBOLS, NOW),
            "/fapi/v1/depth": {
                "lastUpdateId": 1,
                "E": NOW,
                "T": NOW,
                "bids": [["2.1999", "100"]],
                "asks": [["2.2001", "100"]],
            },
            "/fapi/v1/positionSide/dual": {"dualSidePosition": False},
            "/fapi/v1/symbolConfig": [
                {
                    "symbol": "XRPUSDT",
                    "marginType": "CROSSED",
                    "isAutoAddMargin": False,
                    "leverage": 1,
                    "maxNotionalValue": "1000000",
                }
            ],
            "/sapi/v1/account/apiRestrictions": RIGHTS,
            **changes,
        }
    )


async def at_once(_seconds: float) -> None:
    await asyncio.sleep(0)


def reaching(venue: Scripted) -> Reach:
    return Reach(transport=lambda: venue, clock=StillClock(), sleep=at_once)


REAL = {
    **PAIR,
    "GRINDER_REST_URL": "https://fapi.binance.com",
    "GRINDER_SYMBOLS": "XRPUSDT",
    "GRINDER_EXCHANGE_PORT": "futures",
    "GRINDER_WEBHOOK_URL": "https://alerts.example.org/hidden-path",
    "GRINDER_WEBHOOK_SECRET": "hidden-secret-of-the-webhook",
}


# -- the whole -------------------------------------------------------------------------------------


def test_without_an_address_all_is_well_at_an_exchange_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["doctor", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["fail"] == 0
    assert told["ok"] + told["warn"] == len(told["checks"])
    checks = {check["name"]: check for check in told["checks"]}
    assert set(checks) >= {
        "python",
        "extras",
        "configuration",
        "permission",
        "state folder",
        "state lock",
        "disk space",
        "disk latency",
        "venue",
        "clock",
        "rate limits",
        "symbol XRPUSDT",
        "position mode",
        "leverage XRPUSDT",
        "key rights",
    }
    assert checks["key rights"]["found"] == "local pair: no such rights"
    assert "127.0.0.1" in checks["venue"]["found"]
    assert list(Path().iterdir()) == []  # nothing is left behind


def test_a_table_names_each_check_and_a_failure_ends_with_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["doctor", "--armed", "--symbols", "XRPUSDT,NOPEUSDT"]) == 1
    table = capsys.readouterr().out
    assert "FAIL" in table
    assert "GRINDER_MODE=live_trade" in table
    assert "symbol NOPEUSDT" in table
    assert "leverage NOPEUSDT" not in table


def test_settings_that_do_not_load_are_a_finding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRINDER_HA_ENABLED", "1")
    assert run(["doctor", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    wrong = told["checks"][-1]
    assert wrong["name"] == "configuration"
    assert "leader election" in wrong["found"]
    assert wrong["remedy"]


def at_server(venue: LocalVenue, **flags: Any) -> DoctorReport:
    async def go() -> DoctorReport:
        server = VenueServer(venue, SystemClock())
        url = await server.start()
        patient = Patient(
            load=lambda: load_settings(None, environment={}),
            flags=LiveFlags(rest_url=url, symbols=("BTCUSDT",), **flags),
            environ={},
        )
        try:
            return await examine(patient, machine=SOUND)
        finally:
            await server.close()

    return asyncio.run(go())


def test_a_running_exchange_is_only_asked() -> None:
    venue = assemble(VenueOptions())
    report = at_server(venue)
    assert named(report, "venue").verdict is Verdict.OK
    assert named(report, "position mode").verdict is Verdict.OK
    assert named(report, "symbol BTCUSDT").verdict is Verdict.WARN  # it has no market
    records = list(venue.log)
    assert len(records) > 5
    assert {record.method for record in records} == {"GET"}
    assert venue.log.writes_total == 0


def test_hedge_mode_fails() -> None:
    venue = assemble(VenueOptions())
    venue.exchange.set_position_mode("main", hedged=True, now=SystemClock().now_ms())
    mode = named(at_server(venue), "position mode")
    assert mode.verdict is Verdict.FAIL
    assert "switch" in mode.remedy


def test_nobody_there_is_a_finding_and_nothing_more_is_asked() -> None:
    report = examined(rest_url="http://127.0.0.1:1", symbols=("BTCUSDT",))
    assert report.findings[-1].name == "venue"
    assert report.findings[-1].verdict is Verdict.FAIL


# -- real money ------------------------------------------------------------------------------------


def test_all_is_well_at_a_real_venue_and_only_questions_leave() -> None:
    venue = a_venue()
    report = examined(REAL, reach=reaching(venue))
    assert set(verdicts(report).values()) == {"OK"}, report.findings
    assert {method for method, _, _ in venue.asked} == {"GET"}
    hosts = {address.split("/")[2] for _, address, _ in venue.asked}
    assert hosts == {"fapi.binance.com", "api.binance.com"}
    assert "hidden" not in repr(report)


def test_a_key_that_can_withdraw_is_refused() -> None:
    rights = {"/sapi/v1/account/apiRestrictions": {**RIGHTS, "enableWithdrawals": True}}
    report = examined(REAL, reach=reaching(a_venue(**rights)))
    assert named(report, "key rights").verdict is Verdict.FAIL
    assert "withdraw" in named(report, "key rights").found
    assert report.has_failed


@pytest.mark.parametrize("answer", [None, {}, {**RIGHTS, "enableWithdrawals": "false"}])
def test_rights_that_a_real_venue_does_not_tell_fail(answer: object) -> None:
    venue = a_venue(**{"/sapi/v1/account/apiRestrictions": answer})
    assert named(examined(REAL, reach=reaching(venue)), "key rights").verdict is Verdict.FAIL


def test_no_key_goes_to_a_host_that_nobody_named() -> None:
    venue = a_venue()
    environ = {
        **REAL,
        "GRINDER_REST_URL": "https://proxy.example",
        "GRINDER_WS_URL": "wss://proxy.example",
    }
    report = examined(environ, reach=reaching(venue))
    assert named(report, "key rights").verdict is Verdict.WARN
    assert {address.split("/")[2] for _, address, _ in venue.asked} == {"proxy.example"}


def test_a_test_venue_is_not_asked_for_rights() -> None:
    venue = a_venue()
    environ = {**REAL, "GRINDER_REST_URL": "https://demo-fapi.binance.com"}
    report = examined(environ, reach=reaching(venue))
    assert named(report, "key rights").verdict is Verdict.OK
    assert not [address for _, address, _ in venue.asked if "sapi" in address]


def test_without_a_key_nothing_is_asked_about_an_account() -> None:
    venue = a_venue()
    environ = {name: value for name, value in REAL.items() if name not in PAIR}
    report = examined(environ, reach=reaching(venue))
    assert named(report, "account").verdict is Verdict.OK
    assert named(report, "key rights").found == "there is no key"
    assert not [headers for _, _, headers in venue.asked if "X-MBX-APIKEY" in headers]


def test_loopback_that_is_no_local_exchange_fails_and_gets_only_the_local_pair() -> None:
    venue = a_venue()
    environ = {**REAL, "GRINDER_REST_URL": "http://127.0.0.1:9"}
    report = examined(environ, reach=reaching(venue))
    assert named(report, "venue").verdict is Verdict.FAIL
    keys = {headers.get("X-MBX-APIKEY") for _, _, headers in venue.asked}
    assert keys <= {None, "grinder-local-key"}


def test_a_leverage_that_an_armed_run_would_change_is_told() -> None:
    config = {
        "symbol": "XRPUSDT",
        "marginType": "ISOLATED",
        "isAutoAddMargin": False,
        "leverage": 20,
        "maxNotionalValue": "1",
    }
    venue = a_venue(**{"/fapi/v1/symbolConfig": [config]})
    found = named(examined(REAL, reach=reaching(venue)), "leverage XRPUSDT")
    assert found.verdict is Verdict.WARN
    assert found.found == "20, isolated"
    assert "sets it to 1" in found.remedy


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/fapi/v1/exchangeInfo", "exchange rules"),
        ("/fapi/v1/depth", "symbol XRPUSDT"),
        ("/fapi/v1/positionSide/dual", "position mode"),
        ("/fapi/v1/symbolConfig", "leverage XRPUSDT"),
    ],
)
@pytest.mark.parametrize("answer", [{}, [], "what"])
def test_an_answer_that_makes_no_sense_is_a_finding(path: str, name: str, answer: object) -> None:
    report = examined(REAL, reach=reaching(a_venue(**{path: answer})))
    assert named(report, name).verdict is Verdict.FAIL


def test_a_venue_that_states_no_limits_fails() -> None:
    rules = {**render(LOCAL_SYMBOLS, NOW), "rateLimits": []}
    report = examined(REAL, reach=reaching(a_venue(**{"/fapi/v1/exchangeInfo": rules})))
    assert named(report, "rate limits").verdict is Verdict.FAIL


def test_spot_is_looked_at_as_far_as_these_checks_know_it() -> None:
    environ = {
        **REAL,
        "GRINDER_REST_URL": "https://api.binance.com",
        "GRINDER_EXCHANGE_PORT": "spot",
    }
    rights = {**RIGHTS, "enableFutures": False, "enableSpotAndMarginTrading": True}
    venue = a_venue(**{"/sapi/v1/account/apiRestrictions": rights})
    report = examined(environ, reach=reaching(venue))
    assert named(report, "exchange rules").verdict is Verdict.WARN
    assert named(report, "key rights").verdict is Verdict.OK
    assert not [address for _, address, _ in venue.asked if "/fapi/" in address]


# -- permission ------------------------------------------------------------------------------------


def test_an_armed_run_without_its_guards_fails_with_all_of_them() -> None:
    found = named(examined({**REAL, "ARMED": "1"}, reach=reaching(a_venue())), "permission")
    assert found.verdict is Verdict.FAIL
    for guard in ("mode:", "acknowledgement:", "allow_mainnet:", "max_notional_per_order:"):
        assert guard in found.remedy


def test_an_armed_run_with_its_guards_is_told_that_it_will_write() -> None:
    environ = {"ARMED": "1", "GRINDER_MODE": "live_trade", "GRINDER_EXCHANGE_PORT": "sim"}
    found = named(examined(environ), "permission")
    assert found.verdict is Verdict.OK
    assert "orders will be sent" in found.found


# -- judgements over all values --------------------------------------------------------------------


@given(st.integers(0, 1 << 45))
def test_space_is_judged_by_what_is_left(free: int) -> None:
    expected = "FAIL" if free < 256 * 1024**2 else "WARN" if free < 2 * 1024**3 else "OK"
    assert judge_space(free).verdict.value == expected


@given(st.integers(0, 10**7))
def test_a_slow_disk_is_told(sync_us: int) -> None:
    expected = "FAIL" if sync_us >= 200_000 else "WARN" if sync_us >= 20_000 else "OK"
    assert judge_sync(sync_us).verdict.value == expected


@given(offset=st.integers(-5_000, 5_000), error=st.integers(0, 5_000))
def test_a_clock_that_is_off_by_more_than_a_second_fails(offset: int, error: int) -> None:
    found = judge_clock(ClockReading(offset_ms=offset, error_ms=error, taken_ms=NOW))
    if abs(offset) > 1_000:
        assert found.verdict is Verdict.FAIL
    else:
        assert (found.verdict is Verdict.WARN) is (abs(offset) + error > 500)
    assert f"{offset:+d} ms" in found.found


FLAGS = ("read", "futures", "spot", "withdraw", "transfer", "bound")


@given(has=st.sets(st.sampled_from(FLAGS)), port=st.sampled_from(PortKind))
def test_a_key_may_trade_and_nothing_else(has: set[str], port: PortKind) -> None:
    rights = KeyRights(
        can_read="read" in has,
        can_trade_futures="futures" in has,
        can_trade_spot="spot" in has,
        can_withdraw="withdraw" in has,
        can_transfer="transfer" in has,
        is_bound_to_ip="bound" in has,
    )
    needed = {PortKind.FUTURES: "futures", PortKind.SPOT: "spot"}.get(port)
    lacks = "read" not in has or (needed is not None and needed not in has)
    found = judge_rights(rights, port)
    if "withdraw" in has or lacks:
        assert found.verdict is Verdict.FAIL
    elif "transfer" in has or "bound" not in has:
        assert found.verdict is Verdict.WARN
    else:
        assert found.verdict is Verdict.OK
    assert bool(found.remedy) is (found.verdict is not Verdict.OK)


@pytest.mark.parametrize(
    "name",
    ["enableWithdrawals", "enableInternalTransfer", "permitsUniversalTransfer", "ipRestrict"],
)
def test_rights_with_a_flag_missing_are_not_believed(name: str) -> None:
    read_key_rights(orjson.dumps(RIGHTS))
    body = {key: value for key, value in RIGHTS.items() if key != name}
    with pytest.raises(ConnectorError, match=name):
        read_key_rights(orjson.dumps(body))


@pytest.mark.parametrize("name", ["enableInternalTransfer", "permitsUniversalTransfer"])
def test_either_kind_of_transfer_counts(name: str) -> None:
    assert read_key_rights(orjson.dumps({**RIGHTS, name: True})).can_transfer
    assert not read_key_rights(orjson.dumps(RIGHTS)).can_transfer


# -- sizes -----------------------------------------------------------------------------------------


RULES = SymbolConstraints(step_size=Decimal("0.1"), min_qty=Decimal("0.1"), min_notional=Decimal(5))


def sized(**settings: Any) -> Finding:
    cap = settings.pop("cap", None)
    mid = settings.pop("mid", Decimal(2))
    engine = EngineConfig.flat(**{"levels": 1, "spacing_bps": 1000, **settings})
    live = LiveSettings(max_notional_per_order=cap)
    return examine_sizes(engine, live, "XRPUSDT", RULES, mid)


def test_a_level_must_hold_the_least_order_at_its_farthest_price() -> None:
    # the lowest level is at 1.8, so that 5 of notional need 2.8: 5.04 there, 5.6 at the mid
    small = sized(notional_per_level="5.5")
    assert small.verdict is Verdict.FAIL
    assert "5.6 or more" in small.remedy
    assert sized(notional_per_level="5.6").verdict is Verdict.OK


def test_a_size_in_base_asset_is_judged_alike() -> None:
    assert sized(size_per_level="2.79").verdict is Verdict.FAIL  # rounds to 2.7, 4.86 there
    assert sized(size_per_level="2.8").verdict is Verdict.OK
    assert sized(size_per_level="0.05").verdict is Verdict.FAIL


def test_a_level_above_our_own_cap_fails_before_the_port_refuses_it() -> None:
    # the highest level is at 2.2: 10 of 2.2 each
    assert sized(size_per_level="10", cap=Decimal(22)).verdict is Verdict.OK
    assert sized(size_per_level="10", cap=Decimal("21.99")).verdict is Verdict.FAIL


def test_without_a_price_nothing_is_claimed() -> None:
    assert sized(mid=None).verdict is Verdict.WARN


@given(
    notional=st.decimals("0.01", "100", places=2),
    mid=st.decimals("0.01", "1000", places=2),
)
def test_what_the_remedy_names_is_enough(notional: Decimal, mid: Decimal) -> None:
    found = sized(notional_per_level=notional, mid=mid)
    if found.verdict is Verdict.OK:
        return
    enough = Decimal(found.remedy.split(" to ")[1].split(" ")[0])
    assert sized(notional_per_level=enough, mid=mid).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("status", "ok"), [("TRADING", True), ("BREAK", False), ("", False), ("SETTLING", False)]
)
def test_a_symbol_that_does_not_trade_fails(status: str, ok: bool) -> None:
    info = ExchangeInfo(
        constraints={"XRPUSDT": RULES}, statuses={"XRPUSDT": status}, rate_limits={}, warnings=()
    )
    assert (examine_listing("XRPUSDT", info) is None) is ok
    assert examine_listing("OTHER", info) is not None


# -- the machine -----------------------------------------------------------------------------------


def state_findings(folder: Path, machine: Machine = SOUND) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine_state_folder(folder, machine)}


def test_a_folder_that_will_be_made_is_fine_and_is_not_made(tmp_path: Path) -> None:
    found = state_findings(tmp_path / "a" / "b")
    assert all(finding.verdict is Verdict.OK for finding in found.values())
    assert "will be made" in found["state folder"].found
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("mode", "verdict"),
    [(0o700, "OK"), (0o755, "OK"), (0o770, "FAIL"), (0o702, "FAIL"), (0o777, "FAIL")],
)
def test_a_folder_that_others_may_write_fails(tmp_path: Path, mode: int, verdict: str) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    folder.chmod(mode)
    found = state_findings(folder)["state folder"]
    assert found.verdict.value == verdict
    assert ("chmod" in found.remedy) is (verdict == "FAIL")


def test_a_folder_that_cannot_be_written_fails_and_its_disk_is_not_timed(tmp_path: Path) -> None:
    found = state_findings(tmp_path, Machine(can_write=lambda _folder: False))
    assert found["state folder"].verdict is Verdict.FAIL
    assert "disk latency" not in found


def test_a_file_in_the_place_of_the_folder_fails(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        found = state_findings(place)
        assert found["state folder"].verdict is Verdict.FAIL
        assert set(found) == {"state folder"}


def test_a_held_lock_names_its_holder_and_stays_held(tmp_path: Path) -> None:
    path = tmp_path / "LOCK"
    assert examine_lock(tmp_path).verdict is Verdict.OK
    path.write_text('{"host":"there","pid":4711,"since_ms":1}\n')
    assert examine_lock(tmp_path).verdict is Verdict.OK  # left behind by a process that ended
    with path.open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        found = examine_lock(tmp_path)
        assert found.verdict is Verdict.WARN
        assert "process 4711 on there" in found.found
        path.write_text("what")
        assert "not said" in examine_lock(tmp_path).found
    with path.open("r+") as free:
        fcntl.flock(free, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_timing_the_disk_leaves_nothing(tmp_path: Path) -> None:
    assert measure_sync_us(tmp_path) >= 0
    assert os.listdir(tmp_path) == []


def test_missing_libraries_are_told_with_what_to_install() -> None:
    found = examine_extras(Machine(has_library=lambda name: name != "plotly"))
    assert found.verdict is Verdict.WARN
    assert "plotly" in found.found
    assert "grinder[report]" in found.remedy
    assert examine_extras(SOUND).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("version", "verdict"), [((3, 10, 9), "FAIL"), ((3, 11, 0), "OK"), ((4, 0, 0), "OK")]
)
def test_an_old_python_fails(version: tuple[int, int, int], verdict: str) -> None:
    assert examine_python(version).verdict.value == verdict
