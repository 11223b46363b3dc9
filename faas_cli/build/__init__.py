"""Builders. The package itself can be called: `from faas_cli import build` is `faas_cli.pipeline.build`."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    """A package and a function of one name: Python has one place for both."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        from faas_cli.pipeline import build

        return build(*args, **options)


sys.modules[__name__].__class__ = _Callable
