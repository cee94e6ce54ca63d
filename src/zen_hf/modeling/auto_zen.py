# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Makes transformers' Auto classes know ZEN; each function touches one Auto module so that imports stay acyclic."""


def register_config() -> None:
    """`AutoConfig` loads folders whose `model_type` is `zen`."""
    from transformers.models.auto.configuration_auto import AutoConfig

    from .configuration_zen import ZenConfig

    AutoConfig.register(ZenConfig.model_type, ZenConfig, exist_ok=True)
    ZenConfig.register_for_auto_class()


def register_models() -> None:
    """`AutoModel`, `AutoBackbone`, `AutoModelForImageClassification` and `AutoModelForPreTraining` build ZEN classes."""
    from transformers.models.auto.modeling_auto import (
        AutoBackbone,
        AutoModel,
        AutoModelForImageClassification,
        AutoModelForPreTraining,
    )

    from .configuration_zen import ZenConfig
    from .modeling_zen import ZenBackbone, ZenForImageClassification, ZenModel
    from .modeling_zen_distillation import ZenForDistillation

    for auto_class, model_class in [
        (AutoModel, ZenModel),
        (AutoBackbone, ZenBackbone),
        (AutoModelForImageClassification, ZenForImageClassification),
        (AutoModelForPreTraining, ZenForDistillation),
    ]:
        auto_class.register(ZenConfig, model_class, exist_ok=True)
        model_class.register_for_auto_class(auto_class.__name__)


def register_image_processor() -> None:
    """`AutoImageProcessor` finds a processor for ZEN folders that hold none of their own."""
    from transformers.models.auto.image_processing_auto import AutoImageProcessor
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil
    from transformers.models.vit.image_processing_vit import ViTImageProcessor

    from .configuration_zen import ZenConfig

    processors = {"pil": ViTImageProcessorPil, "torchvision": ViTImageProcessor}
    AutoImageProcessor.register(ZenConfig, image_processor_classes=processors, exist_ok=True)
