# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The model classes: what travels with a checkpoint. Names load on first use, so importing this package is cheap."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .configuration_zen import ZenConfig
    from .configuration_zen_dense import ZenDenseConfig
    from .configuration_zen_pyramid import ZenPyramidConfig
    from .dense_models import dense_model, dense_output
    from .frame_encoder import FrameEncoder, FrameFeatures
    from .image_processor_zen import zen_image_processor
    from .modeling_zen import ZenBackbone, ZenForImageClassification, ZenModel, ZenPreTrainedModel
    from .modeling_zen_dense import ZenForDepthEstimation, ZenForSemanticSegmentation
    from .modeling_zen_distillation import ZenDistillationOutput, ZenForDistillation
    from .modeling_zen_pyramid import ZenPyramidBackbone
    from .modeling_zen_zero_shot import ZenForZeroShotImageClassification, ZenZeroShotOutput

__all__ = [
    "FrameEncoder",
    "FrameFeatures",
    "ZenBackbone",
    "ZenConfig",
    "ZenDenseConfig",
    "ZenDistillationOutput",
    "ZenForDepthEstimation",
    "ZenForDistillation",
    "ZenForImageClassification",
    "ZenForSemanticSegmentation",
    "ZenForZeroShotImageClassification",
    "ZenModel",
    "ZenPreTrainedModel",
    "ZenPyramidBackbone",
    "ZenPyramidConfig",
    "ZenZeroShotOutput",
    "dense_model",
    "dense_output",
    "zen_image_processor",
]
HOMES = {
    "configuration_zen": ("ZenConfig",),
    "configuration_zen_dense": ("ZenDenseConfig",),
    "configuration_zen_pyramid": ("ZenPyramidConfig",),
    "dense_models": ("dense_model", "dense_output"),
    "frame_encoder": ("FrameEncoder", "FrameFeatures"),
    "image_processor_zen": ("zen_image_processor",),
    "modeling_zen": ("ZenBackbone", "ZenForImageClassification", "ZenModel", "ZenPreTrainedModel"),
    "modeling_zen_dense": ("ZenForDepthEstimation", "ZenForSemanticSegmentation"),
    "modeling_zen_pyramid": ("ZenPyramidBackbone",),
    "modeling_zen_distillation": ("ZenDistillationOutput", "ZenForDistillation"),
    "modeling_zen_zero_shot": ("ZenForZeroShotImageClassification", "ZenZeroShotOutput"),
}


def __getattr__(name: str):
    """Load a name from the module that it lives in (PEP 562)."""
    for module, names in HOMES.items():
        if name in names:
            return getattr(import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
