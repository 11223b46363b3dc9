"""Asynchronous calls: kept until they are answered, tried again when they fail, buried when they never succeed."""
