"""The latency table of the summary: which latencies a run may show, and where their time went. Pure.

Flat out a record waits in the client's own full queue, so neither response nor service is shown: the round trip of a
request is, with the arithmetic of that queue beside it.
"""

import msgspec

from loadgen.recorder.histogram import Distribution
from loadgen.report import wording
from loadgen.report.ground import setting, whole
from loadgen.report.result import Parts, Result
from loadgen.report.wording import milliseconds

LABEL_WIDTH = 24
CELL_WIDTH = 8
HEADS = ("p50", "p90", "p99", "p99.9", "p99.99", "max")


class Row(msgspec.Struct, frozen=True):
    """One latency of the table: its name in result.json, its label, the numbers, and what it means in a few words."""

    key: str
    label: str
    told: Distribution
    remark: str


class QueueArithmetic(msgspec.Struct, frozen=True):
    """How long a record waits in the clients' own full queues: the records that fit ÷ records a second."""

    records: float
    per_s: float

    @property
    def wait_us(self) -> float:
        return self.records / self.per_s * 1e6

    def in_words(self) -> str:
        """`200,000 ÷ 612 k/s = 327 ms`."""
        return f"{self.records:,.0f} ÷ {wording.short_rate(self.per_s)} = {milliseconds(self.wait_us)} ms"


def rows(result: Result) -> list[Row]:
    """The latencies that this run may show, in the order of what a caller feels."""
    told, open_loop = result.latency_us, result.plan.loop == "open"
    found: list[Row] = []
    if open_loop and told.response:
        found.append(Row("response", "response, from when due", told.response, "what a caller waited"))
    if open_loop and told.service:
        found.append(Row("service", "service, from send", told.service, "what kafka-producer-perf-test shows"))
    if told.request_rtt:
        requests = wording.counted("request", told.request_rtt.n)
        found.append(Row("request_rtt", "produce request", told.request_rtt, f"network and broker, {requests}"))
    if told.end_to_end:
        is_whole = result.consumed is None or result.consumed.complete
        remark = "until a consumer had it" if is_whole else "INCOMPLETE: not all was read, the slowest are missing"
        found.append(Row("end_to_end", "end to end", told.end_to_end, remark))
    if open_loop and told.lateness and result.breakdown_us.usual is None:
        found.append(Row("lateness", "lateness, due to sent", told.lateness, "this generator's own"))
    return found


def queue_arithmetic(result: Result) -> QueueArithmetic | None:
    """The full queues of a flat-out run; None in open loop, or when their size or the rate is not known.

    A queue ends at its number of records or at its kilobytes, whichever comes first (librdkafka's
    queue.buffering.max.messages and queue.buffering.max.kbytes, of each producer).
    """
    messages = whole(setting(result, "queue.buffering.max.messages"))
    kibibytes = whole(setting(result, "queue.buffering.max.kbytes"))
    acked, per_s = result.messages.acked, result.throughput.acked_per_s
    if result.plan.loop == "open" or not messages or not acked or per_s <= 0:
        return None
    record_bytes = result.bytes.payload / acked
    fit = messages if not kibibytes or not record_bytes else min(messages, kibibytes * 1024 / record_bytes)
    return QueueArithmetic(fit * result.plan.producers, per_s)


def end_to_end_arithmetic(result: Result) -> str | None:
    """The median between what a request takes and what linger and an idle fetch may add; None without consumer groups.

    `6.1 of at least 0.8 (a request) and at most 0.8 + 5 (linger) + 500 (fetch wait) = 505.8`, ms.
    """
    request, whole_way = result.latency_us.request_rtt, result.latency_us.end_to_end
    linger_ms = setting(result, "linger.ms", "queue.buffering.max.ms")
    if result.consumed is None or not request or not request.p50 or not whole_way or not whole_way.p50 or not linger_ms:
        return None
    wait_ms = result.consumed.fetch_wait_ms
    most_us = request.p50 + (float(linger_ms) + wait_ms) * 1000
    where = "" if request.p50 <= whole_way.p50 <= most_us else "; outside of it"
    return (
        f"{milliseconds(whole_way.p50)} of at least {milliseconds(request.p50)} (a request) and at most "
        f"{milliseconds(request.p50)} + {linger_ms} (linger) + {wait_ms} (fetch wait) = {milliseconds(most_us)}{where}"
    )


def latency_table(result: Result) -> list[str]:
    """The table with its heads, the queue's arithmetic flat out, the breakdown in open loop, and the batches."""
    told = rows(result)
    lines = []
    if told:
        heads = "".join(f"{head:>{CELL_WIDTH}}" for head in HEADS)
        n = f"   n {told[0].told.n:,}" if told[0].key != "request_rtt" else ""
        lines.append(f"{'latency ms':<{LABEL_WIDTH}}{heads}{n}")
        lines += [f"{row.label:<{LABEL_WIDTH}}{_cells(row.told)}   {row.remark}" for row in told]
    elif result.plan.loop == "closed":
        lines += _line("produce request", "not timed: only the C instrument sees requests")
    if queue := queue_arithmetic(result):
        lines += _line("a record itself waits", f"up to {queue.in_words()}, in this client's own queue")
    if result.plan.loop == "open":
        lines += _line("a usual record", parts_in_words(result.breakdown_us.usual))
        slowest = parts_in_words(result.breakdown_us.slowest_1pct)
        lines += _line("the slowest 1 %", slowest and f"{slowest} (means)")
    lines += _line("end to end, a median", end_to_end_arithmetic(result))
    return lines + _line("batches", batches(result))


def _cells(told: Distribution) -> str:
    values = (told.p50, told.p90, told.p99, told.p99_9, told.p99_99, told.max)
    return "".join(f"{milliseconds(value):>{CELL_WIDTH}}" for value in values)


def _line(label: str, text: str | None) -> list[str]:
    return [f"{label:<{LABEL_WIDTH}}  {text}"] if text else []


def parts_in_words(parts: Parts | None) -> str | None:
    """`late 0.04, linger and batch 1.2, network and broker 0.80`, ms."""
    if parts is None:
        return None
    return (
        f"late {milliseconds(parts.lateness)}, linger and batch {milliseconds(parts.client_queue)}, "
        f"network and broker {milliseconds(parts.network_and_broker)}"
    )


def batches(result: Result) -> str | None:
    """`97 records, 20.5 KiB of 128 KiB (16 % full), compressed 2.5 x`; None when requests were not seen."""
    told = result.bytes
    if told.messages_per_request is None:
        return None
    words = [f"{told.messages_per_request:,.0f} records"]
    if told.batch_fill_pct is not None:
        batch = whole(setting(result, "batch.size"))
        held = "" if not batch else f"{wording.size(batch * told.batch_fill_pct / 100)} of {wording.size(batch)} "
        words.append(f"{held}({told.batch_fill_pct:.0f} % full)")
    if told.compression_ratio is not None:
        words.append(f"compressed {told.compression_ratio:.1f} x")
    return ", ".join(words)
