"""Environment variables with names of their own: Appendix A of live operation, and the endpoint's.

``VARIABLES`` are read: most set a setting, the rest is what must never stand in a file: arming,
acknowledgements, keys. ``ABSENT`` belong to features that are not there; a live command refuses
them, because who sets one relies on it. The page ``docs/reference/environment.md`` is made of
both.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from grinder_adapters.binance.permission import REAL_PORT_ACK
from grinder_app.config.live_keyring import KEYRING

ARMED: Final = "ARMED"
ALLOW_TESTNET_TRADE: Final = "ALLOW_TESTNET_TRADE"
ALLOW_MAINNET_TRADE: Final = "ALLOW_MAINNET_TRADE"
ACKNOWLEDGEMENT: Final = "GRINDER_REAL_PORT_ACK"
API_KEY: Final = "BINANCE_API_KEY"
API_SECRET: Final = "BINANCE_API_SECRET"
ADMIN_TOKEN: Final = "GRINDER_ADMIN_TOKEN"
ADMIN_TOKEN_SECONDARY: Final = "GRINDER_ADMIN_TOKEN_SECONDARY"
WEBHOOK_URL: Final = "GRINDER_WEBHOOK_URL"
WEBHOOK_SECRET: Final = "GRINDER_WEBHOOK_SECRET"
OVERRIDE: Final = "GRINDER_OPERATOR_OVERRIDE"
CONFIG_VARIABLE: Final = "GRINDER_CONFIG"
ENVIRONMENT: Final = "GRINDER_ENV"
FROM_FILE: Final = "_FILE"  # ends the name of the variable that names a secret's file


@frozen(kw_only=True)
class Variable:
    """One variable that is read.

    Attributes:
        setting: Dotted name of what it sets; the rest is then said there.
        kind: What it accepts.
        default: What holds without it, in words.
        meaning: What it is for.
        is_secret: It is never shown, and may stand in a file that ``NAME_FILE`` names.
        is_refusal_when_empty: Set but empty is an explicit no; for others it counts as unset.
        strictness: What a malformed value does.
    """

    name: str
    setting: str = ""
    kind: str = ""
    default: str = ""
    meaning: str = ""
    is_secret: bool = False
    is_refusal_when_empty: bool = False
    strictness: str = "refused"


@frozen
class Absent:
    """Variables of one feature that is not there."""

    feature: str
    names: tuple[str, ...]


_BOOL: Final = "true or false"

VARIABLES: Final = (
    Variable(
        name=ARMED,
        kind=_BOOL,
        default="false",
        meaning="Arms a run, as `--armed` does; an explicit no wins over the flag.",
        is_refusal_when_empty=True,
    ),
    Variable(
        name=ALLOW_TESTNET_TRADE,
        kind=_BOOL,
        default="false",
        meaning="Acknowledges orders to a test venue.",
        is_refusal_when_empty=True,
    ),
    Variable(
        name=ALLOW_MAINNET_TRADE,
        kind=_BOOL,
        default="false",
        meaning="Acknowledges orders that cost money.",
        is_refusal_when_empty=True,
    ),
    Variable(
        name=ACKNOWLEDGEMENT,
        kind=f"exactly `{REAL_PORT_ACK}`",
        default="unset",
        meaning="The second acknowledgement of orders that cost money.",
    ),
    Variable(
        name=API_KEY,
        kind="secret",
        default="unset",
        meaning="The key of the venue's account; with the secret or not at all.",
        is_secret=True,
    ),
    Variable(
        name=API_SECRET,
        kind="secret",
        default="unset",
        meaning="What requests are signed with; with the key or not at all.",
        is_secret=True,
    ),
    Variable(
        name=WEBHOOK_URL,
        kind="`https://` address; `http://` on this machine",
        default="unset: no alert is posted",
        meaning="Where alerts are posted; who knows it can often post there too, so it is secret.",
        is_secret=True,
    ),
    Variable(
        name=WEBHOOK_SECRET,
        kind="secret of at least 16 characters",
        default="unset",
        meaning="What posts are signed with; the `generic` format needs it.",
        is_secret=True,
    ),
    Variable(
        name=KEYRING,
        kind="name of a service",
        default="none",
        meaning="Takes key and secret from this service of the user's keyring; needs the extra "
        "`keyring`.",
    ),
    Variable(name="GRINDER_MODE", setting="live.safe_mode"),
    Variable(name="GRINDER_EXCHANGE_PORT", setting="live.exchange_port"),
    Variable(name="GRINDER_REST_URL", setting="live.rest_url"),
    Variable(name="GRINDER_WS_URL", setting="live.ws_url"),
    Variable(name="GRINDER_SYMBOLS", setting="live.symbol_whitelist"),
    Variable(
        name=OVERRIDE,
        kind="PAUSE or EMERGENCY",
        default="none",
        meaning="Holds new orders as long as the process runs; the most severe source holds.",
        strictness="refused at the start",
    ),
    Variable(
        name=ADMIN_TOKEN,
        kind="secret of at least 16 characters",
        default="unset",
        meaning="Opens the admin endpoint to who sends it; without it the endpoint is shut.",
        is_secret=True,
    ),
    Variable(
        name=ADMIN_TOKEN_SECONDARY,
        kind="secret of at least 16 characters",
        default="unset",
        meaning="Opens it too, so that the first can be changed while it is in use.",
        is_secret=True,
    ),
    Variable(name="GRINDER_ADMIN_HOST", setting="admin.admin_host"),
    Variable(name="GRINDER_ADMIN_PORT", setting="admin.admin_port"),
    Variable(name="GRINDER_STATE_DIR", setting="app.state_dir"),
    Variable(name=CONFIG_VARIABLE, kind="path", default="none", meaning="The configuration file."),
    Variable(
        name=ENVIRONMENT,
        kind="1 to 40 of letters, digits, `_`, `.`, `-`",
        default="prod",
        meaning="Name of the environment; what is for development never runs on mainnet.",
    ),
    Variable(
        name="ALLOW_LEGACY_ORDER_ID",
        setting="live.allow_legacy_order_id",
        is_refusal_when_empty=True,
    ),
    Variable(name="GRINDER_AUDIT_ENABLED", setting="audit.audit_enabled"),
    Variable(name="GRINDER_AUDIT_PATH", setting="audit.audit_path"),
    Variable(name="GRINDER_ARTIFACT_DIR", setting="app.artifact_dir"),
    # the older spelling (LIVE-34)
    Variable(name="GRINDER_ARTIFACTS_DIR", setting="app.artifact_dir"),
    Variable(name="GRINDER_DATA_DIR", setting="app.data_dir"),
    Variable(name="GRINDER_CACHE_DIR", setting="app.cache_dir"),
    Variable(name="GRINDER_LOG_LEVEL", setting="log.log_level"),
    Variable(name="GRINDER_LOG_FORMAT", setting="log.log_format"),
    Variable(name="GRINDER_LOG_FILE", setting="log.log_file"),
    Variable(name="GRINDER_WEBHOOK_MIN_SEVERITY", setting="webhook.webhook_min_severity"),
    Variable(name="GRINDER_HTTP_HOST", setting="live.http_host"),
    Variable(name="GRINDER_HTTP_PORT", setting="live.http_port"),
    Variable(name="GRINDER_FSM_EVIDENCE", setting="live.fsm_evidence_enabled"),
    Variable(name="GRINDER_CONSEC_LOSS_ENABLED", setting="risk.consec_loss_enabled"),
    Variable(name="GRINDER_CONSEC_LOSS_THRESHOLD", setting="risk.consec_loss_threshold"),
    Variable(name="RECONCILE_INTERVAL_MS", setting="live.reconcile_interval_ms"),
    Variable(name="GRINDER_FILL_MODEL_ENFORCE", setting="fill_gate.fill_model_enforce"),
    Variable(name="GRINDER_FILL_PROB_MIN_BPS", setting="fill_gate.fill_prob_min_bps"),
    Variable(
        name="GRINDER_FILL_PROB_CB_WINDOW_SECONDS", setting="fill_gate.fill_prob_cb_window_seconds"
    ),
    Variable(
        name="GRINDER_FILL_PROB_CB_MAX_BLOCK_RATE_PCT",
        setting="fill_gate.fill_prob_cb_max_block_rate_pct",
    ),
)

ABSENT: Final = (
    Absent("a file of its own for losing streaks", ("GRINDER_CONSEC_LOSS_STATE_PATH",)),
    Absent(
        "leader election",
        (
            "GRINDER_REDIS_URL",
            "GRINDER_HA_ENABLED",
            "GRINDER_HA_LOCK_TTL_MS",
            "GRINDER_HA_RENEW_INTERVAL_MS",
        ),
    ),
    Absent(
        "the reconcile loop with its actions",
        (
            "RECONCILE_ENABLED",
            "RECONCILE_ACTION",
            "RECONCILE_DRY_RUN",
            "RECONCILE_ALLOW_ACTIVE",
            "RECONCILE_DETECT_ONLY",
            "RECONCILE_REQUIRE_ACTIVE_ROLE",
        ),
    ),
    Absent(
        "remediation",
        (
            "REMEDIATION_MODE",
            "REMEDIATION_STRATEGY_ALLOWLIST",
            "REMEDIATION_SYMBOL_ALLOWLIST",
            "MAX_CALLS_PER_DAY",
            "MAX_CALLS_PER_RUN",
            "MAX_NOTIONAL_PER_DAY",
            "MAX_NOTIONAL_PER_RUN",
            "FLATTEN_MAX_NOTIONAL_PER_CALL",
            "BUDGET_STATE_PATH",
        ),
    ),
    Absent("removal of old runs", ("GRINDER_ARTIFACT_RETENTION_DAYS",)),
    Absent(
        "evidence files other than of the operating state",
        (
            "GRINDER_ACCOUNT_EVIDENCE",
            "GRINDER_CONSEC_LOSS_EVIDENCE",
            "GRINDER_FILL_PROB_EVIDENCE",
        ),
    ),
    Absent("loading a fill model", ("GRINDER_FILL_MODEL_ENABLED", "GRINDER_FILL_MODEL_DIR")),
    Absent(
        "thresholds out of an evaluation report",
        (
            "GRINDER_FILL_PROB_EVAL_DIR",
            "GRINDER_FILL_PROB_AUTO_THRESHOLD",
            "GRINDER_FILL_PROB_EVAL_MAX_AGE_HOURS",
        ),
    ),
    Absent("learned signals", ("ML_KILL_SWITCH",)),
    Absent("a frozen time of artifacts", ("GRINDER_FREEZE_UTC_ISO",)),
)

BY_NAME: Final = {variable.name: variable for variable in VARIABLES}
BY_SETTING: Final = {v.name: v.setting for v in VARIABLES if v.setting}
SECRET_FILES: Final = {f"{v.name}{FROM_FILE}": v.name for v in VARIABLES if v.is_secret}
FEATURES: Final = {name: absent.feature for absent in ABSENT for name in absent.names}
