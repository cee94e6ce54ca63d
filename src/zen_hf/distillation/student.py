# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The student: a ZEN trunk, random or converted from a generalist, with one adaptor per teacher."""

from dataclasses import dataclass, field
from typing import Any

import torch

from zen_hf.distillation.calibration import Calibration
from zen_hf.distillation.teachers import Teacher, VideoTeacher
from zen_hf.modeling.complete_checkpoint_zen import refuse_incomplete
from zen_hf.modeling.configuration_zen import ADAPTOR_KINDS, ZenConfig
from zen_hf.modeling.modeling_zen import ZenModel, ZenPreTrainedModel
from zen_hf.modeling.modeling_zen_distillation import ZenForDistillation

FRAME_ADAPTORS = [kind for kind in ADAPTOR_KINDS if kind != "temporal"]


@dataclass
class StudentSpec:
    """The student of a recipe.

    Attributes:
        variant: `"tiny"`, `"small"`, `"base"` or `"large"`; ignored where a generalist is given.
        generalist: Hub id or folder of a DINOv2 or DINOv3 ViT to start from; by default the trunk is random.
        pretrained: Hub id or folder of a ZEN to go on from: its trunk, and its adaptors for teachers of the same name;
            `variant` and `config` are ignored.
        config: Fields of `ZenConfig` that differ from the variant's, such as `{patch_size: 32}`.
        image_sizes: Sides of the student's square input in pixels, to which views are shrunk; every batch draws one,
            the same in all processes, and every teacher answers at each. By default the views' own size alone.
        adaptor: Kind of the adaptors: `"mlp"`; `"transformer"`: one block over summary and patches, for teachers that are
            unlike each other (DUNE); or `"ladder"`: reads every layer of the trunk (UNIC). Teachers of clips have a kind
            of their own.
        adaptor_size: Hidden size of `"mlp"` and `"ladder"` adaptors.
        whiten_patches: Whether a random trunk starts with a patch embedding that whitens the training views; worth it
            in short runs.
    """

    variant: str = "small"
    generalist: str | None = None
    pretrained: str | None = None
    config: dict[str, Any] = field(default_factory=dict)
    image_sizes: list[int] = field(default_factory=list)
    adaptor: str = "mlp"
    adaptor_size: int = 512
    whiten_patches: bool = False

    def __post_init__(self):
        if self.pretrained and (self.generalist or self.config or self.whiten_patches):
            raise ValueError(
                f"student.pretrained is {self.pretrained}, whose trunk is taken as it is; remove student.generalist, "
                "student.config and student.whiten_patches"
            )
        if self.adaptor not in FRAME_ADAPTORS:
            raise ValueError(f"student.adaptor is {self.adaptor!r}; expected one of {', '.join(FRAME_ADAPTORS)}")


def build_student(
    spec: StudentSpec, teachers: list[Teacher | VideoTeacher], view_size: int, seed: int
) -> ZenForDistillation:
    """Builds the trunk and one adaptor per teacher.

    Args:
        spec: The recipe's student.
        teachers: Give the adaptors their sizes.
        view_size: Side of the views in pixels.
        seed: Seed of the random weights.

    Raises:
        ValueError: If a size is not divisible by the patch size or larger than the views, a field of `spec.config` does
            not exist, or `spec.pretrained` is incomplete or has another adaptor for a teacher.
    """
    unknown = sorted(set(spec.config) - set(ZenConfig.__dataclass_fields__))
    if unknown:
        raise ValueError(f"student.config has unknown fields {', '.join(unknown)}; see ZenConfig for the valid ones")
    torch.manual_seed(seed)
    sizes, trunk = spec.image_sizes or [view_size], None
    if spec.generalist:
        if spec.config:
            raise ValueError("student.config cannot change a generalist's architecture; remove one of the two")
        trunk = ZenModel.from_generalist(spec.generalist, dtype=torch.float32)
        config = trunk.config
    elif spec.pretrained:
        trunk = load_complete(ZenModel, spec.pretrained)
        config = trunk.config
    else:
        config = ZenConfig.from_variant(spec.variant, **({"image_size": max(sizes)} | spec.config))
    for size in sizes:
        if size % config.patch_size:
            below = max(size // config.patch_size, 1) * config.patch_size
            raise ValueError(
                f"image size {size} is not divisible by the student's patch size {config.patch_size}; "
                f"the nearest valid sizes are {below} and {below + config.patch_size}"
            )
        if size > view_size:
            raise ValueError(
                f"student.image_sizes holds {size}, but views.image_size is {view_size}; raise it to {size}, or "
                "the student would see enlarged views"
            )
    kind: dict[str, int | str] = {"kind": spec.adaptor}
    if "hidden_size" in ADAPTOR_KINDS[spec.adaptor]:
        kind["hidden_size"] = spec.adaptor_size
    known = {adaptor["name"]: adaptor for adaptor in config.adaptors or []}
    config.adaptors = [teacher.adaptor | ({} if teacher.is_video else kind) for teacher in teachers]
    for adaptor in config.adaptors:
        before = known.get(adaptor["name"], adaptor)
        if {"kind": "mlp"} | before != adaptor:
            raise ValueError(
                f"{spec.pretrained} has an adaptor {before}, but the recipe's teacher of that name wants {adaptor}; give "
                "the teacher another name, or set student.adaptor and student.adaptor_size to what they were"
            )
    student = ZenForDistillation(config)
    if trunk is not None:
        student.model.load_state_dict(trunk.state_dict())
    if known:
        trained = load_complete(ZenForDistillation, spec.pretrained).adaptors
        for name in exported_adaptors(spec, teachers):
            student.adaptors[name].load_state_dict(trained[name].state_dict())
    # unless patches are masked: without a gradient, the token would stall DDP and be decayed for nothing
    student.model.embeddings.mask_token.requires_grad_(False)
    return student


def exported_adaptors(spec: StudentSpec, teachers: list[Teacher | VideoTeacher]) -> list[str]:
    """Teachers whose adaptors come from `spec.pretrained`, and so speak in the teacher's own space."""
    if not spec.pretrained:
        return []
    known = {adaptor["name"] for adaptor in ZenConfig.from_pretrained(spec.pretrained).adaptors or []}
    return [teacher.name for teacher in teachers if teacher.name in known]


def standardise_adaptors(student: ZenForDistillation, names: list[str], calibrations: dict[str, Calibration]) -> None:
    """Takes exported adaptors back into the space of the loss, the inverse of what `export` does.

    Args:
        student: Holds the adaptors; changed in place.
        names: Their teachers.
        calibrations: The teachers' frozen statistics.
    """
    for name in names:
        summary, patches = student.adaptors[name].last_layers
        calibrations[name].summary.take_out_of(*summary)
        calibrations[name].patches.take_out_of(*patches)


def load_complete(model_class: type[ZenPreTrainedModel], folder: str) -> ZenPreTrainedModel:
    """Loads a checkpoint that must have all weights of a class."""
    model, report = model_class.from_pretrained(
        folder, dtype=torch.float32, output_loading_info=True, ignore_mismatched_sizes=True
    )
    refuse_incomplete(folder, report)
    return model
