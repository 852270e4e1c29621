"""READ: the other door to confluent_kafka, for reading back."""
