"""The guard asked of a cluster: in the order that lets no password out first, and nothing is told that was not allowed.

Addresses are numbers, which resolve to themselves: no packet leaves this host.
"""

from collections.abc import Callable

import pytest

from loadgen.brokers import admin
from loadgen.brokers.allowed import allowed_members
from loadgen.brokers.target import Broker
from loadgen.errors import Refused

HERE, INSIDE, OUTSIDE = "127.0.0.1:9092", "10.1.2.3:9092", "203.0.113.7:9092"
CLEAR = {"security.protocol": "sasl_plaintext"}
Advertising = Callable[[str], list[str]]


@pytest.fixture
def advertising(monkeypatch: pytest.MonkeyPatch) -> Advertising:
    """A cluster that names a broker; gives the list of the addresses at which it was asked."""

    def cluster(address: str) -> list[str]:
        asked: list[str] = []

        def members(broker: Broker, properties: object) -> tuple[str, tuple[str, ...]]:
            asked.append(broker.bootstrap)
            return "cluster-1", (address,)

        monkeypatch.setattr(admin, "members", members)
        return asked

    return cluster


def ask(
    bootstrap: str, properties: dict[str, str] | None = None, confirm: str | None = None, *, unsafe: bool = False
) -> tuple[str | None, tuple[str, ...]]:
    broker = Broker("external", bootstrap, None, "somebody's")
    return allowed_members(broker, properties or {}, confirm=confirm, allow_unsafe=unsafe)


def test_what_is_allowed_is_told(advertising: Advertising) -> None:
    """Its id and its brokers as it names them; elsewhere with its own id as confirmation."""
    advertising(INSIDE)
    assert ask(HERE) == ("cluster-1", (INSIDE,))
    advertising(OUTSIDE)
    assert ask(HERE, confirm="cluster-1") == ("cluster-1", (OUTSIDE,))


@pytest.mark.parametrize(("given", "advertised"), [(HERE, OUTSIDE), (OUTSIDE, HERE)])
def test_a_cluster_elsewhere_is_refused(advertising: Advertising, given: str, advertised: str) -> None:
    """By what it names as well as by what was given; another cluster's id does not help."""
    advertising(advertised)
    with pytest.raises(Refused, match=r"--confirm cluster-1$"):
        ask(given)
    with pytest.raises(Refused, match="cluster-2 is not this cluster"):
        ask(given, confirm="cluster-2")


def test_a_password_in_the_clear_is_refused_before_anything_is_asked(advertising: Advertising) -> None:
    """The question itself would carry it."""
    asked = advertising(HERE)
    with pytest.raises(Refused, match=r"--allow-unsafe$"):
        ask(INSIDE, CLEAR)
    assert asked == []
    assert ask(INSIDE, CLEAR, unsafe=True) == ("cluster-1", (HERE,))


def test_a_password_does_not_follow_a_cluster_to_where_it_says_it_is(advertising: Advertising) -> None:
    """Given on this host, advertised over a network: its brokers would be sent the password next."""
    asked = advertising(INSIDE)
    with pytest.raises(Refused, match=r"10\.1\.2\.3:9092 in the clear"):
        ask(HERE, CLEAR)
    assert asked == [HERE]
