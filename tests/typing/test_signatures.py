"""The typed options are the publisher's own keywords."""

import inspect

from loadgen.producer.publisher_options import PublisherOptions
from loadgen.producer.sync_publisher import OrderEventPublisher


def test_the_typed_options_are_the_keywords() -> None:
    """What passes options on knows every keyword of OrderEventPublisher, and no other."""
    keywords = {
        name
        for name, parameter in inspect.signature(OrderEventPublisher).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }

    assert keywords == PublisherOptions.__optional_keys__
