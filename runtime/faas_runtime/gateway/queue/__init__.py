"""Asynchronous calls: a durable queue with leases, retries, callbacks and dead letters."""
