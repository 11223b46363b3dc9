"""Kubernetes quantities."""

from decimal import Decimal

import pytest

from faas_runtime.core.quantities import cpu_cores, memory_bytes


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("128Mi", 134217728),
        ("1Gi", 2**30),
        ("1k", 1000),
        ("1.5M", 1500000),
        ("42", 42),
        (".5Ki", 512),
        ("1Ei", 2**60),
        ("1e3", 1000),
        ("64M", 64_000_000),
    ],
)
def test_memory(text, amount):
    """Binary and decimal units."""
    assert memory_bytes(text) == amount


@pytest.mark.parametrize("text", ["", "256MB", "500m", "-1Mi", "NaN", "1 Mi", "Mi", "128mi", "1Gib", "0x10", "1e", "١"])
def test_what_is_no_memory(text):
    """Docker's units are not Kubernetes's."""
    with pytest.raises(ValueError, match="is not an amount of memory"):
        memory_bytes(text)


@pytest.mark.parametrize(
    ("text", "cores"),
    [
        ("500m", "0.5"),
        ("2", "2"),
        ("0.25", "0.25"),
        ("1500m", "1.5"),
        (".5", "0.5"),
        ("5e2", "500"),
        ("100u", "0.0001"),
    ],
)
def test_cpu(text, cores):
    """Thousandths or cores."""
    assert cpu_cores(text) == Decimal(cores)


@pytest.mark.parametrize("text", ["", "-1", "1M", "1Gi", "half", "NaN"])
def test_what_is_no_cpu(text):
    """Anything else."""
    with pytest.raises(ValueError, match="is not an amount of CPU"):
        cpu_cores(text)
