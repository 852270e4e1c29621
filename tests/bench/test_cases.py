"""Every case of the table is right before it is timed; what is wrong says so."""

import math
import sys

import msgspec
import pytest

from bench.cases import HARNESS, OPERATIONS, Case, all_cases, fast_cases, timer
from bench.libraries import LIBRARIES, Codec, Library, library
from bench.samples import Shape, sample_orders
from bench.sizes import compressed_bytes, peak_bytes
from bench.verify import check, expected_bytes

CASES = [HARNESS, *all_cases()]


def test_the_table_is_as_wide_as_promised() -> None:
    """At most 120 cases, each name once; twelve for a glance, all of them of the full table; every operation."""
    names = [case.name for case in CASES]

    assert len(names) == len(set(names)) <= 120
    assert len(fast_cases()) == 12
    assert {case.name for case in fast_cases()} <= set(names)
    assert {case.operation for case in all_cases()} == set(OPERATIONS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_case_is_right_and_runs(case: Case) -> None:
    """Each case passes its check and can be timed."""
    found = check(case)

    assert (found.status, found.detail) == ("ok", "")
    assert timer(case)(20) > 0


def test_samples_have_their_shape() -> None:
    """Orders have the items asked for, all different; greek texts are longer in bytes and not in characters."""
    latin, greek = sample_orders(Shape(3)), sample_orders(Shape(3, "greek"))

    assert {len(values[3]) for values in latin} == {3}
    assert len(set(latin)) == 16
    for one, other in zip(latin, greek, strict=True):
        assert len(one[3][0][2]) == len(other[3][0][2])
        assert len(one[3][0][2].encode()) < len(other[3][0][2].encode())


def standard(**changes: object) -> Library:
    """A library entry that is right but for the changes to its codec."""
    fields = {name: getattr(LIBRARIES["json"].codec(), name) for name in ("build", "encode", "decode", "read")}
    return Library("mine", ("json",), "a test's", "json", False, lambda: Codec(**(fields | changes)))


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        (standard(encode=lambda event: msgspec.json.encode(event).replace(b'"price":', b'"price": ')), "bytes differ"),
        (standard(encode=lambda event: msgspec.json.encode(event)[:-1]), "bytes differ at"),
        (standard(decode=lambda payload: msgspec.json.decode(payload) | {"total_price": 0.0}), "does not give back"),
        (standard(decode=lambda payload: 1 / 0), "ZeroDivisionError"),
    ],
)  # fmt: skip
def test_a_wrong_codec_is_a_row_that_says_why(entry: Library, named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other bytes, a lost field, an exception: status error with the reason, no number."""
    monkeypatch.setitem(LIBRARIES, "mine", entry)
    status, detail, payload_bytes = check(Case("encode", Shape(3), "mine"))

    assert (status, payload_bytes) == ("error", None)
    assert named in detail


def test_a_false_claim_to_validate_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that is said to validate and takes a text as quantity is wrong."""
    import dataclasses

    monkeypatch.setitem(LIBRARIES, "mine", dataclasses.replace(standard(), validates=True))

    assert "said to validate" in check(Case("decode", Shape(3), "mine")).detail


@pytest.mark.parametrize("price", [math.nan, math.inf])
@pytest.mark.parametrize("name", LIBRARIES)
def test_prices_that_json_cannot_carry(name: str, price: float) -> None:
    """NaN or infinite prices are an error of every library's case, not a time."""
    values = sample_orders(Shape(1))[0]
    wrong = (*values[:4], price)

    assert "NaN or infinite" in check(Case("encode", Shape(1), name), [wrong]).detail


def test_a_missing_library_is_named_and_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without orjson its cases are skipped with what to install; the others stay."""
    monkeypatch.setitem(sys.modules, "orjson", None)

    status, detail, _ = check(Case("encode", Shape(3), "orjson-dict"))
    assert (status, "orjson is not installed; pip install" in detail) == ("skipped", True)
    assert check(Case("encode", Shape(3), "msgspec")).status == "ok"


def test_a_library_is_added_in_one_place() -> None:
    """One decorated function, and the table has its cases."""
    library("mine", requires="json", about="a test's", validates=False)(standard().codec)
    try:
        mine = [case for case in all_cases() if case.library == "mine"]
        assert len(mine) == 11
        assert all(check(case).status == "ok" for case in mine)
    finally:
        del LIBRARIES["mine"]


def test_the_reference_is_compact_json() -> None:
    """The bytes that every JSON library must give are the standard library's, compact, UTF-8."""
    values = sample_orders(Shape(2, "greek"))[0]
    decoded = msgspec.json.decode(expected_bytes(values))

    assert (decoded["order_id"], decoded["customer_name"], len(decoded["line_items"])) == (values[0], values[2], 2)
    assert b": " not in expected_bytes(values)
    assert b"\\u" not in expected_bytes(values)


def test_sizes() -> None:
    """Peak memory holds at least the payload; compressed sizes are below the plain one; MessagePack is below JSON."""
    json_sizes, msgpack_sizes = compressed_bytes("msgspec", Shape(3)), compressed_bytes("msgspec-msgpack", Shape(3))
    plain = json_sizes["none"]

    assert plain is not None
    assert peak_bytes("msgspec", Shape(3)) > plain * 0.8
    assert all(size is not None and size < plain for name, size in json_sizes.items() if name != "none")
    assert (msgpack_sizes["none"] or plain) < plain
    assert compressed_bytes("orjson-dict", Shape(3)) == json_sizes
