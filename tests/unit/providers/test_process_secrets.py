"""The value of a secret in a request."""

import pytest

from faas_runtime.core.api import Secret
from faas_runtime.core.errors import Invalid
from faas_runtime.providers.common.secrets import secret_bytes


def test_the_raw_value_wins():
    assert secret_bytes(Secret(name="a", value="text", raw_value="AP8=")) == b"\x00\xff"
    assert secret_bytes(Secret(name="a", value="grüße")) == "grüße".encode()


@pytest.mark.parametrize("raw", ["x", "ª", "AA=A", " "])
def test_a_raw_value_that_is_not_base64_is_refused(raw):
    with pytest.raises(Invalid, match="rawValue"):
        secret_bytes(Secret(name="a", raw_value=raw))
