"""May we load this? Decided on where addresses lead to, the given and the advertised ones, never on how they are written.

Loopback and private networks need nothing; anything else, and whatever is named like production, needs the cluster's own
id as confirmation. Pure but for the resolver, which tests replace. Limit: the client resolves a name again when it
connects; a name server that answers differently a moment later is not seen before the next look (`runner/guard_watch`).
"""

import re
import socket
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Literal, NamedTuple

from loadgen.errors import Refused

Resolve = Callable[[str], Sequence[str]]
Reach = Literal["loopback", "private", "public", "unresolved"]

OURS = "loadgen-"  # a topic whose name begins so may be ours
RUNS_LEAVE = "retention.ms"  # a setting that every topic made by a run has of its own
# 0.0.0.0 and :: connect to this host
LOOPBACK = tuple(map(ip_network, ("127.0.0.0/8", "::1/128", "0.0.0.0/32", "::/128")))
# RFC 1918, and RFC 4193 for IPv6; not link-local, where cloud hosts keep their metadata service
PRIVATE = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))
PRODUCTION = re.compile(r"(?<![a-z])(prod|production|prd|live)(?![a-z])", re.IGNORECASE)


class Seen(NamedTuple):
    """What is known of a cluster.

    Attributes:
        bootstrap: host:port as given.
        advertised: host:port of each broker as the cluster names it; empty while it was not asked.
        cluster_id: None while it was not asked, and where the cluster has none.
    """

    bootstrap: Sequence[str]
    advertised: Sequence[str] = ()
    cluster_id: str | None = None


class Decision(NamedTuple):
    """Whether a cluster may be loaded, why or why not, and which flag would allow it."""

    allowed: bool
    reason: str
    allow_with: str = ""

    def enforce(self) -> None:
        """Go on, or not.

        Raises:
            Refused: it may not be loaded.
        """
        if not self.allowed:
            raise Refused(self.reason, self.allow_with)


def resolve_host(host: str) -> Sequence[str]:
    """Every address that a name leads to, through whatever aliases; none when it does not resolve."""
    try:
        return sorted({str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)})
    except (OSError, UnicodeError):
        return []


def host_of(address: str) -> str:
    """The host of host:port; an IPv6 address without its brackets."""
    return address.strip().rpartition(":")[0].strip("[]")


def reach(host: str, resolve: Resolve = resolve_host) -> tuple[Reach, str]:
    """How far a host is, by the farthest of its addresses, and that address."""
    far: tuple[Reach, str] = ("unresolved", "")
    for text in resolve(host):
        address = _plain(ip_address(text.partition("%")[0]))
        if not any(address in network for network in (*LOOPBACK, *PRIVATE)):
            return "public", str(address)
        if any(address in network for network in PRIVATE):
            far = "private", str(address)
        elif far[0] == "unresolved":
            far = "loopback", str(address)
    return far


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """An IPv4 address that is written as an IPv6 one (RFC 4291, 2.5.5.2) is judged as what it is."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def decide(seen: Seen, confirm: str | None = None, resolve: Resolve = resolve_host) -> Decision:
    """Whether a cluster may be loaded.

    Args:
        confirm: the cluster's id as the user gave it.
    """
    identity = seen.cluster_id or ",".join(sorted(seen.advertised or seen.bootstrap))
    asked = bool(seen.advertised)
    if confirm is not None and asked:
        if confirm == identity:
            return Decision(True, f"confirmed: {identity}")
        return Decision(False, f"--confirm {confirm} is not this cluster, which is {identity}", f"--confirm {identity}")
    reasons = [_objection(address, "given", resolve) for address in seen.bootstrap]
    reasons += [_objection(address, "advertised by the cluster", resolve) for address in seen.advertised]
    if seen.cluster_id is not None and PRODUCTION.search(seen.cluster_id):
        reasons.append(f"the cluster id {seen.cluster_id} is named like production")
    objection = next(filter(None, reasons), None)
    if objection is not None and confirm is not None:
        return Decision(True, f"{objection}; its id must be {confirm}")
    if objection is None:
        return Decision(True, "on this host or a private network")
    if not asked:
        return Decision(False, objection, "--confirm CLUSTER_ID, which the refusal of a run prints")
    return Decision(False, f"{objection}; the cluster's id is {identity}", f"--confirm {identity}")


def _objection(address: str, whence: str, resolve: Resolve) -> str | None:
    host = host_of(address)
    if PRODUCTION.search(host):
        return f"{address} ({whence}) is named like production"
    kind, where = reach(host, resolve)
    if kind == "public":
        at = "" if where == host else f", which is {where},"
        return f"{address} ({whence}){at} is neither on this host nor on a private network"
    if kind == "unresolved":
        return f"{address} ({whence}) does not resolve here, so nobody knows where it is"
    return None


def decide_topic(name: str, settings: Mapping[str, str] | None, *, yes: bool) -> Decision:
    """Whether a topic may be written to.

    Args:
        settings: of its own, not the cluster's defaults; None: there is no such topic, and the run makes it.
        yes: the user said that it may be.
    """
    if settings is None or yes:
        return Decision(True, "made by this run" if settings is None else "--yes")
    if name.startswith(OURS) and RUNS_LEAVE in settings:
        return Decision(True, "made by a run")
    return Decision(False, f"topic {name} was not made by loadgen and may be somebody's", "--yes")


def decide_password(
    properties: Mapping[str, str], addresses: Sequence[str], *, allow_unsafe: bool, resolve: Resolve = resolve_host
) -> Decision:
    """Whether a password may go to these addresses: never in the clear over a network, unless the user says so."""
    if properties.get("security.protocol") != "sasl_plaintext" or allow_unsafe:
        return Decision(True, "no password in the clear" if not allow_unsafe else "--allow-unsafe")
    for address in addresses:
        if reach(host_of(address), resolve)[0] != "loopback":
            return Decision(
                False,
                f"security.protocol is sasl_plaintext: the password, or what it can be guessed from, would go to "
                f"{address} in the clear; use sasl_ssl",
                "--allow-unsafe",
            )
    return Decision(True, "the password does not leave this host")
