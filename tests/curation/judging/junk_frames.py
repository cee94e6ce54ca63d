"""Frames of synthetic surgery, and generated junk of every kind, for the tests of the filters."""

import functools

import numpy as np
from PIL import Image, ImageFilter

from zen_hf.data.synthetic_surgery import SyntheticSurgery

HEIGHT, WIDTH = 270, 480


@functools.cache
def surgery(frames=4, height=HEIGHT, width=WIDTH):
    """Frames of an operation with red tissue and a round border."""
    video = SyntheticSurgery(
        seed=3, size=(height, width), frames_per_video=frames, procedures=["hysterectomy"], hospitals=["beta"]
    ).video(0)
    return [video[number].image for number in range(frames)]


def noisy(picture, spread, seed=0):
    noise = np.random.default_rng(seed).normal(0, spread, picture.shape)
    return np.clip(np.round(picture + noise), 0, 255).astype(np.uint8)


def flat(colour, height=HEIGHT, width=WIDTH):
    return np.full((height, width, 3), colour, np.uint8)


def disc(height=HEIGHT, width=WIDTH):
    """The circle of an endoscope, bool [H, W]."""
    rows, columns = np.ogrid[:height, :width]
    return (columns - width / 2) ** 2 + (rows - height / 2) ** 2 < (0.5 * height) ** 2


def in_scope(picture):
    return np.where(disc(*picture.shape[:2])[..., None], picture, 0).astype(np.uint8)


def bars():
    colours = [
        (235, 235, 235),
        (235, 235, 16),
        (16, 235, 235),
        (16, 235, 16),
        (235, 16, 235),
        (235, 16, 16),
        (16, 16, 235),
    ]
    return np.repeat(np.array(colours, np.uint8)[np.arange(WIDTH) * 7 // WIDTH][None], HEIGHT, axis=0)


def defocused(picture, radius):
    """Out of focus: the picture under a soft disc of a radius in px, its border included."""
    return np.array(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(radius)))


def scene(colours, seed):
    """A sharp scene of boxes and creases in some colours: a room, drapes, skin."""
    random = np.random.default_rng(seed)
    picture = np.zeros((HEIGHT, WIDTH, 3), np.float64) + colours[0]
    for _ in range(60):
        top, left = random.integers(0, HEIGHT - 20), random.integers(0, WIDTH - 20)
        height, width = random.integers(8, 90, 2)
        colour = np.array(colours[random.integers(len(colours))], float)
        picture[top : top + height, left : left + width] = colour * random.uniform(0.4, 1.1)
    return noisy(picture, 4, seed)


def room():
    return scene([(150, 148, 140), (90, 95, 100), (200, 200, 195), (60, 70, 110)], 1)


def drapes():
    return scene([(70, 95, 150), (50, 75, 120), (95, 120, 170)], 2)


def gauze():
    return scene([(190, 186, 178), (160, 157, 150)], 3)


def green_cloth():
    return scene([(40, 130, 100), (20, 90, 70)], 4)
