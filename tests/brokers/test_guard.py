"""The target guard: 24 decisions and more, on addresses that a fake name server gives; no packet leaves this host."""

import pytest

from loadgen.brokers.guard import (
    Decision,
    Seen,
    decide,
    decide_password,
    decide_topic,
    reach,
    resolve_host,
)
from loadgen.errors import Refused
from tests.faults.record import Row, append

# what a name server would answer; a CNAME is followed by the resolver, so only where it ends is seen
NAMES = {
    "localhost": ["127.0.0.1", "::1"],
    "broker.lan": ["192.168.1.20"],
    "alias.lan": ["203.0.113.7"],
    "split.lan": ["10.0.0.5", "203.0.113.9"],
    "ula.lan": ["fd00::7"],
    "kafka-prod-1.lan": ["10.1.2.3"],
    "reproduction.lan": ["10.1.2.4"],
    "products.lan": ["10.1.2.5"],
    "lab.prd": ["10.1.2.6"],
    "metadata.cloud": ["169.254.169.254"],
}
ID = "Q2x1c3RlcklkSXNIZXJl"


def names(host: str) -> list[str]:
    """The fake resolver: names from the table, numbers as they are, nothing else."""
    if host in NAMES:
        return NAMES[host]
    return [host] if host.replace(".", "").isdigit() or ":" in host else []


LOCAL, LAN, PUBLIC = "127.0.0.1:9092", "10.0.0.5:9092", "203.0.113.7:9092"
TABLE = [
    # bootstrap, advertised, --confirm, allowed
    ("loopback", [LOCAL], [LOCAL], None, True),
    ("loopback by name", ["localhost:9092"], [LOCAL], None, True),
    ("IPv6 loopback", ["[::1]:9092"], ["[::1]:9092"], None, True),
    ("all of 127/8", ["127.8.8.8:9092"], [LOCAL], None, True),
    ("0.0.0.0 connects to this host", ["0.0.0.0:9092"], [LOCAL], None, True),
    ("RFC 1918, 10/8", [LAN], [LAN], None, True),
    ("RFC 1918, 172.16/12", ["172.31.255.1:9092"], ["172.16.0.1:9092"], None, True),
    ("just outside 172.16/12", ["172.32.0.1:9092"], [LAN], None, False),
    ("RFC 1918 by name", ["broker.lan:9092"], [LAN], None, True),
    ("IPv6 unique local", ["ula.lan:9092"], ["[fd00::7]:9092"], None, True),
    ("public", [PUBLIC], [PUBLIC], None, False),
    ("public IPv6", ["[2001:db8::1]:9092"], [LAN], None, False),
    ("IPv4-mapped public", ["[::ffff:203.0.113.7]:9092"], [LAN], None, False),
    ("IPv4-mapped private", ["[::ffff:10.0.0.5]:9092"], ["[::ffff:10.0.0.5]:9092"], None, True),
    ("link-local, a cloud's metadata", ["metadata.cloud:9092"], [LAN], None, False),
    ("shared address space, 100.64/10", ["100.64.0.1:9092"], [LAN], None, False),
    ("a local-sounding CNAME that ends in public", ["alias.lan:9092"], [LAN], None, False),
    ("a name with one near and one far address", ["split.lan:9092"], [LAN], None, False),
    ("a list of which one is public", [LOCAL, PUBLIC], [LOCAL], None, False),
    ("given local, advertised public", [LOCAL], [PUBLIC], None, False),
    ("given local, one of three advertised public", [LOCAL], [LAN, "alias.lan:9092", LAN], None, False),
    ("advertised by a name that does not resolve", [LOCAL], ["kafka:9092"], None, False),
    ("private, named like production", ["kafka-prod-1.lan:9092"], [LAN], None, False),
    ("advertised, named like production", [LAN], ["lab.prd:9092"], None, False),
    ("production inside another word", ["reproduction.lan:9092", "products.lan:9092"], [LAN], None, True),
    ("public, confirmed", [PUBLIC], [PUBLIC], ID, True),
    ("named like production, confirmed", ["kafka-prod-1.lan:9092"], [LAN], ID, True),
    ("public, confirmed with another id", [PUBLIC], [PUBLIC], "another", False),
    ("local, confirmed with another id", [LOCAL], [LOCAL], "another", False),
    ("local, confirmed", [LOCAL], [LOCAL], ID, True),
]


@pytest.mark.parametrize(
    ("bootstrap", "advertised", "confirm", "allowed"), [row[1:] for row in TABLE], ids=lambda v: ""
)
def test_every_decision_of_the_table(
    bootstrap: list[str], advertised: list[str], confirm: str | None, allowed: bool
) -> None:
    """Decided on where addresses lead to, given and advertised; a refusal names the flag with the cluster's id."""
    decision = decide(Seen(bootstrap, advertised, ID), confirm, names)

    assert decision.allowed is allowed, decision.reason
    if not allowed:
        assert decision.allow_with == f"--confirm {ID}"
        with pytest.raises(Refused, match=f"^refused: .*; to allow it: --confirm {ID}$"):
            decision.enforce()
    append(Row(anchor="R15", fault="guard decisions", test="test_guard", found="0 wrong"))


def test_the_table_holds_what_was_promised() -> None:
    """At least 24 decisions, both answers often."""
    assert len(TABLE) >= 24
    assert min(sum(row[4] for row in TABLE), sum(not row[4] for row in TABLE)) >= 10


def test_a_cluster_id_that_is_named_like_production() -> None:
    """Whatever its addresses are."""
    assert not decide(Seen([LOCAL], [LOCAL], "orders-prod"), None, names).allowed
    assert decide(Seen([LOCAL], [LOCAL], "prodigy7"), None, names).allowed


def test_a_cluster_without_an_id_is_confirmed_by_its_addresses() -> None:
    """The refusal prints what to confirm, and that is then taken."""
    seen = Seen([PUBLIC], ["203.0.113.8:9092", PUBLIC], None)
    refusal = decide(seen, None, names)

    assert refusal.allow_with == f"--confirm {PUBLIC},203.0.113.8:9092"
    assert decide(seen, f"{PUBLIC},203.0.113.8:9092", names).allowed


def test_before_the_cluster_was_asked() -> None:
    """A dry run has only the given addresses: what would need an id says so, and an id given is left to the run."""
    assert decide(Seen([LOCAL]), None, names) == Decision(True, "on this host or a private network")
    assert decide(Seen([PUBLIC]), None, names).allow_with.startswith("--confirm CLUSTER_ID")
    assert decide(Seen([PUBLIC]), ID, names).allowed


@pytest.mark.parametrize(
    ("name", "settings", "yes", "allowed"),
    [
        ("loadgen-1", {"retention.ms": "3600000"}, False, True),
        ("loadgen-1", {}, False, False),  # the name alone proves nothing
        ("orders", {"retention.ms": "3600000"}, False, False),
        ("orders", {}, True, True),
        ("orders", None, False, True),  # there is none: the run makes it
        ("Loadgen-1", {"retention.ms": "1"}, False, False),
    ],
)
def test_a_topic(name: str, settings: dict[str, str] | None, yes: bool, allowed: bool) -> None:
    """Written without a word only when a run made it; else it takes --yes."""
    decision = decide_topic(name, settings, yes=yes)

    assert decision.allowed is allowed
    assert allowed or decision.allow_with == "--yes"


@pytest.mark.parametrize(
    ("protocol", "address", "allow_unsafe", "allowed"),
    [
        ("sasl_plaintext", "localhost:1", False, True),
        ("sasl_plaintext", "broker.lan:1", False, False),  # a private network is a network
        ("sasl_plaintext", "broker.lan:1", True, True),
        ("sasl_plaintext", "split.lan:1", False, False),
        ("sasl_plaintext", "nowhere:1", False, False),
        ("sasl_ssl", "203.0.113.7:1", False, True),
        ("plaintext", "broker.lan:1", False, True),
    ],
)
def test_a_password_in_the_clear(protocol: str, address: str, allow_unsafe: bool, allowed: bool) -> None:
    """Only to this host, unless --allow-unsafe."""
    decision = decide_password({"security.protocol": protocol}, [address], allow_unsafe=allow_unsafe, resolve=names)

    assert decision.allowed is allowed
    assert allowed or decision.allow_with == "--allow-unsafe"


def test_the_real_resolver_knows_numbers_and_this_host() -> None:
    """Without asking a name server."""
    assert resolve_host("203.0.113.7") == ["203.0.113.7"]
    assert reach("localhost")[0] == "loopback"
    assert resolve_host("no such host") == []
