"""What a run sends to: a broker that is there or started for it, and a topic that is there or made for it.

Entered before a run, left after it: what was made is removed again unless it is to be kept.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from loadgen.brokers import admin
from loadgen.brokers.allowed import allowed_members
from loadgen.brokers.connection import ANSWER_WITHIN_S
from loadgen.brokers.guard import Seen, decide_topic
from loadgen.brokers.target import Broker, start_broker
from loadgen.profile import RunSettings
from loadgen.report.result import BrokerRecord, TopicRecord
from loadgen.runner.guard_watch import GuardWatch

LOG_WITHIN_S = 3.0  # it has just answered, or is gone: a run whose cluster died must not hang on it
SILENT_WITHIN_S = 1.0


@dataclass
class Target:
    """Where a run sends.

    Attributes:
        broker: the cluster.
        cluster: what it says of itself.
        topic: its name; made: by this run; removed: again.
        fresh: made, and nothing was sent yet.
        silent: it did not answer when it was last asked.
    """

    broker: Broker
    cluster: admin.Cluster
    topic: str
    shape: admin.Topic
    made: bool
    removed: bool = False
    fresh: bool = False
    silent: bool = False

    def end_offsets(self, properties: dict[str, str]) -> list[int] | None:
        """The topic's end offsets by partition; None when they cannot be had within 3 s, and then the cluster is silent."""
        deadline = time.monotonic() + LOG_WITHIN_S
        while (left_s := deadline - time.monotonic()) > 0:
            found = admin.end_offsets(self.broker, self.topic, properties, left_s)
            if found is not None:
                return found
            time.sleep(min(0.3, left_s))  # a leader may be moving, or metadata of a new topic not everywhere yet
        self.silent = True
        return None

    def offsets_at_start(self, properties: dict[str, str]) -> list[int] | None:
        """Where the log stands before a run; a topic that the run made is empty."""
        return [0] * self.shape.partitions if self.fresh else self.end_offsets(properties)

    def watch(self, settings: RunSettings) -> GuardWatch | None:
        """The guard's eye on the cluster while a run sends; None for one that was started here."""
        if self.broker.kind != "external":
            return None
        return GuardWatch(
            _seen(self.broker, self.cluster.cluster_id, self.cluster.brokers),
            lambda: _seen(self.broker, *admin.members(self.broker, settings.properties)),
            settings.confirm,
        )

    def record(self) -> BrokerRecord:
        """The target as result.json tells it."""
        return BrokerRecord(
            kind=self.broker.kind,
            version=self.cluster.version or self.broker.version,
            cluster_id=self.cluster.cluster_id,
            brokers=len(self.cluster.brokers),
            topic=TopicRecord(
                partitions=self.shape.partitions,
                replication_factor=self.shape.replication_factor,
                min_insync_replicas=self.shape.min_insync_replicas,
                settings=self.shape.settings,
                made=self.made,
                removed=self.removed,
            ),
        )


@contextmanager
def open_target(settings: RunSettings, topic: str, there: Broker | None = None) -> Iterator[Target]:
    """The cluster and the topic of a run.

    Args:
        topic: used when the settings name none.
        there: a broker that somebody else started and stops.

    Raises:
        UsageError: a broker cannot be started here.
        Refused: the cluster may not be loaded, or the topic not written.
        Unreachable: no answer, or a refusal, within 10 s.
    """
    found = nullcontext(there) if there else start_broker(settings.start or "external", bootstrap=settings.bootstrap)
    with found as broker:
        cluster = _allowed_cluster(broker, settings)
        target = _with_topic(broker, cluster, settings, settings.topic or topic)
        try:
            yield target
        finally:
            if target.made and not settings.keep_topic:
                gone_with_it = broker.mock is not None and there is None
                target.removed = gone_with_it or admin.delete_topic(
                    broker,
                    target.topic,
                    settings.properties,
                    SILENT_WITHIN_S if target.silent else ANSWER_WITHIN_S,
                )


def _seen(broker: Broker, cluster_id: str | None, nodes: tuple[str, ...]) -> Seen:
    return Seen(tuple(broker.bootstrap.split(",")), nodes, cluster_id)


def _allowed_cluster(broker: Broker, settings: RunSettings) -> admin.Cluster:
    """The cluster, when the guard lets it be loaded; what was started here is ours."""
    if broker.kind != "external":
        return admin.describe_cluster(broker, settings.properties)
    cluster_id, nodes = allowed_members(
        broker, settings.properties, confirm=settings.confirm, allow_unsafe=settings.allow_unsafe
    )
    return admin.described(broker, cluster_id, nodes, settings.properties)


def _with_topic(broker: Broker, cluster: admin.Cluster, settings: RunSettings, topic: str) -> Target:
    shape = admin.describe_topic(broker, topic, settings.properties)
    if shape is not None:
        if broker.kind == "external":
            decide_topic(topic, shape.settings, yes=settings.yes).enforce()
        return Target(broker, cluster, topic, shape, made=False)
    shape = admin.create_topic(
        broker,
        topic,
        settings.properties,
        partitions=settings.partitions,
        replication_factor=settings.replication_factor,
        settings=settings.topic_config,
        like=settings.like,
    )
    return Target(broker, cluster, topic, shape, made=True, fresh=True)
