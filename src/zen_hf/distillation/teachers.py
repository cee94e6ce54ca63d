# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Teachers: any pretrained encoder of frames or clips, given the student's view, answering on the student's grid."""

import re
from dataclasses import dataclass, field

import torch
from omegaconf import MISSING

from zen_hf.modeling.clip_encoder import ClipEncoder
from zen_hf.modeling.frame_encoder import FrameEncoder, FrameFeatures
from zen_hf.modeling.image_text_encoder import JointFrameEncoder
from zen_hf.modeling.pretrained_encoder import CLIPS, load_pretrained

RESOLUTIONS = ("grid_match", "native", "pad")
SUMMARIES = ("pooled", "joint")


@dataclass
class TeacherSpec:
    """One teacher of a recipe.

    Attributes:
        name: How logs, adaptors and errors call it; letters, digits, `_` and `-`.
        source: Hub id or local folder.
        revision: Commit, tag or branch on the Hub.
        licence: Licence of the weights, carried into the model card.
        weight: Weight of this teacher's losses.
        summary: `"pooled"`: what the encoder pools, else its CLS token or mean patch. `"joint"`: the final embedding of an
            image-text model, after CLIP's visual projection, which zero-shot classification by text needs.
        resolution: `"grid_match"`: the input has the size at which the teacher's grid equals the student's. `"native"`:
            the input has `image_size`, for teachers that are poor at other sizes than their own, and its features are
            averaged onto the student's grid, or enlarged bilinearly where they are coarser. `"pad"`: the input has the
            size of `"grid_match"`, filled up to `image_size` on the right and below with the teacher's mean colour, for
            teachers with one size of input whose features suffer when frames are enlarged (SAM).
        image_size: Side of the square input in pixels of `"native"` and `"pad"`.
        image_sizes: Student sizes at which this teacher is heard; by default all.
        image_mean: Overrides the mean of the teacher's `preprocessor_config.json` (for pixels in [0, 1]).
        image_std: Overrides the standard deviation.
        trust_remote_code: Whether code beside the weights may run.
    """

    name: str = MISSING
    source: str = MISSING
    revision: str | None = None
    licence: str = "unknown"
    weight: float = 1.0
    summary: str = "pooled"
    resolution: str = "grid_match"
    image_size: int | None = None
    image_sizes: list[int] = field(default_factory=list)
    image_mean: list[float] | None = None
    image_std: list[float] | None = None
    trust_remote_code: bool = False

    def __post_init__(self):
        if not re.fullmatch(r"[\w-]+", self.name):
            raise ValueError(f"teacher name {self.name!r} must consist of letters, digits, '_' and '-'")
        if self.summary not in SUMMARIES:
            raise ValueError(
                f"teacher {self.name}: summary is {self.summary!r}; expected one of {', '.join(SUMMARIES)}"
            )
        if self.resolution not in RESOLUTIONS:
            raise ValueError(
                f"teacher {self.name}: resolution is {self.resolution!r}; expected one of {', '.join(RESOLUTIONS)}"
            )
        if self.resolution == "grid_match" and self.image_size is not None:
            raise ValueError(
                f"teacher {self.name}: image_size is {self.image_size}, but resolution 'grid_match' decides the size by "
                "itself; set resolution to 'native' (frames of this size) or to 'pad' (frames filled up to it), or "
                "remove image_size"
            )
        if self.resolution != "grid_match" and self.image_size is None:
            raise ValueError(f"teacher {self.name}: resolution {self.resolution!r} needs image_size, a side in pixels")


class Teacher:
    """A frozen encoder that answers on the student's patch grid.

    Args:
        spec: The teacher's part of the recipe.
        encoder: The encoder itself; by default it is loaded from `spec.source`.

    Raises:
        FileNotFoundError: If `spec.source` holds no checkpoint.
        ValueError: If the checkpoint is incomplete, its normalisation unknown, the model takes clips, or it has no joint
            space where `spec.summary` asks for it.
    """

    is_video = False

    def __init__(self, spec: TeacherSpec, encoder: FrameEncoder | None = None, dtype: torch.dtype = torch.float32):
        self.spec, self.name = spec, spec.name
        encoder_class = JointFrameEncoder if spec.summary == "joint" else FrameEncoder
        self.encoder = encoder or encoder_class.from_pretrained(
            spec.source,
            revision=spec.revision,
            dtype=dtype,
            trust_remote_code=spec.trust_remote_code,
            image_mean=spec.image_mean,
            image_std=spec.image_std,
        )

    @property
    def adaptor(self) -> dict[str, int | str]:
        """Sizes of this teacher's adaptor for `ZenConfig.adaptors`, without its hidden size."""
        return {"name": self.name, "summary_size": self.encoder.summary_size, "patch_size": self.encoder.hidden_size}

    @torch.no_grad()
    def __call__(self, images: torch.Tensor, grid: tuple[int, int]) -> FrameFeatures:
        """Features of a batch of views on the student's grid.

        Args:
            images: RGB views [B, 3, H, W] in [0, 1].
            grid: Rows and columns (h, w) of the student's patch grid.

        Returns:
            Summary [B, Cs] and patches [B, h * w, C].

        Raises:
            ValueError: If the views do not fit the `image_size` of `"pad"`.
        """
        if self.spec.resolution == "native":
            features = self.encoder(resize(images, (self.spec.image_size, self.spec.image_size)))
        else:
            matched = resize(images, (grid[0] * self.encoder.stride, grid[1] * self.encoder.stride))
            features = self.encoder(matched, canvas=self.spec.image_size)
        return FrameFeatures(features.summary, regrid(features, grid), tuple(grid))


class VideoTeacher:
    """A frozen encoder of clips that answers on the student's patch grid, for every tubelet of frames.

    Args:
        spec: The teacher's part of the recipe.
        encoder: The encoder itself.

    Raises:
        ValueError: If the recipe asks for another resolution than `"grid_match"`.
    """

    is_video = True

    def __init__(self, spec: TeacherSpec, encoder: ClipEncoder):
        if spec.resolution != "grid_match":
            raise ValueError(
                f"teacher {spec.name} takes clips, for which resolution is always 'grid_match'; got {spec.resolution!r}"
            )
        self.spec, self.name, self.encoder = spec, spec.name, encoder

    @property
    def adaptor(self) -> dict[str, int | str]:
        """This teacher's adaptor for `ZenConfig.adaptors`."""
        sizes = {"summary_size": self.encoder.summary_size, "patch_size": self.encoder.hidden_size}
        return {"name": self.name, "kind": "temporal", "tubelet_size": self.encoder.tubelet_size} | sizes

    @torch.no_grad()
    def __call__(self, clips: torch.Tensor, grid: tuple[int, int]) -> FrameFeatures:
        """Features of a batch of clips on the student's grid.

        Args:
            clips: RGB clips [B, K, 3, H, W] in [0, 1]; K divisible by the teacher's tubelet size.
            grid: Rows and columns (h, w) of the student's patch grid.

        Returns:
            Patches [B, K / tubelet_size * h * w, C], first by time, then by row and column; summary [B, C], their mean.

        Raises:
            ValueError: If K does not fit the tubelet size.
        """
        size = (grid[0] * self.encoder.stride, grid[1] * self.encoder.stride)
        return self.encoder(resize(clips.flatten(0, 1), size).unflatten(0, clips.shape[:2]))


def load_teacher(spec: TeacherSpec, dtype: torch.dtype = torch.float32) -> Teacher | VideoTeacher:
    """Loads a teacher of frames or of clips, whichever its model takes.

    Args:
        spec: The teacher's part of the recipe.
        dtype: Type of the weights and of the computation.

    Raises:
        FileNotFoundError: If `spec.source` holds no checkpoint.
        ValueError: If the checkpoint is incomplete, its normalisation unknown, or it cannot follow `spec.resolution` or
            `spec.summary`.
    """
    if spec.summary == "joint":
        return Teacher(spec, dtype=dtype)
    model, settings = load_pretrained(
        spec.source, spec.revision, dtype, spec.trust_remote_code, spec.image_mean, spec.image_std
    )
    if model.main_input_name == CLIPS:
        return VideoTeacher(spec, ClipEncoder(model, **settings))
    return Teacher(spec, FrameEncoder(model, **settings))


def regrid(features: FrameFeatures, grid: tuple[int, int]) -> torch.Tensor:
    """Patch tokens [B, h * w, C] averaged onto another grid where it is coarser, enlarged bilinearly where it is finer."""
    if features.grid == tuple(grid):
        return features.patches
    maps = features.patches.transpose(1, 2).unflatten(2, features.grid)  # [B, C, h_t, w_t]
    coarser = [min(own, wanted) for own, wanted in zip(features.grid, grid, strict=True)]
    maps = torch.nn.functional.adaptive_avg_pool2d(maps, coarser)
    maps = torch.nn.functional.interpolate(maps, size=tuple(grid), mode="bilinear", align_corners=False)
    return maps.flatten(2).transpose(1, 2)


def resize(images: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Bicubic, antialiased where it shrinks, kept within [0, 1]; pixels that were outside stay so and can be noticed."""
    if images.shape[-2:] == size:
        return images
    low, high = images.aminmax()
    resized = torch.nn.functional.interpolate(images, size=size, mode="bicubic", align_corners=False, antialias=True)
    return resized.clamp(low.clamp(max=0), high.clamp(min=1))
