"""When a lost device is tried again."""

from __future__ import annotations

import pytest

from sugartalkd.retry import Retry

SHORTEST = 0.4


def pauses(retry: Retry, present: float, at_least: float = 0.0) -> list[float]:
    return [retry.pause(present, at_least).seconds for _ in range(200)]


@pytest.mark.parametrize(("outage", "longest"), [(0, 0.4), (1.2, 0.4), (3, 1), (9, 3), (90, 30), (9_000, 30)])
def test_pauses_follow_the_outage(outage: float, longest: float) -> None:
    found = pauses(Retry(SHORTEST, 1000.0), 1000.0 + outage)
    assert max(found) <= longest
    assert min(found) >= 0.8 * longest


def test_a_loss_begins_the_outage_anew() -> None:
    retry = Retry(SHORTEST, 0.0)
    retry.lost(9_000.0, 60.0)
    assert max(pauses(retry, 9_000.0)) <= SHORTEST


def test_a_session_that_turns_away_is_left_alone_for_longer() -> None:
    found = pauses(Retry(SHORTEST, 0.0), 0.0, at_least=1.0)
    assert max(found) <= 1.0
    assert min(found) >= 0.8


def test_only_the_first_attempt_after_a_loss_is_at_once() -> None:
    retry = Retry(SHORTEST, 0.0)
    assert not retry.pause(0.0).at_once
    retry.lost(5.0, None)
    assert retry.pause(5.0).at_once
    assert not retry.pause(5.0).at_once
    retry.lost(6.0, 60.0)
    assert not retry.pause(6.0, at_least=2.0).at_once, "too long to be"


def test_sessions_that_keep_breaking_are_tried_ever_less() -> None:
    retry = Retry(SHORTEST, 0.0)
    longest: list[float] = []
    for _ in range(10):
        retry.lost(0.0, 1.0)
        longest.append(max(pauses(retry, 0.0)))
    assert longest == pytest.approx([0.4, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30], rel=0.1)
    for _ in range(2_000):  # a night of it
        retry.lost(0.0, 1.0)
    assert 24 <= retry.pause(0.0).seconds <= 30
    retry.lost(0.0, None)
    assert retry.pause(0.0).seconds >= 24, "of a session of unknown length nothing is concluded"
    retry.lost(0.0, 10.0)
    assert retry.pause(0.0).seconds <= SHORTEST
