"""What the report page says, as plain lists and words for its template. Pure; the words are the terminal summary's."""

from collections.abc import Sequence
from typing import Any

import msgspec

from loadgen.report import belief, ground, latency_table, wording
from loadgen.report.result import Interval, Result
from loadgen.report.stored import Run
from loadgen.report.wording import ABSENT, milliseconds, per_second

MAX_ROWS = 600
View = dict[str, Any]
_ROW_HEADS = (
    "second",
    "phase",
    "acked/s",
    "MiB/s",
    "p50 ms",
    "p99 ms",
    "max ms",
    "late p99 ms",
    "failed",
    "unknown",
    "waiting",
)


def whole(runs: Sequence[Run]) -> View:
    """Title, MOCK line and footer."""
    mocks = [run for run in runs if run.result.broker.kind == "mock"]
    first = runs[0].result
    title = wording.headline(first) if len(runs) == 1 else f"{len(runs)} runs of loadgen"
    return {
        "title": f"MOCK {title}" if mocks and len(runs) == 1 else title,
        "mock": wording.MOCK_LINE if len(mocks) == len(runs) else None,
        "footer": f"{ground.versions(first)}. {ground.machine(first)}. Made from result.json; nothing was fetched.",
    }


def one(run: Run) -> View:
    """A run's section."""
    result = run.result
    verdict = result.verdict
    rows = latency_table.rows(result)
    return {
        "name": run.name,
        "mock": wording.MOCK_LINE if result.broker.kind == "mock" else None,
        "headline": wording.headline(result),
        "mood": "good"
        if verdict.exit_code == 0 and result.broker.kind != "mock"
        else "bad"
        if verdict.exit_code
        else "plain",
        "exit_code": verdict.exit_code,
        "valid": verdict.valid,
        "rate": ground.rate(result),
        "reasons": [wording.sentence(doubt) for doubt in verdict.doubts if doubt.invalid],
        "tiles": tiles(result),
        "ground": [
            ("cluster", ground.cluster(result)),
            ("load", ground.load(result)),
            ("client", ground.client(result)),
            ("machine", ground.machine(result)),
            ("started", f"{result.started_at}, run {result.run_id}"),
            ("labels", ", ".join(f"{name}={value}" for name, value in sorted(result.labels.items()))),
            ("command", " ".join(result.command)),
        ],
        "latency_heads": ["", *latency_table.HEADS, "mean", "n"],
        "latency": [
            [f"{row.label} ({row.remark})", *(milliseconds(value) for value in _quantiles(row)), f"{row.told.n:,}"]
            for row in rows
        ],
        "belief": [
            ("records", belief.records(result)),
            ("errors", belief.errors(result.messages)),
            ("read", belief.read_back(result)),
            ("limit", belief.limit(result)),
            ("steady", belief.steady(result)),
            ("recovery", belief.recovery(result)),
            ("batches", latency_table.batches(result)),
            ("a record waits", _queue(result)),
        ],
        "doubts": [wording.sentence(doubt) for doubt in verdict.doubts if not doubt.invalid],
        "rules": [_rule(outcome) for outcome in verdict.slo],
        "more": [part for part in _more(run) if part["rows"]],
    }


def _quantiles(row: latency_table.Row) -> list[float | None]:
    told = row.told
    return [told.p50, told.p90, told.p99, told.p99_9, told.p99_99, told.max, told.mean]


def _queue(result: Result) -> str | None:
    queue = latency_table.queue_arithmetic(result)
    return None if queue is None else f"up to {queue.in_words()}, in this client's own queue"


def _rule(outcome: Any) -> list[str]:
    value = wording.rule_in_words(outcome).partition(", asked")[0].partition(" ")[2]
    return [outcome.rule, value, {True: "yes", False: "no", None: "not measured"}[outcome.ok]]


def tiles(result: Result) -> list[View]:
    """The few numbers that are read first."""
    told = [
        ("acknowledged", per_second(result.throughput.acked_per_s), "msg/s"),
        ("payload", wording.mebibytes(result.throughput.payload_mib_per_s), "MiB/s"),
    ]
    rows = latency_table.rows(result)
    if rows:
        row = rows[0]
        named = (("p50", row.told.p50), ("p99", row.told.p99), ("p99.9", row.told.p99_9), ("max", row.told.max))
        told += [(f"{row.label.partition(',')[0]} {name}", milliseconds(value), "ms") for name, value in named]
    bad = result.messages.rejected + result.messages.failed + result.messages.unknown + result.messages.open
    told.append(("not acknowledged", f"{bad:,}", f"of {result.messages.attempted:,}"))
    if result.cost.cpu_us_per_message is not None:
        told.append(("CPU per message", f"{result.cost.cpu_us_per_message:.2f}", "µs"))
    return [{"name": name, "value": value, "unit": unit} for name, value, unit in told if value != ABSENT]


def _more(run: Run) -> list[View]:
    """What is there to be looked up, folded."""
    result, rows = run.result, run.intervals
    left_out = f"the first {MAX_ROWS} of {len(rows):,}; all are in intervals.jsonl" if len(rows) > MAX_ROWS else ""
    workers = [
        [worker.index, worker.pid, f"{worker.messages.acked:,}", per_second(worker.acked_per_s), _exit(worker.exit)]
        for worker in result.workers
    ]
    plan = {name: value for name, value in msgspec.to_builtins(result.plan).items() if value is not None}
    return [
        _part("Each second", _ROW_HEADS, [_row(row) for row in rows[:MAX_ROWS]], left_out),
        _part("Workers", ("worker", "pid", "acked", "acked/s", "exit"), workers),
        _part("Client properties", ("property", "value"), sorted(result.client.properties.items())),
        _part("Topic settings", ("setting", "value"), sorted(result.broker.topic.settings.items())),
        _part("Plan", ("key", "value"), [(name, _plain(value)) for name, value in plan.items()]),
        _part("Environment", ("key", "value"), [(name, _plain(value)) for name, value in result.environment.items()]),
    ]


def _part(title: str, heads: Sequence[str], rows: Sequence[Any], note: str = "") -> View:
    return {
        "title": title,
        "heads": heads,
        "rows": rows,
        "note": note,
        "look": "words" if len(heads) == 2 else "numbers",
    }


def _exit(code: int | None) -> str:
    return "still there" if code is None else f"killed by signal {-code}" if code < 0 else str(code)


def _row(row: Interval) -> list[str]:
    return [
        f"{row.second:.1f}",
        row.phase,
        per_second(row.acked_per_s),
        wording.mebibytes(row.payload_mib_per_s),
        *(milliseconds(value) for value in (row.p50_us, row.p99_us, row.max_us, row.lateness_p99_us)),
        f"{row.failed + row.rejected:,}",
        f"{row.unknown:,}",
        f"{row.outstanding:,}",
    ]


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return wording.number(value)
    return ABSENT if value is None else msgspec.json.encode(value).decode()


def together(runs: Sequence[Run]) -> View:
    """Several runs side by side: their main numbers, and the settings in which they are not alike."""
    rows = []
    for run in runs:
        result = run.result
        told = latency_table.rows(result)
        values = (told[0].told.p50, told[0].told.p99, told[0].told.p99_9) if told else (None, None, None)
        cpu = result.cost.cpu_us_per_message
        rows.append(
            [
                run.name,
                per_second(result.throughput.acked_per_s),
                wording.mebibytes(result.throughput.payload_mib_per_s),
                *(milliseconds(value) for value in values),
                told[0].key if told else ABSENT,
                f"{result.messages.failed_ratio:.4g}",
                ABSENT if cpu is None else f"{cpu:.2f}",
                ("MOCK: " if result.broker.kind == "mock" else "") + wording.headline(result),
            ]
        )
    heads = ["run", "acked/s", "MiB/s", "p50 ms", "p99 ms", "p99.9 ms", "of", "failed", "CPU µs", "verdict"]
    return {
        "heads": heads,
        "rows": rows,
        "difference_heads": ["setting", *(run.name for run in runs)],
        "differences": differences([run.result for run in runs]),
    }


_OWN = frozenset({"topic", "run_token", "start_ns", "start_epoch_us", "first_measured", "attempted"})


def differences(results: Sequence[Result]) -> list[list[str]]:
    """Settings and surroundings that are not the same in all results; what is each run's own is left out."""
    flat = [_settings(result) for result in results]
    keys = list(dict.fromkeys(key for settings in flat for key in settings))
    table = [[key, *(settings.get(key, ABSENT) for settings in flat)] for key in keys]
    return [row for row in table if len(set(row[1:])) > 1]


def _settings(result: Result) -> dict[str, str]:
    told: dict[str, str] = {}
    for name, value in msgspec.to_builtins(result.plan).items():
        if name not in _OWN:
            told[name] = _plain(value)
    told |= result.client.properties
    told |= {
        "instrument": result.client.instrument,
        "librdkafka": result.client.librdkafka,
        "broker": ground.broker(result),
        "replication factor": _plain(result.broker.topic.replication_factor),
        "machine": ground.machine(result),
    }
    return told
