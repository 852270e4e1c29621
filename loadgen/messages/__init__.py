"""BYTES: domain orders become messages, messages become bytes."""
