"""READ: the other door to confluent_kafka: partitions read in parallel, for verify and for consumers beside a run."""
