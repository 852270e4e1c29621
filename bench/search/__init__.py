"""`python -m bench search COMMAND`: do capacity and the tuner find what is there?

Goal: how often the interval holds the true rate, how near the tuner comes to the best, on clusters of known law; whether
two searches on one machine agree, and whether what is recommended is better, on this one.
Non-goal: how fast any cluster is.

simulated        100 searches on an M/D/1 queue; 20 tuners on a surface of 18,144 combinations, beside random search
mock             pairs of searches on the mock with a known round trip, which is then the limit: do they overlap?
kafka            the same on a real Kafka on this machine
tune-throughput  a bare `loadgen tune` on a real Kafka: is the recommendation better than balanced?
tune-cpu         the same for CPU a record at a rate

The real ones append a row as each ends: start the same command again and it goes on.
"""


def main(argv: list[str]) -> int:
    """Run the command; its exit code."""
    from bench.search.command import main as command

    return command(argv)
