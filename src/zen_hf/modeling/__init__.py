# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The model classes: what travels with a checkpoint. Names load on first use, so importing this package is cheap."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .configuration_zen import ZenConfig
    from .frame_encoder import FrameEncoder, FrameFeatures
    from .image_processor_zen import zen_image_processor
    from .modeling_zen import ZenBackbone, ZenForImageClassification, ZenModel, ZenPreTrainedModel
    from .modeling_zen_distillation import ZenDistillationOutput, ZenForDistillation

__all__ = [
    "FrameEncoder",
    "FrameFeatures",
    "ZenBackbone",
    "ZenConfig",
    "ZenDistillationOutput",
    "ZenForDistillation",
    "ZenForImageClassification",
    "ZenModel",
    "ZenPreTrainedModel",
    "zen_image_processor",
]
HOMES = {
    "configuration_zen": ("ZenConfig",),
    "frame_encoder": ("FrameEncoder", "FrameFeatures"),
    "image_processor_zen": ("zen_image_processor",),
    "modeling_zen": ("ZenBackbone", "ZenForImageClassification", "ZenModel", "ZenPreTrainedModel"),
    "modeling_zen_distillation": ("ZenDistillationOutput", "ZenForDistillation"),
}


def __getattr__(name: str):
    """Load a name from the module that it lives in (PEP 562)."""
    for module, names in HOMES.items():
        if name in names:
            return getattr(import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
