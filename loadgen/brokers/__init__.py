"""TARGET: what a run sends to: mock, local Kafka, Redpanda or a cluster given by address."""
