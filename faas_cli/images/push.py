"""Pushing the images of a stack's functions to their registries."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from faas_cli.errors import FaasError
from faas_cli.images.tags import image_reference
from faas_cli.images.workers import work_on
from faas_cli.registry.progress import PushDisplay
from faas_cli.registry.reference import check_pushable
from faas_cli.stack.model import Function
from faas_runtime.core.paths import default_state_dir, images_dir
from faas_runtime.images.store import ImageNotFound, ImageStore

if TYPE_CHECKING:
    from faas_cli.console import Console


def push_all(functions: Sequence[Function], tag: str, parallel: int, console: Console) -> bool:
    """Push the images of functions and report each; return whether all arrived. Raises FaasError for invalid names."""
    begun = time.monotonic()
    images: list[tuple[str, str]] = []
    for function in functions:
        if function.skip_build:
            console.progress(f"Skipping {function.name}")
            continue
        image = image_reference(function, tag)
        images.append((function.name, image))
    check_pushable(*(image for _, image in images))
    with PushDisplay(console) as display:
        failures = work_on(images, parallel, lambda worker, pair: _push(worker, pair[0], pair[1], console, display))
    if len(images) > 1:
        console.info(f"Total push time: {time.monotonic() - begun:.2f}s")
    for failure in failures:
        if failure is not None:
            console.error(failure.message, failure.hint, failure.detail)
    return not any(failures)


def _push(worker: int, name: str, image: str, console: Console, display: PushDisplay) -> FaasError | None:
    display.say(console.progress, f"[{worker}] > Pushing {name} [{image}]")
    begun = time.monotonic()
    try:
        digest = _pusher(image, display)()
    except FaasError as err:
        return err
    except ImageNotFound as err:
        return FaasError(f"`{image}` was not pushed: {err}", hint="build it again: `faas build`")
    except OSError as err:  # the layers are compressed into the state folder
        place = f": `{err.filename}`" if err.filename else f" (in `{default_state_dir()}`)"
        return FaasError(f"`{image}` was not pushed: {err.strerror or err}{place}")
    display.say(console.progress, f"[{worker}] < Pushing {name} [{image}] done.")
    display.say(console.info, f"{image}: {digest} in {time.monotonic() - begun:.2f}s")
    return None


def _pusher(image: str, display: PushDisplay) -> Callable[[], str]:
    """What pushes this image: ourselves from the local store, or the engine that has it."""
    state = default_state_dir()
    store = ImageStore(images_dir(state))
    if in_store(image, store):
        from faas_cli.registry.push import Push

        push = Push(store, state / "build", image, display.ended, display.progress, display.waiting)
        return lambda: push.run().digest
    from faas_cli.registry.engine import push_from_engine

    return lambda: push_from_engine(image, display.ended, display.progress)


def push_remote(functions: Sequence[Function], tag: str, parallel: int, console: Console) -> bool:
    """Push the images whose names contain a registry; a local name is for this machine's own gateway."""
    for function in functions:
        if "/" not in function.image and not function.skip_build:
            console.info(f"{function.name}: `{function.image}` names no registry; it stays on this machine")
    return push_all([function for function in functions if "/" in function.image], tag, parallel, console)


def in_store(image: str, store: ImageStore) -> bool:
    """Whether the image is in the local store: it was built without an engine."""
    try:
        store.digest_of(image)
    except ImageNotFound:
        return False
    return True
