"""Three libraries, the same bytes."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen.errors import UsageError
from loadgen.messages.order_events import LineItemEventMessage, OrderEventMessage, encode_order_event
from loadgen.messages.serializer import SerializerName, serializer

NAMES: list[SerializerName] = ["msgspec", "orjson", "pydantic"]
ENCODERS = {name: serializer(name) for name in NAMES}

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
wire_money = st.integers(0, 10**15 - 1).map(lambda cents: cents / 100)  # what the translator lets through
items = st.builds(LineItemEventMessage, texts, texts, texts, st.integers(1, 1_000_000), wire_money)
events = st.builds(OrderEventMessage, texts, texts, texts, st.lists(items, max_size=4), wire_money)


@given(events)
def test_all_libraries_write_the_same_bytes(event: OrderEventMessage) -> None:
    """Whatever the texts and the money, orjson and pydantic write what msgspec writes, byte for byte."""
    expected = encode_order_event(event)

    assert dict.fromkeys(NAMES, expected) == {name: encode(event) for name, encode in ENCODERS.items()}


def test_control_characters_and_edges_of_money() -> None:
    """The characters that JSON must escape, DEL, line separators, 0, a cent, and the largest amount agree as well."""
    name = "".join(map(chr, range(0x20))) + '"\\/\x7f\u2028\u2029\U0001f600'
    for amount in (0.0, 0.01, 0.1, 1.0, 100.0, 9999999999999.99, 1e12, 123456789.12):
        event = OrderEventMessage("a", "b", name, [], amount)

        assert len({encode(event) for encode in ENCODERS.values()}) == 1


@pytest.mark.parametrize("library", ["orjson", "pydantic"])
def test_a_missing_library_names_its_extra(library: SerializerName, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the library: one line that says what to install."""
    monkeypatch.setitem(sys.modules, library, None)

    with pytest.raises(UsageError, match=rf"{library} is not installed; pip install 'kafka-loadgen\[bench\]'"):
        serializer(library)


def test_an_unknown_serializer_is_named() -> None:
    """A typo is a usage error that lists what is possible."""
    with pytest.raises(UsageError, match="--serializer jsonn: msgspec, orjson or pydantic"):
        serializer("jsonn")  # type: ignore[arg-type]


def test_a_worker_imports_neither_orjson_nor_pydantic() -> None:
    """Importing events and messages leaves optional and heavy libraries alone."""
    code = (
        "import sys, loadgen.messages.source\n"
        "heavy = {'orjson', 'pydantic', 'numpy', 'confluent_kafka', 'structlog'} & sys.modules.keys()\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
