"""The store of functions, where nothing answers at its address."""

import asyncio

import pytest

from faas_runtime.core.errors import Unavailable
from faas_runtime.gateway.control.store import FunctionStore


def test_a_store_that_does_not_answer_says_so():
    """The message names its address."""
    with pytest.raises(Unavailable, match=r"`http://127\.0\.0\.1:1/x` cannot be read"):
        asyncio.run(FunctionStore("http://127.0.0.1:1/x").functions())
