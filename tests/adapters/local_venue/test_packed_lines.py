"""Packed lines are a list that forgets its oldest ones, in little memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.local_venue.packed_lines import PackedLines

LINES = st.lists(st.binary(max_size=5).filter(lambda line: b"\n" not in line), max_size=40)


@given(st.integers(1, 12), st.integers(1, 5), LINES)
def test_they_are_the_newest_of_a_plain_list(keep: int, block: int, lines: list[bytes]) -> None:
    packed = PackedLines(keep, block)
    for count, line in enumerate(lines, 1):
        packed.append(line)
        assert len(packed) == min(count, keep)
    for most in range(keep + 2):
        assert packed.newest(most) == lines[len(lines) - min(most, len(packed)) :]


@given(st.integers(1, 12), st.integers(1, 5), st.integers(0, 60))
def test_no_more_is_held_than_can_be_read_and_a_block(keep: int, block: int, count: int) -> None:
    packed = PackedLines(keep, block)
    for _ in range(count):
        packed.append(b"x")
    held = len(packed._blocks) * block + packed._tail_lines
    assert held < keep + block


def test_lines_that_resemble_each_other_take_a_fraction_of_their_length() -> None:
    packed, length = PackedLines(10_000), 0
    for number in range(10_000):
        line = f"17000{number:08d} 90123.4 90130.{number % 10} 90101.2 90125.6 12.345".encode()
        length += len(line)
        packed.append(line)
    held = sum(map(len, packed._blocks)) + len(packed._tail)
    assert held < length / 4
