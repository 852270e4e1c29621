"""4. Monitored publisher: Prometheus metrics, the log, and a callback for every order."""

import msgspec
from target import target

from loadgen import OrderEventPublisher
from loadgen.telemetry.metrics import watch_publishers


class Order(msgspec.Struct, frozen=True):
    order_id: str
    note: str


def main() -> None:
    try:
        from prometheus_client import CollectorRegistry, generate_latest
    except ImportError:
        raise SystemExit("this example needs: pip install 'kafka-loadgen[prometheus]'") from None
    failures: list[str] = []

    def on_delivery(error: Exception | None, message: object) -> None:
        failures.extend([] if message else [str(error)])

    with target(__doc__) as (bootstrap, topic, _):
        publisher = OrderEventPublisher(
            [bootstrap], topic, properties={"message.max.bytes": 20_000, "batch.size": 20_000}, on_delivery=on_delivery
        )
        registry = CollectorRegistry()  # a service would use the library's own and start_http_server(9100)
        watch_publishers(publisher, registry=registry)
        large = Order("order-large", "x" * 30_000)
        report = publisher.publish_batch([*(Order(f"order-{number}", "") for number in range(100)), large])
        publisher.flush()
        for place, error in report.refused:
            print(f"refused: number {place}, order {error.order_id}, {error.name}")
        print(f"{len(failures)} failed after they were accepted")
        for line in generate_latest(registry).decode().splitlines():
            if line.startswith(("loadgen_publisher_acked_total", "loadgen_publisher_refused_total")):
                print(line)
        publisher.close()


if __name__ == "__main__":
    main()
