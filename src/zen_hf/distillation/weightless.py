# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Student and teachers as shapes without values, built from their configurations alone: what a plan counts on."""

from dataclasses import replace

import torch
from transformers import AutoConfig, AutoModel, PreTrainedConfig

from zen_hf.distillation.student import StudentSpec, build_student
from zen_hf.distillation.teachers import Teacher, TeacherSpec, VideoTeacher
from zen_hf.modeling.clip_encoder import ClipEncoder
from zen_hf.modeling.configuration_zen import ZenConfig
from zen_hf.modeling.conversion_zen import FAMILIES, convert_config
from zen_hf.modeling.frame_encoder import FrameEncoder
from zen_hf.modeling.modeling_zen_distillation import ZenForDistillation
from zen_hf.modeling.pretrained_encoder import CLIPS

NORMALISATION = {"image_mean": [0.0] * 3, "image_std": [1.0] * 3}


class Weightless:
    """Makes an encoder work on shapes alone: the range of its pixels, which have no values, is not looked at."""

    def normalise(self, images: torch.Tensor) -> torch.Tensor:
        """As many operations and as much memory as the real one needs."""
        pixels = (images.float() * self.pixel_scale - self.mean) / self.std
        return pixels.to(next(self.model.parameters()).dtype)

    def materialise(self) -> None:
        """Goes from the meta device to what the active fake mode gives for the CPU."""
        self.model.to_empty(device="cpu")
        self.mean, self.std = (torch.empty_like(value, device="cpu") for value in (self.mean, self.std))


class WeightlessFrameEncoder(Weightless, FrameEncoder):
    """A frame encoder without values."""


class WeightlessClipEncoder(Weightless, ClipEncoder):
    """A clip encoder without values."""


def weightless_teacher(spec: TeacherSpec, dtype: torch.dtype) -> Teacher | VideoTeacher:
    """A teacher on the meta device; of a Hub id, `config.json` alone is fetched.

    Args:
        spec: The teacher's part of the recipe.
        dtype: Type of its weights.

    Raises:
        FileNotFoundError: If `spec.source` holds no configuration.
        ValueError: If the model cannot be run on shapes alone.
    """
    config = read_config(spec.source, spec.revision, spec.trust_remote_code)
    try:
        with torch.device("meta"):
            model = AutoModel.from_config(config, dtype=dtype, trust_remote_code=spec.trust_remote_code)
            if model.main_input_name == CLIPS:
                return VideoTeacher(spec, WeightlessClipEncoder(model, **NORMALISATION, name=spec.source))
            return Teacher(spec, WeightlessFrameEncoder(model, **NORMALISATION, name=spec.source))
    except (NotImplementedError, RuntimeError) as error:
        raise ValueError(
            f"teacher {spec.name}: {spec.source} ({config.model_type}) cannot be counted from its configuration alone "
            f"({str(error).splitlines()[0]}); leave it out of the plan and add its cost by hand"
        ) from error


def weightless_student(
    spec: StudentSpec, teachers: list[Teacher | VideoTeacher], view_size: int
) -> ZenForDistillation:
    """The student of a recipe on the meta device.

    Args:
        spec: The recipe's student; of a generalist, `config.json` alone is read.
        teachers: Give the adaptors their sizes.
        view_size: Side of the views in pixels.

    Raises:
        FileNotFoundError: If the generalist has no configuration.
        ValueError: Where [`build_student`] raises it, or if the generalist is of another family.
    """
    if spec.generalist:
        config = read_config(spec.generalist)
        if config.model_type not in FAMILIES:
            raise ValueError(
                f"student.generalist {spec.generalist} is a {config.model_type!r} model; expected one of "
                f"{', '.join(FAMILIES)}"
            )
        converted = convert_config(config)
        own = [name for name in ZenConfig.__annotations__ if not name.startswith("_")]
        spec = replace(spec, generalist=None, config={name: getattr(converted, name) for name in own})
    if spec.pretrained:
        known = ZenConfig.from_pretrained(spec.pretrained)
        own = [name for name in ZenConfig.__annotations__ if not name.startswith("_") and name != "adaptors"]
        spec = replace(spec, pretrained=None, config={name: getattr(known, name) for name in own})
    with torch.device("meta"):
        return build_student(spec, teachers, view_size, seed=0)


def read_config(source: str, revision: str | None = None, trust_remote_code: bool = False) -> PreTrainedConfig:
    """The configuration of a model on the Hub or in a folder."""
    try:
        return AutoConfig.from_pretrained(source, revision=revision, trust_remote_code=trust_remote_code)
    except OSError as error:
        raise FileNotFoundError(
            f"{source}: no configuration could be read ({str(error).splitlines()[0]}); expected a Hub id or a folder "
            "with config.json"
        ) from error
