"""What a fresh event costs is told step by step, and the steps add up."""

import pytest

from bench.peers import fresh_split


def test_the_steps_and_the_client_add_up_to_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Order 2 µs, with its message 3, with its bytes 4.5, with its key 5; of 9 in the race the client has 4."""
    upto_us = iter([2.0, 3.0, 4.5, 5.0])
    monkeypatch.setattr(fresh_split, "ROUNDS", 1)
    monkeypatch.setattr(fresh_split, "_cpu_us", lambda step: next(upto_us))

    assert fresh_split.split_us(9.0) == {
        "domain order": 2.0,
        "message": 1.0,
        "bytes": 1.5,
        "key": 0.5,
        fresh_split.CLIENT: 4.0,
    }


def test_every_step_does_its_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """One event each: nothing raises, and without a figure from the race nothing is said of the client."""
    monkeypatch.setattr(fresh_split, "EVENTS", 1)
    monkeypatch.setattr(fresh_split, "ROUNDS", 1)

    assert list(fresh_split.split_us(None)) == ["domain order", "message", "bytes", "key"]
