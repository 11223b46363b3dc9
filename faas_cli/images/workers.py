"""Working on several functions at once, so that Ctrl-C ends all of it soon."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from faas_cli.errors import UsageError
from faas_cli.interrupt import end_everything

Item = TypeVar("Item")
Result = TypeVar("Result")

STOP_TIMEOUT = 2.0
"""Seconds to wait after Ctrl-C for work that is ending, for example a layer that is being written."""


def work_on(
    items: Sequence[Item],
    parallel: int,
    work: Callable[[int, Item], Result],
    *,
    stop: Callable[[], object] = lambda: None,
    ended: Callable[[int], object] = lambda worker: None,
) -> list[Result]:
    """Call `work(worker, item)` for every item, `parallel` at a time; returns the results in the items' order.

    `ended` is called with each worker's number when nothing is left for it. After Ctrl-C or an error no more work
    begins, `stop` is called, and work that does not end within `STOP_TIMEOUT` is left to the end of the process.
    Raises UsageError for a `parallel` below 1.
    """
    if parallel < 1:
        raise UsageError(f"`--parallel {parallel}` must be at least 1")
    results: dict[int, Result] = {}
    waiting = itertools.count()
    stopped = False

    def run(worker: int) -> None:
        while not stopped and (number := next(waiting)) < len(items):
            results[number] = work(worker, items[number])
        if not stopped:
            ended(worker)

    pool = ThreadPoolExecutor(max(1, min(parallel, len(items))))
    running = [pool.submit(run, worker) for worker in range(min(parallel, len(items)))]
    try:
        for worker in running:
            worker.result()
    except BaseException as err:
        stopped = True
        stop()
        if isinstance(err, KeyboardInterrupt):
            end_everything()
        pool.shutdown(wait=False, cancel_futures=True)
        wait(running, STOP_TIMEOUT)
        raise
    pool.shutdown()
    return [results[number] for number in range(len(items))]
