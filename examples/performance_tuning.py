"""8. Performance tuning: the same orders through three profiles; what each takes of time and CPU, measured here and now."""

import time

from target import target

from loadgen import LineItemEventMessage, OrderEventMessage, OrderEventPublisher

ORDERS = 10_000


def main() -> None:
    lines = [LineItemEventMessage(str(line), f"product-{line}", "Mug", 1, 9.99) for line in range(2)]
    orders = [
        OrderEventMessage(f"order-{number}", "2026-11-23T20:30:00+00:00", "Zoë", lines, 19.98)
        for number in range(ORDERS)
    ]
    with target(__doc__) as (bootstrap, topic, mock):
        print(f"{'profile':<16} {'orders/s':>9} {'CPU µs each':>12} {'mean latency ms':>16}")
        for profile in ("low-latency", "balanced", "high-throughput"):
            with OrderEventPublisher([bootstrap], topic, profile=profile) as publisher:
                publisher.connect()  # else the first order waits for connection and producer id
                began_s, cpu_s = time.monotonic(), time.process_time()
                for order in orders:
                    publisher.publish_order(order)
                publisher.flush()
                took_s, cpu_s = time.monotonic() - began_s, time.process_time() - cpu_s
                metrics = publisher.metrics()
                latency_ms = metrics.latency_sum_s / metrics.acked * 1000
                print(f"{profile:<16} {ORDERS / took_s:>9,.0f} {cpu_s / ORDERS * 1e6:>12.1f} {latency_ms:>16.1f}")
        print("flat out, latency is the wait in the client's own queue: `loadgen run -r 70%` measures the cluster's")
        if mock:
            print("MOCK: this is what this machine's client can send, not what a Kafka takes")


if __name__ == "__main__":
    main()
