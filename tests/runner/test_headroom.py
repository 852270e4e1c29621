"""What this host can send, kept for the next runs."""

from pathlib import Path

import pytest

from loadgen.profile import resolve
from loadgen.runner.ceiling import measure
from loadgen.runner.coordinator import carry_out
from loadgen.runner.headroom import Ceiling, remember, remembered

CEILING = Ceiling(mock_per_s=1000.0, null_per_s=None, cpu_us_per_message=1.5, mean_bytes=550.0, workers=1)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_a_ceiling_belongs_to_its_payload_and_settings() -> None:
    """Another record size, serializer or linger has another ceiling; another rate has not."""
    settings = resolve({"start": "mock"}, {})
    remember(settings, CEILING)

    assert remembered(settings) == CEILING
    assert remembered(resolve({"start": "mock", "rate": "5k/s"}, {})) == CEILING
    for other in ({"record_size": "100"}, {"serializer": "orjson"}, {"X": ["linger.ms=50"]}, {"workers": "2"}):
        assert remembered(resolve({"start": "mock", **other}, {})) is None


def test_a_damaged_cache_is_no_ceiling_and_no_error() -> None:
    """What cannot be read is measured again."""
    settings = resolve({"start": "mock"}, {})
    remember(settings, CEILING).write_bytes(b"{")

    assert remembered(settings) is None


def test_a_run_tells_its_headroom() -> None:
    """A run at 500/s under a ceiling of 1,000/s has about twice the headroom."""
    settings = resolve({"start": "mock", "rate": "500/s", "duration": "1s", "warmup": "0", "workers": "1"}, {})
    remember(settings, CEILING)
    cost = carry_out(settings).result.cost

    assert cost.ceiling_per_s == 1000.0
    assert cost.headroom == pytest.approx(2.0, rel=0.05)


def test_the_ceiling_of_events_made_in_python_has_both_figures() -> None:
    """Fresh events: through the whole client, and the Python side alone."""
    found = measure(resolve({"start": "mock", "events": "fresh", "workers": "1"}, {}))

    assert found.mock_per_s > 0
    assert found.null_per_s is not None
    assert found.null_per_s > 0
    assert found.cpu_us_per_message is not None
    assert found.mean_bytes > 300
