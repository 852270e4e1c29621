"""Properties that are right one by one and fight each other, with who wins. Pure; what librdkafka refuses is no matter here."""

from collections.abc import Mapping

from loadgen.doctor.finding import Finding
from loadgen.properties import canonical, table


def fights(properties: Mapping[str, str]) -> list[Finding]:
    """Each pair with its two values and what to change; a good finding when there is none."""
    given = {canonical(name): value for name, value in properties.items()}

    def number(name: str) -> float:
        return float(given.get(name) or table()[name].default)

    def text(name: str) -> str:
        return given.get(name) or table()[name].default

    found: list[tuple[str, str]] = []
    linger, timeout = number("queue.buffering.max.ms"), number("message.timeout.ms")
    request, batch = number("request.timeout.ms"), number("batch.size")
    if timeout and linger >= timeout:
        found.append(
            (f"linger.ms {linger:g} ≥ message.timeout.ms {timeout:g}: records expire unsent", "-X linger.ms=5")
        )
    if timeout and request > timeout:
        found.append(
            (
                f"request.timeout.ms {request:g} > message.timeout.ms {timeout:g}: a record ends before its request may be tried again",
                f"-X request.timeout.ms={timeout / 2:.0f}",
            )
        )
    if text("compression.codec") != "none" and linger == 0:
        found.append(
            (
                f"compression.type {text('compression.codec')} with linger.ms 0: batches are small, and small ones hardly shrink",
                "-X compression.type=none, or -X linger.ms=5",
            )
        )
    if number("queue.buffering.max.kbytes") * 1024 < 2 * batch:
        found.append(
            (
                f"queue.buffering.max.kbytes {number('queue.buffering.max.kbytes'):g} holds less than two batches of {batch:g} bytes",
                "-X queue.buffering.max.kbytes=1048576",
            )
        )
    if number("queue.buffering.max.messages") < number("batch.num.messages"):
        found.append(
            (
                f"queue.buffering.max.messages {number('queue.buffering.max.messages'):g} < batch.num.messages "
                f"{number('batch.num.messages'):g}: a batch never fills",
                f"-X batch.num.messages={number('queue.buffering.max.messages') / 2:.0f}",
            )
        )
    in_flight = number("max.in.flight.requests.per.connection")
    if text("enable.idempotence") == "false" and in_flight > 1 and number("message.send.max.retries"):
        found.append(
            (
                f"retries with {in_flight:g} in flight and no idempotence: a retry reorders and may write twice",
                "-X enable.idempotence=true",
            )
        )
    if text("enable.gapless.guarantee") == "true":
        found.append(("enable.gapless.guarantee: one record that times out ends the run", "leave it out"))
    if not found:
        return [Finding(level="good", subject="settings", message="no two properties fight each other")]
    return [Finding(level="warn", subject="settings", message=message, remedies=[remedy]) for message, remedy in found]
