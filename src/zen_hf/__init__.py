# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""ZEN: a vision foundation model for minimally invasive surgery, native to Hugging Face.

The public names load on first use. Importing this package imports neither torch nor transformers, and yet makes
`AutoModel` and the other Auto classes know ZEN: see `zen_hf.auto_registration`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from zen_hf.auto_registration import register_auto_classes

if TYPE_CHECKING:
    from zen_hf.extraction.extract_array import extract
    from zen_hf.modeling import (
        ZenBackbone,
        ZenConfig,
        ZenDenseConfig,
        ZenForDepthEstimation,
        ZenForDistillation,
        ZenForImageClassification,
        ZenForSemanticSegmentation,
        ZenForZeroShotImageClassification,
        ZenModel,
        ZenPyramidBackbone,
        ZenPyramidConfig,
    )

__version__ = "0.1.0.dev0"
__all__ = [
    "ZenBackbone",
    "ZenConfig",
    "ZenDenseConfig",
    "ZenForDepthEstimation",
    "ZenForDistillation",
    "ZenForImageClassification",
    "ZenForSemanticSegmentation",
    "ZenForZeroShotImageClassification",
    "ZenModel",
    "ZenPyramidBackbone",
    "ZenPyramidConfig",
    "__version__",
    "extract",
]
ELSEWHERE = {"extract": "zen_hf.extraction.extract_array"}  # the other names are zen_hf.modeling's


def __getattr__(name: str):
    """Load a public name on first use (PEP 562)."""
    if name == "data":  # so that `zen_hf.data.frames` is there after `import zen_hf`
        return import_module("zen_hf.data")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(ELSEWHERE.get(name, "zen_hf.modeling")), name)


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})


register_auto_classes()
