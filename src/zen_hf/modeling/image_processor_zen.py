# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""The image processor of a ZEN: transformers' own for ViT, so a saved one needs no remote code."""

from PIL.Image import Resampling
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from .configuration_zen import ZenConfig


def zen_image_processor(config: ZenConfig) -> ViTImageProcessorPil:
    """Builds the processor that turns frames into what a ZEN of this configuration expects.

    Runs on PIL and NumPy; what it saves loads as the torchvision processor where torchvision is installed.

    Args:
        config: Gives the side of the square frames in pixels, and mean and standard deviation per channel.
    """
    return ViTImageProcessorPil(
        size={"height": config.image_size, "width": config.image_size},
        resample=Resampling.BICUBIC,
        do_convert_rgb=True,
        image_mean=config.image_mean,
        image_std=config.image_deviation,
    )


__all__ = ["zen_image_processor"]
