# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Random views of a frame: a crop, resized, with mild colour changes; a function of seed, frame and view number."""

import io
import math
import zlib
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageEnhance

from zen_hf.data.black_border import picture_area
from zen_hf.data.frame_sources import image_bytes


@dataclass
class ViewSpec:
    """How frames are augmented. Student and teachers see the same view.

    Attributes:
        image_size: Side of the square view in pixels; divisible by the student's patch size.
        scale: Smallest and largest share of the frame's area that a crop keeps, in (0, 1].
        ratio: Smallest and largest width / height of a crop.
        horizontal_flip: Probability of mirroring. Off by default: left and right matter in the abdomen.
        colour_jitter: Largest relative change of brightness, contrast and saturation; 0 leaves colours alone.
        fixed: Number of views per frame that repeat for the whole run, so that teachers run once and their outputs
            are cached; 0 draws fresh views for ever and runs the teachers in every step.
        mask_border: Whether the black border of a frame is left out of statistics and losses.
        clip_frames: Frames of one video that are seen together, all with one crop and one change of colours; 1 takes
            single frames. Video teachers and the temporal terms of the loss need more.
        clip_stride: Frames from one frame of a clip to the next, as they are stored.
    """

    image_size: int = 224
    scale: list[float] = field(default_factory=lambda: [0.4, 1.0])
    ratio: list[float] = field(default_factory=lambda: [0.75, 1.3333])
    horizontal_flip: float = 0.0
    colour_jitter: float = 0.2
    fixed: int = 0
    mask_border: bool = True
    clip_frames: int = 1
    clip_stride: int = 1

    def __post_init__(self):
        if not (len(self.scale) == 2 and 0 < self.scale[0] <= self.scale[1] <= 1):
            raise ValueError(f"views.scale is {self.scale}; expected two areas with 0 < smallest <= largest <= 1")
        if not (len(self.ratio) == 2 and 0 < self.ratio[0] <= self.ratio[1]):
            raise ValueError(f"views.ratio is {self.ratio}; expected two positive ratios, smallest first")
        if not 0 <= self.horizontal_flip <= 1 or not 0 <= self.colour_jitter < 1 or self.fixed < 0:
            raise ValueError(
                f"views: horizontal_flip {self.horizontal_flip} must lie in [0, 1], colour_jitter "
                f"{self.colour_jitter} in [0, 1) and fixed {self.fixed} must not be negative"
            )
        if self.clip_frames < 1 or self.clip_stride < 1:
            raise ValueError(
                f"views: clip_frames {self.clip_frames} and clip_stride {self.clip_stride} must be at least 1"
            )
        if self.clip_frames > 1 and self.fixed:
            raise ValueError(
                f"views.fixed is {self.fixed} and views.clip_frames {self.clip_frames}: a frame's crop hangs on its "
                "clip, so views of clips cannot be fixed; set one of the two back to 0 or 1"
            )

    @property
    def channels(self) -> int:
        """3 for RGB, 4 with the picture's area."""
        return 4 if self.mask_border else 3


def make_view(image: dict, spec: ViewSpec, seed: int, view: int, clip: dict | None = None) -> np.ndarray:
    """Decodes a frame and renders one of its views.

    Every random choice hangs on the seed, the view's number and the content of the frame (or of its clip's first
    frame), so the same frame has the same views in every selection of a dataset.

    Args:
        image: Undecoded `datasets.Image` value of the frame.
        spec: How frames are augmented.
        seed: Seed of the run.
        view: Number of the view.
        clip: The first frame of the clip that the frame is part of; by default the frame itself.

    Returns:
        View [image_size, image_size, 3] uint8 RGB, and with `spec.mask_border` a fourth channel: 255 where the picture
        is, 0 in the black border.

    Raises:
        OSError: The frame cannot be decoded.
    """
    encoded = image_bytes(image)
    random = np.random.default_rng([seed, view, zlib.crc32(encoded if clip is None else image_bytes(clip))])
    side = spec.image_size
    with Image.open(io.BytesIO(encoded)) as opened:
        box = crop_box(opened.size, spec, random)
        shrink = min(box[2] - box[0], box[3] - box[1]) / side
        if shrink >= 2:  # JPEG can decode at 1/2, 1/4 or 1/8 of its size, faster and antialiased
            size = opened.size
            opened.draft("RGB", (int(size[0] / shrink), int(size[1] / shrink)))
            box = scaled(box, size, opened.size)
        frame = opened.convert("RGB")
    picture = frame.resize((side, side), Image.Resampling.BICUBIC, box=box)
    mirrored = random.random() < spec.horizontal_flip
    if mirrored:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if spec.colour_jitter:
        for enhancer in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
            picture = enhancer(picture).enhance(1 + random.uniform(-spec.colour_jitter, spec.colour_jitter))
    if spec.mask_border:
        whole = picture_area(frame)
        area = whole.resize((side, side), Image.Resampling.BILINEAR, box=scaled(box, frame.size, whole.size))
        picture.putalpha(area.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else area)
    return np.asarray(picture)


def scaled(box: tuple, size: tuple[int, int], to: tuple[int, int]) -> tuple[float, float, float, float]:
    """A box (left, top, right, bottom) in an image of one size, in the same image of another."""
    return tuple(min(edge * to[axis % 2] / size[axis % 2], to[axis % 2]) for axis, edge in enumerate(box))


def crop_box(size: tuple[int, int], spec: ViewSpec, random: np.random.Generator) -> tuple[float, float, float, float]:
    """A random box (left, top, right, bottom) in pixels: area, then log-uniform aspect, as in Szegedy et al. (2015)."""
    width, height = size
    for _ in range(10):
        area = width * height * random.uniform(*spec.scale)
        ratio = math.exp(random.uniform(math.log(spec.ratio[0]), math.log(spec.ratio[1])))
        crop_width, crop_height = math.sqrt(area * ratio), math.sqrt(area / ratio)
        if crop_width <= width and crop_height <= height:
            left, top = random.uniform(0, width - crop_width), random.uniform(0, height - crop_height)
            return left, top, left + crop_width, top + crop_height
    return 0.0, 0.0, float(width), float(height)
