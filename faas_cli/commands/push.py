"""`faas push`: put the images of a stack into their registries."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import click

from faas_cli.console import Console
from faas_cli.devloop.local_run import in_store
from faas_cli.errors import EXIT_FAILED, FaasError, UsageError
from faas_cli.images.tags import image_reference
from faas_cli.options import FaasCommand, Integer, stack_options, switch
from faas_cli.registry.progress import PushDisplay
from faas_cli.registry.reference import check_pushable
from faas_cli.stack.model import Function
from faas_cli.stack.select import open_stack, select
from faas_runtime.core.paths import default_state_dir, images_dir
from faas_runtime.images.store import ImageStore

if TYPE_CHECKING:
    from collections.abc import Callable


@click.command(cls=FaasCommand)
@stack_options
@click.option("--parallel", type=Integer(), default=1, show_default=True, help="Images to push at a time.")
@click.option("--tag", default="latest", show_default=True, help="Tag from: latest, sha, branch, describe or digest.")
@switch("--quiet", help="Only say what failed.")
def command(stack_file: str, pattern: str, regex: str, envsubst: bool, parallel: int, tag: str, quiet: bool) -> int:
    """Push the images of a stack to the registries their names say."""
    console = Console(quiet=quiet)
    functions = select(open_stack(stack_file, envsubst=envsubst), pattern, regex)
    return 0 if push_all(functions, tag, parallel, console) else EXIT_FAILED


def push_all(functions: Sequence[Function], tag: str, parallel: int, console: Console) -> bool:
    """Push the images of functions; whether all arrived. Raises FaasError for a name that cannot be pushed."""
    if parallel < 1:
        raise UsageError(f"`--parallel {parallel}` is not possible; 1 is the least")
    wanted: list[tuple[str, str]] = []
    for function in functions:
        if function.skip_build:
            console.progress(f"Skipping {function.name}")
            continue
        image = image_reference(function, tag)
        wanted.append((function.name, image))
    check_pushable(*(image for _, image in wanted))
    with PushDisplay(console) as display, ThreadPoolExecutor(parallel) as pool:
        failures = list(pool.map(lambda pair: _push(pair[0], pair[1], console, display), wanted))
    for failure in failures:
        if failure is not None:
            console.error(failure.message, failure.hint, failure.detail)
    return not any(failures)


def _push(name: str, image: str, console: Console, display: PushDisplay) -> FaasError | None:
    display.say(console.progress, f"[0] > Pushing {name} [{image}]")
    try:
        digest = _pusher(image, display)()
    except FaasError as err:
        return err
    except OSError as err:  # the layers are compressed into the state folder
        place = f": `{err.filename}`" if err.filename else f" (in `{default_state_dir()}`)"
        return FaasError(f"`{image}` was not pushed: {err.strerror or err}{place}")
    display.say(console.progress, f"[0] < Pushing {name} [{image}] done.")
    display.say(console.info, f"{image}: {digest}")
    return None


def _pusher(image: str, display: PushDisplay) -> Callable[[], str]:
    """What pushes this image: ourselves from the local store, or the engine that has it."""
    state = default_state_dir()
    store = ImageStore(images_dir(state))
    if in_store(image, store):
        from faas_cli.registry.push import Push

        push = Push(store, state / "build", image, display.ended, display.progress)
        return lambda: push.run().digest
    from faas_cli.registry.engine import push_from_engine

    return lambda: push_from_engine(image, display.ended, display.progress)
