"""A user's own function: found, checked, and every way to be wrong named."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadgen.errors import UsageError
from loadgen.events.function import load_function, pooled_calls

MODULE = """
def right(number): return (b"k%d" % number if number else None), b"v%d" % number
def text_key(number): return "k", b"v"
def one_value(number): return b"v"
def fails(number): raise KeyError("no such order")
constant = 7
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module of one's own, `shop_events_for_test`, on the path for one test."""
    (tmp_path / "shop_events_for_test.py").write_text(MODULE)
    (tmp_path / "shop_broken_for_test.py").write_text("raise RuntimeError('no database')")
    monkeypatch.syspath_prepend(tmp_path)
    yield "shop_events_for_test"
    sys.modules.pop("shop_events_for_test", None)


def test_a_right_function_is_called_with_the_number(shop: str) -> None:
    """Its keys and values arrive as they are; None is no key."""
    function = load_function(f"{shop}:right")

    assert pooled_calls(function, 3, f"{shop}:right") == [(None, b"v0"), (b"k1", b"v1"), (b"k2", b"v2")]


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ("shop_events_for_test", "MODULE:FUNCTION is needed"),
        (":right", "MODULE:FUNCTION is needed"),
        ("shop_events_for_test:", "MODULE:FUNCTION is needed"),
        ("no_such_module_for_test:make", "module no_such_module_for_test cannot be imported"),
        ("shop_broken_for_test:make", "RuntimeError: no database"),
        ("shop_events_for_test:absent", "has no function absent"),
        ("shop_events_for_test:constant", "has no function constant"),
    ],
)
def test_what_cannot_be_loaded_is_named(shop: str, spec: str, named: str) -> None:
    """A wrong form, a missing or failing module, a missing function: one line with the reason."""
    with pytest.raises(UsageError, match=named) as caught:
        load_function(spec)

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["text_key", "one_value"])
def test_wrong_results_are_shown(shop: str, name: str) -> None:
    """What is not (key, value) in bytes is a usage error that shows it."""
    with pytest.raises(UsageError, match=rf"{name}\(0\) returned"):
        load_function(f"{shop}:{name}")(0)


def test_a_failing_function_names_its_call(shop: str) -> None:
    """A pool cannot be filled by a function that raises: the call and the error are named."""
    with pytest.raises(UsageError, match="call 0 raised KeyError: 'no such order'"):
        pooled_calls(load_function(f"{shop}:fails"), 5, f"{shop}:fails")
