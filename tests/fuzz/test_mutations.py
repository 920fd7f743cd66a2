"""Valid files, damaged at random: each is read, or refused with a CardError that says why."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cards.errors import CardError
from tests.fuzz.seeds import SEEDS, TARGETS


@st.composite
def damaged(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A seed with one to four places flipped, cut, spliced with another, repeated, or given a false length."""
    content = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 40)))
        other = draw(st.sampled_from(seeds))
        match draw(st.sampled_from(["flip", "cut", "splice", "repeat", "length", "end", "insert"])):
            case "flip" if start < len(content):
                mask = draw(st.integers(1, 255))
                content = content[:start] + bytes([content[start] ^ mask]) + content[start + 1 :]
            case "cut":
                content = content[:start] + content[end:]
            case "splice":
                content = content[:start] + other[draw(st.integers(0, len(other))) :]
            case "repeat":
                content = content[:end] + content[start:end] * draw(st.integers(1, 30)) + content[end:]
            case "length":
                size = draw(st.sampled_from([1, 2, 4]))
                value = draw(st.sampled_from([0, 1, len(content), 2 ** (8 * size - 1), 2 ** (8 * size) - 1]))
                order = draw(st.sampled_from(["big", "little"]))
                packed = (value % 2 ** (8 * size)).to_bytes(size, order)
                content = content[:start] + packed + content[start + size :]
            case "end":
                content = content[:start]
            case "insert":
                content = content[:start] + draw(st.binary(max_size=8)) + content[start:]
    return content


@pytest.mark.parametrize("target", TARGETS)
def test_the_seeds_themselves_are_read(target):
    for seed in SEEDS[target][:1]:
        TARGETS[target](seed)


@pytest.mark.parametrize("target", TARGETS)
def test_damaged_files_are_read_or_refused_with_a_reason(target):
    reasons = []

    @given(damaged(SEEDS[target]))
    @settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
    def read(content: bytes) -> None:
        try:
            TARGETS[target](content)
        except CardError as error:
            reasons.append(str(error))

    read()
    assert len(reasons) > 25
    assert all(len(reason) > 10 for reason in reasons)
