"""10. Graceful shutdown: publishes until SIGTERM or Ctrl-C; drains, keeps what is left as dead letters, ends by the signal."""

import itertools
import time
from pathlib import Path

import msgspec
from target import target

from loadgen import managed_publisher


class Order(msgspec.Struct, frozen=True):
    order_id: str


def main() -> None:
    letters = Path("dead-letters.jsonl")
    with (
        target(__doc__) as (bootstrap, topic, _),
        managed_publisher([bootstrap], topic, dead_letters=letters, drain_timeout=10.0) as publisher,
    ):
        print("publishing; end me with Ctrl-C or SIGTERM", flush=True)
        try:
            for number in itertools.count():
                publisher.publish_order(Order(f"order-{number}"))
                time.sleep(0.001)
        finally:
            metrics = publisher.close()
            print(
                f"accepted {metrics.accepted}, acknowledged {metrics.acked}, dead letters {metrics.dead_lettered}",
                flush=True,
            )


if __name__ == "__main__":
    main()
