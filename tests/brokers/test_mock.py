"""The mock cluster: a process of its own, made and broken by commands."""

from loadgen.brokers.mock import MockCluster


def test_starts_says_where_and_ends() -> None:
    """A cluster gives one address a broker and its process is gone after close."""
    with MockCluster.start(brokers=3) as cluster:
        assert 3 == len(cluster.bootstrap.split(","))
        assert cluster.running

    assert not cluster.running
