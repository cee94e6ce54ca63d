# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The model classes: what travels with a checkpoint. Names load on first use, so importing this package is cheap."""

from importlib import import_module
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from .configuration_zen import ZenConfig
    from .frame_encoder import FrameEncoder, FrameFeatures
    from .modeling_zen import ZenBackbone, ZenForImageClassification, ZenModel, ZenPreTrainedModel
    from .modeling_zen_distillation import ZenDistillationOutput, ZenForDistillation

HOMES = {
    "ZenConfig": "configuration_zen",
    "ZenModel": "modeling_zen",
    "ZenBackbone": "modeling_zen",
    "ZenForImageClassification": "modeling_zen",
    "ZenPreTrainedModel": "modeling_zen",
    "ZenForDistillation": "modeling_zen_distillation",
    "ZenDistillationOutput": "modeling_zen_distillation",
    "FrameEncoder": "frame_encoder",
    "FrameFeatures": "frame_encoder",
}
__all__ = list(HOMES)


def __getattr__(name: str):
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{HOMES[name]}", __name__), name)
