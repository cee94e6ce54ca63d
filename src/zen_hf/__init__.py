# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""ZEN: a vision foundation model for minimally invasive surgery, native to Hugging Face.

The public names load on first use. Importing this package imports neither torch nor transformers, and yet makes
`AutoModel` and the other Auto classes know ZEN: see `zen_hf.auto_registration`.
"""

from typing import TYPE_CHECKING

from zen_hf.auto_registration import register_auto_classes

if TYPE_CHECKING:
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
]


def __getattr__(name: str):
    """Load a public name on first use (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import zen_hf.modeling

    return getattr(zen_hf.modeling, name)


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})


register_auto_classes()
