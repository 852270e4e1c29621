"""The guard asked of a real cluster, in the order that lets no password out first.

`guard` decides; this fetches what it decides on. Every command that writes to somebody's cluster comes through here.
"""

from collections.abc import Mapping

from loadgen.brokers import admin
from loadgen.brokers.guard import Seen, decide, decide_password
from loadgen.brokers.target import Broker


def allowed_members(
    broker: Broker, properties: Mapping[str, str], *, confirm: str | None, allow_unsafe: bool
) -> tuple[str | None, tuple[str, ...]]:
    """(the cluster's id, host:port of each broker as the cluster names it), when it may be written to.

    Args:
        confirm: the cluster's id as the user gave it.
        allow_unsafe: a password may go over a network in the clear.

    Raises:
        Refused: the cluster may not be loaded, or a password would go there in the clear.
        UsageError, Unreachable: as `admin.members`.
    """
    given = tuple(broker.bootstrap.split(","))
    decide_password(properties, given, allow_unsafe=allow_unsafe).enforce()
    cluster_id, nodes = admin.members(broker, properties)
    decide_password(properties, nodes, allow_unsafe=allow_unsafe).enforce()
    decide(Seen(given, nodes, cluster_id), confirm).enforce()
    return cluster_id, nodes
