# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Makes transformers' Auto classes know ZEN; each function touches one Auto module so that imports stay acyclic."""


def register_config() -> None:
    """`AutoConfig` loads folders whose `model_type` is `zen`, or that of a dense model over any trunk."""
    from transformers.models.auto.configuration_auto import AutoConfig

    from .configuration_zen import ZenConfig
    from .configuration_zen_dense import ZenDenseConfig
    from .configuration_zen_pyramid import ZenPyramidConfig

    for config_class in (ZenConfig, ZenPyramidConfig, ZenDenseConfig):
        AutoConfig.register(config_class.model_type, config_class, exist_ok=True)
        config_class.register_for_auto_class()


def register_models() -> None:
    """`AutoModel`, `AutoBackbone` and the Auto classes of the tasks that ZEN has a class for build ZEN classes."""
    from transformers.models.auto.modeling_auto import (
        AutoBackbone,
        AutoModel,
        AutoModelForDepthEstimation,
        AutoModelForImageClassification,
        AutoModelForPreTraining,
        AutoModelForSemanticSegmentation,
        AutoModelForZeroShotImageClassification,
    )

    from .configuration_zen import ZenConfig
    from .configuration_zen_dense import ZenDenseConfig
    from .configuration_zen_pyramid import ZenPyramidConfig
    from .modeling_zen import ZenBackbone, ZenForImageClassification, ZenModel
    from .modeling_zen_dense import ZenForDepthEstimation, ZenForSemanticSegmentation
    from .modeling_zen_distillation import ZenForDistillation
    from .modeling_zen_pyramid import ZenPyramidBackbone
    from .modeling_zen_zero_shot import ZenForZeroShotImageClassification

    for config_class, auto_class, model_class in [
        (ZenConfig, AutoModel, ZenModel),
        (ZenConfig, AutoBackbone, ZenBackbone),
        (ZenConfig, AutoModelForImageClassification, ZenForImageClassification),
        (ZenConfig, AutoModelForPreTraining, ZenForDistillation),
        (ZenConfig, AutoModelForZeroShotImageClassification, ZenForZeroShotImageClassification),
        (ZenPyramidConfig, AutoBackbone, ZenPyramidBackbone),
        (ZenDenseConfig, AutoModelForSemanticSegmentation, ZenForSemanticSegmentation),
        (ZenDenseConfig, AutoModelForDepthEstimation, ZenForDepthEstimation),
    ]:
        auto_class.register(config_class, model_class, exist_ok=True)
        model_class.register_for_auto_class(auto_class.__name__)


def register_image_processor() -> None:
    """`AutoImageProcessor` finds a processor for ZEN folders that hold none of their own."""
    from transformers.models.auto.image_processing_auto import AutoImageProcessor
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil
    from transformers.models.vit.image_processing_vit import ViTImageProcessor

    from .configuration_zen import ZenConfig

    processors = {"pil": ViTImageProcessorPil, "torchvision": ViTImageProcessor}
    AutoImageProcessor.register(ZenConfig, image_processor_classes=processors, exist_ok=True)
