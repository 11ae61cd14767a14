"""SplitMix64 against its published outputs, and the streams built on it."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.draws import NORMAL_UNIT, draw, draw_below, normal, stream_seed
from grinder_core.errors import ContractError

SEEDS = st.integers(min_value=0, max_value=2**64 - 1)
POSITIONS = st.integers(min_value=0, max_value=10**9)


def test_draws_are_the_published_outputs_of_splitmix64() -> None:
    published = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    assert [draw(1234567, n) for n in range(5)] == published


def test_draws_from_seed_zero_are_the_published_ones() -> None:
    assert [draw(0, n) for n in range(3)] == [
        0xE220A8397B1DCDAF,
        0x6E789E6AA1B965F4,
        0x06C45D188009454F,
    ]


@given(SEEDS, POSITIONS)
def test_a_draw_is_64_bits_and_advancing_the_seed_equals_advancing_n(seed: int, n: int) -> None:
    assert 0 <= draw(seed, n) < 2**64
    assert draw(seed + 0x9E3779B97F4A7C15, n) == draw(seed, n + 1)


def test_a_stream_seed_is_the_start_of_the_hash_of_root_and_name() -> None:
    expected = hashlib.sha256(b'[42,"prices"]').digest()[:8]
    assert stream_seed(42, "prices") == int.from_bytes(expected, "big")


@given(SEEDS, POSITIONS, st.integers(min_value=1, max_value=2**32))
def test_a_limited_draw_stays_below_its_limit(seed: int, n: int, limit: int) -> None:
    assert 0 <= draw_below(seed, n, limit) < limit


def test_limited_draws_reach_every_value_about_equally_often() -> None:
    counts = [0] * 6
    for n in range(6_000):
        counts[draw_below(7, n, 6)] += 1
    assert all(850 < count < 1150 for count in counts)


def test_normals_have_mean_zero_and_variance_one() -> None:
    values = [normal(3, n) for n in range(4_000)]
    mean_x1000 = sum(values) * 1000 // (len(values) * NORMAL_UNIT)
    variance_x1000 = sum(v * v for v in values) * 1000 // (len(values) * NORMAL_UNIT**2)
    assert -50 <= mean_x1000 <= 50
    assert 930 <= variance_x1000 <= 1070


@given(SEEDS, POSITIONS)
def test_a_normal_stays_within_six_deviations(seed: int, n: int) -> None:
    assert abs(normal(seed, n)) <= 6 * NORMAL_UNIT


@pytest.mark.parametrize("limit", [0, -1, 2**32 + 1])
def test_a_limit_outside_its_range_is_refused(limit: int) -> None:
    with pytest.raises(ContractError, match="limit"):
        draw_below(0, 0, limit)


def test_a_negative_position_is_refused() -> None:
    with pytest.raises(ContractError, match="n = -1"):
        draw(0, -1)
