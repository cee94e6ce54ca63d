# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What the measurements of distillation share: teachers of real architectures with random weights, frames, a run."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from PIL import Image
from transformers import (
    AutoModel,
    ConvNextConfig,
    Dinov2Config,
    PreTrainedConfig,
    ResNetConfig,
    SiglipVisionConfig,
    ViTConfig,
)

from zen_hf.data.frame_sources import FrameSource, load_frames
from zen_hf.data.mixture import MixtureSpec
from zen_hf.data.views import ViewSpec
from zen_hf.distillation.balancing import BalancingSpec
from zen_hf.distillation.calibration import StandardisationSpec
from zen_hf.distillation.masking import MaskingSpec
from zen_hf.distillation.objective import LossSpec
from zen_hf.distillation.optimisation import OptimizerSpec
from zen_hf.distillation.student import StudentSpec, build_student
from zen_hf.distillation.teachers import Teacher, TeacherSpec
from zen_hf.distillation.trainer import Distillation
from zen_hf.distillation.training_spec import TrainingSpec
from zen_hf.modeling.frame_encoder import FrameEncoder
from zen_hf.run_directory import RunDirectory

TEACHERS: dict[str, PreTrainedConfig] = {
    "dinov2-small": Dinov2Config(hidden_size=384, num_attention_heads=6, image_size=518),
    "dinov2-base": Dinov2Config(image_size=518),
    "siglip-base": SiglipVisionConfig(patch_size=16),
    "vit-small": ViTConfig(hidden_size=384, num_attention_heads=6, intermediate_size=1536),
    "convnext-tiny": ConvNextConfig(),
    "resnet-18": ResNetConfig(layer_type="basic", hidden_sizes=[64, 128, 256, 512], depths=[2, 2, 2, 2]),
}
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Case:
    """One recipe to be measured."""

    variant: str
    teachers: tuple[str, ...]
    image_size: int
    batch_size: int
    dtype: str = "float32"

    def __str__(self):
        """The case in one line."""
        return (
            f"ZEN {self.variant} from {' + '.join(self.teachers)}, {self.image_size} px, batch {self.batch_size}, "
            f"{self.dtype}"
        )

    @property
    def student(self) -> StudentSpec:
        """A trunk with adaptors of its own width."""
        return StudentSpec(self.variant)

    @property
    def views(self) -> ViewSpec:
        """Views of the student's size."""
        return ViewSpec(image_size=self.image_size)


def save_configurations(case: Case, folder: Path) -> list[TeacherSpec]:
    """Writes what a plan reads of the teachers."""
    for name in case.teachers:
        TEACHERS[name].save_pretrained(folder / name)
    return [TeacherSpec(name=name, source=str(folder / name)) for name in case.teachers]


def build_teachers(case: Case) -> list[Teacher]:
    """Teachers with random weights, in bfloat16 on a GPU where that is the type of the run."""
    dtype = DTYPES[case.dtype] if torch.cuda.is_available() else torch.float32
    torch.manual_seed(0)
    teachers = []
    for name in case.teachers:
        encoder = FrameEncoder(AutoModel.from_config(TEACHERS[name], dtype=dtype), [0.5] * 3, [0.25] * 3, name=name)
        teachers.append(Teacher(TeacherSpec(name=name, source=name), encoder))
    return teachers


def write_frames(folder: Path, count: int = 64) -> Path:
    """JPEG files of 854 x 480 pixels, the size of many published surgical frames, smooth with grain."""
    random = np.random.default_rng(0)
    (folder / "video").mkdir(parents=True)
    for number in range(count):
        coarse = Image.fromarray(random.integers(20, 235, (12, 20, 3), dtype=np.uint8))
        frame = np.asarray(coarse.resize((854, 480), Image.Resampling.BICUBIC), dtype=np.int16)
        frame = frame + random.integers(-6, 7, frame.shape, dtype=np.int16)
        Image.fromarray(frame.clip(0, 255).astype(np.uint8)).save(folder / "video" / f"{number:04d}.jpg", quality=90)
    return folder


def build_run(
    case: Case, folder: Path, frames: Path, teachers: list[Teacher], balancing: str = "equal", **training
) -> Distillation:
    """A run as a recipe would build it."""
    settings = {"steps": 1000, "log_every": 1000, "checkpoint_every": 1000, "workers": 0}
    spec = TrainingSpec(
        batch_size=case.batch_size, precision="bf16" if case.dtype == "bfloat16" else "no", **(settings | training)
    )
    return Distillation(
        build_student(case.student, teachers, case.image_size, 0),
        teachers,
        load_frames([FrameSource(path=str(frames))])[0],
        [case.image_size],
        case.views,
        MixtureSpec(),
        StandardisationSpec(views=2 * case.batch_size),
        LossSpec(),
        BalancingSpec(balancing),
        MaskingSpec(),
        OptimizerSpec(),
        spec,
        RunDirectory.create(folder, spec, 0),
        Accelerator(mixed_precision="bf16" if case.dtype == "bfloat16" else "no"),
        seed=0,
    )


def synchronise() -> None:
    """Waits for the GPU, where there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
