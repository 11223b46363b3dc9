"""When a failed asynchronous call is retried."""

import random

import pytest

from faas_runtime.gateway.queue.model import CallResult
from faas_runtime.gateway.queue.policy import RetryPolicy

FIXED = random.Random(1)


def test_annotations_override_the_defaults():
    """Every annotation of the retry contract counts."""
    policy = RetryPolicy.of(
        {
            "com.openfaas.retry.attempts": "3",
            "com.openfaas.retry.codes": "500,418",
            "com.openfaas.retry.min_wait": "1s",
            "com.openfaas.retry.max_wait": "4s",
            "topic": "other",
        }
    )
    assert policy == RetryPolicy(3, frozenset({500, 418}), 1.0, 4.0)


def test_a_wrong_annotation_names_itself():
    """The error names the invalid annotation."""
    with pytest.raises(ValueError, match=r"com\.openfaas\.retry"):
        RetryPolicy.of({"com.openfaas.retry.attempts": "many"})


@pytest.mark.parametrize(
    ("result", "again"),
    [
        (CallResult(200), False),
        (CallResult(404), False),
        (CallResult(431), False),
        (CallResult(500), True),
        (CallResult(0), True),
        (CallResult(501), False),
        (CallResult(501, (("X-OpenFaaS-Internal", "faas"),)), True),
    ],
)
def test_codes_and_platform_failures_are_tried_again(result, again):
    """A function's own refusal is final; a failure of the platform is retried."""
    assert RetryPolicy().should_retry(result) is again


def test_waits_grow_up_to_the_limit():
    """The step doubles with each attempt and stays between half and all of it."""
    policy = RetryPolicy(min_wait=1, max_wait=8)
    for attempts, step in [(1, 1), (2, 2), (3, 4), (4, 8), (9, 8)]:
        assert step / 2 <= policy.wait(attempts, CallResult(500), FIXED) <= step


def test_retry_after_is_honoured_within_the_limit():
    """A busy function may name the time of the retry."""
    policy = RetryPolicy(max_wait=30)
    assert policy.wait(1, CallResult(503, (("Retry-After", "7"),)), FIXED) == 7
    assert policy.wait(1, CallResult(429, (("retry-after", "700"),)), FIXED) == 30
