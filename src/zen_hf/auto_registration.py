# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Makes transformers' Auto classes know ZEN as soon as both libraries are imported, in either order, at no cost before.

Registering needs the Auto classes and the ZEN classes, hence transformers and torch: seconds that `import zen_hf` should
not take. So it waits until the user has imported the Auto module in question, and then until the outermost import of
transformers or zen_hf has ended: `modeling_auto` is imported in the middle of `transformers.modeling_layers`, which the
ZEN classes need whole.
"""

import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType


def register_auto_classes() -> None:
    """Register ZEN with the Auto classes that are imported already, and with the others once they are."""
    auto = "transformers.models.auto"
    callbacks = {
        f"{auto}.configuration_auto": partial(_call, "register_config"),
        f"{auto}.modeling_auto": partial(_call, "register_models"),
        f"{auto}.image_processing_auto": partial(_call, "register_image_processor"),
    }
    call_after_import(callbacks, packages=("transformers", "zen_hf"))


def call_after_import(callbacks: dict[str, Callable[[], None]], packages: tuple[str, ...]) -> None:
    """Call each callback once its module is imported and nothing of `packages` is half imported.

    Args:
        callbacks: Full module name to a function without arguments. It may import modules of `packages`; what it raises,
            the import statement that led to it raises.
        packages: Top-level packages whose imports are watched until every callback has been called.
    """
    finder = _AfterImport(dict(callbacks), packages)
    sys.meta_path.insert(0, finder)
    finder.call_ready()


class _AfterImport:
    """A finder of `sys.meta_path` that wraps what the other finders find, to notice when an outermost import has ended.

    Without the base class `importlib.abc.MetaPathFinder`, whose import takes longer than all else here.
    """

    def __init__(self, callbacks: dict[str, Callable[[], None]], packages: tuple[str, ...]):
        self.callbacks = callbacks
        self.packages = packages
        self.unfinished = threading.local()  # .imports: watched modules that this thread is in the middle of executing

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in self.packages:
            return None
        others = [finder for finder in sys.meta_path if finder is not self]
        spec = next(filter(None, (finder.find_spec(fullname, path, target) for finder in others)), None)
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module = partial(self.execute, spec.loader.exec_module)
        return spec

    def execute(self, exec_module: Callable[[ModuleType], None], module: ModuleType) -> None:
        """Execute a watched module; after the outermost one, call what has become ready."""
        outer = getattr(self.unfinished, "imports", 0)
        self.unfinished.imports = outer + 1
        try:
            exec_module(module)
        finally:
            self.unfinished.imports = outer
        if outer == 0:
            self.call_ready()

    def call_ready(self) -> None:
        """Call the callbacks whose modules are imported; after the last one, stop watching."""
        self.unfinished.imports = 1  # a callback's own imports are not outermost
        try:
            while ready := [name for name in self.callbacks if name in sys.modules]:
                self.callbacks[ready[0]]()
                self.callbacks.pop(ready[0], None)
        finally:
            self.unfinished.imports = 0
        if not self.callbacks and self in sys.meta_path:
            sys.meta_path.remove(self)


def _call(function: str) -> None:
    """Call a function of `zen_hf.modeling.auto_zen`, importing it only now."""
    getattr(import_module("zen_hf.modeling.auto_zen"), function)()
