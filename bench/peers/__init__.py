"""`python -m bench peers`: what a message costs this generator, and what it costs others, in turn on one Apache Kafka.

Goal: CPU a message and messages a second of loadgen (raw, stamped and fresh events), of Kafka's own
kafka-producer-perf-test and of librdkafka's own rdkafka_performance, with and without timing its messages. The same
broker, the same settings, rounds in turn, so that a slow minute touches everybody.
Non-goal: latencies (others measure other things under that name); many hosts; tuning anybody beyond equal settings.

Each contestant runs twice a round, short and long. Told is the marginal cost, (long − short) ÷ the difference in
messages, so start, connection and report count for nobody. A contestant that this machine cannot run is named with its
reason and left out. Writes `peers.jsonl`, a row a run as each ends, `peers.json`, the summary, and a picture.
"""


def main(argv: list[str]) -> int:
    """Run the command; its exit code."""
    from bench.peers.command import main as command

    return command(argv)
