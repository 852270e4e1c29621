"""SEND: one transport, and the publisher that applications use."""
