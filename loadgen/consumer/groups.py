"""The reading plans of the consumer groups beside a run, from what the run's own plan says."""

from collections.abc import Mapping, Sequence

from loadgen.arrivals.plan import Piece
from loadgen.consumer.identity import id_place
from loadgen.consumer.plan import ConsumePlan


def plans_beside(
    groups: int,
    *,
    bootstrap: str,
    topic: str,
    properties: Mapping[str, str],
    begin: Sequence[int] | None,
    run_token: str,
    events: str,
    keys: str,
    pieces: Sequence[Piece],
    arrival: str,
    producers: int,
    seed: int,
    warmup_ns: int,
) -> list[ConsumePlan]:
    """One plan a group, each of which reads every record of the run.

    Args:
        groups: how many.
        properties: the run's; what concerns producers alone is left out.
        begin: the topic's end offsets before the run, by partition; None: it was made for the run.
        events: as result.json has it: a kind, or `kind:MODULE:FUNCTION`.
        pieces: of the rate; empty flat out, where nothing is timed.
    """
    return [
        ConsumePlan(
            bootstrap=bootstrap,
            topic=topic,
            properties=dict(properties),
            way="beside",
            group=f"loadgen-{run_token}-{index}",
            ranges={partition: (offset, offset) for partition, offset in enumerate(begin or ())},
            run_token=run_token,
            id_place=id_place(events, keys),
            pieces=list(pieces),
            arrival=arrival,
            producers=producers,
            seed=seed,
            warmup_ns=warmup_ns,
        )
        for index in range(groups)
    ]
