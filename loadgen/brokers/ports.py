"""Free TCP ports on the loopback interface."""

import random
import socket
from contextlib import ExitStack

from loadgen.errors import UsageError

# Below every system's range for outgoing connections: a port there is taken only by somebody who asks for it, and not
# by any of the connections that are made in the seconds until a broker binds it.
_RANGE = range(15_000, 30_000)


def require_free(port: int) -> int:
    """The port, when it can be bound; a broker already there would else be taken for the one just started.

    Raises:
        UsageError: it is taken, not allowed, or no port.
    """
    try:
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        raise UsageError(f"--port {port}: {error}; choose another, or leave it out for a free one") from None
    return port


def free_ports(count: int) -> list[int]:
    """Different ports that nobody listens on now, held together until all are known."""
    with ExitStack() as held:
        found: list[int] = []
        for port in random.sample(_RANGE, len(_RANGE)):
            if len(found) == count:
                break
            one = held.enter_context(socket.socket())
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
        return found
