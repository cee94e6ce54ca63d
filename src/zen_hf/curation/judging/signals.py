# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What is measured of every sampled frame, quickly and without a network: light, colour, flatness, sharpness, change.

All signals look at the picture alone, not at the endoscope's black border. A frame is first reduced to 448 px on its longer
side, about what encoders see, so that films of any size measure alike and what only a large screen shows does not count.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from zen_hf.data.black_border import DARK, border_of

LONGEST = 448  # px; longer side of the picture on which sharpness is measured
COARSE = 3  # px of it are averaged to one for everything else: noise and compression leave few traces
WHITE = 235  # of 255, in the darkest channel: nothing can be told there any more
SAME = 4  # of 255; what differs less, is of one colour
WINDOW = 5  # coarse px; side of the window that is looked at for one colour
LEAST_PICTURE = 0.05  # of the frame; what is lit of a black one (text) is no picture
BLOCKS = 16  # along the longer side, when two frames are compared
REACH = 4  # px beside the border in which its edge is not taken for sharpness


@dataclass(frozen=True)
class Signals:
    """What was measured of one frame; `docs/frame-filters.md` has the formulas.

    Attributes:
        brightness: Mean of the brightest channel, 0 to 1.
        dark_share: Share of the picture whose brightest channel is below 20 of 255, 0 to 1.
        bright_share: Share whose darkest channel is at least 235 of 255, 0 to 1.
        flat_share: Share that lies in windows of a single colour, 0 to 1: a screen, not a scene.
        redness: Share of what is neither dark nor white that has the colours of tissue, 0 to 1.
        sharpness: Relative change of brightness per px that 5 % of the picture exceeds, in %, from 0 on. Some 1 to 2 if
            nothing can be recognised, 5 to 25 in most frames.
        change: Difference to the frame before that 5 % of the blocks of the picture exceed, of mean green, 0 to 255; None
            if there is no frame before.
    """

    brightness: float
    dark_share: float
    bright_share: float
    flat_share: float
    redness: float
    sharpness: float
    change: float | None


def measure(rgb: np.ndarray, area: np.ndarray | None = None, before: np.ndarray | None = None) -> Signals:
    """Measures a frame.

    Args:
        rgb: uint8 [H, W, 3].
        area: What is picture of it, bool [H, W]; None if unknown: all but dark regions at the frame's edge.
        before: The frame that was sampled before it, uint8 [H, W, 3].

    Raises:
        ValueError: If the frame is no uint8 [H, W, 3], or area or the frame before have another size.
    """
    require_fitting(rgb, area, before)
    medium = reduced(rgb)  # [h, w, 3] uint8
    coarse = block_means(medium.astype(np.float32), min(COARSE, *medium.shape[:2]))  # [h / 3, w / 3, 3]
    darkest, brightest = coarse.min(axis=2), coarse.max(axis=2)
    medium_area, coarse_area = areas(area, medium.shape[:2], brightest)
    lit = coarse_area & (brightest >= DARK) & (darkest < WHITE)
    return Signals(
        brightness=float(brightest[coarse_area].mean() / 255),
        dark_share=float((brightest < DARK)[coarse_area].mean()),
        bright_share=float((darkest >= WHITE)[coarse_area].mean()),
        flat_share=float(is_flat(coarse)[coarse_area].mean()),
        redness=float(is_red(coarse)[lit].mean()) if lit.any() else 0.0,
        sharpness=sharpness_of(medium, medium_area),
        change=None if before is None else change_between(rgb, before, area),
    )


def require_fitting(rgb: np.ndarray, area: np.ndarray | None, before: np.ndarray | None) -> None:
    """Refuses what cannot be measured together."""
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or not rgb.size:
        raise ValueError(f"a frame is {rgb.dtype} {list(rgb.shape)}; expected RGB bytes, uint8 [height, width, 3]")
    if area is not None and area.shape != rgb.shape[:2]:
        raise ValueError(f"area is {list(area.shape)}; expected that of the frame, {list(rgb.shape[:2])}")
    if before is not None and before.shape != rgb.shape:
        raise ValueError(
            f"the frame before is {list(before.shape)}; expected {list(rgb.shape)}: pass None where the size changes"
        )


def reduced(rgb: np.ndarray) -> np.ndarray:
    """The frame with at most 448 px on its longer side, uint8 [h, w, 3]; smaller ones as they are."""
    scale = LONGEST / max(rgb.shape[:2])
    if scale >= 1:
        return rgb
    import torch  # takes seconds, which every decoder would spend, and small frames need none of it

    size = tuple(max(1, round(side * scale)) for side in rgb.shape[:2])
    if not rgb.flags.writeable or any(stride < 0 for stride in rgb.strides):  # torch wants neither
        rgb = rgb.copy()
    planes = torch.from_numpy(rgb).permute(2, 0, 1)[None]  # [1, 3, H, W], still interleaved in memory
    small = torch.nn.functional.interpolate(planes, size, mode="bilinear", antialias=True)
    return np.ascontiguousarray(small[0].permute(1, 2, 0).numpy())


def block_means(values: np.ndarray, side: int) -> np.ndarray:
    """Means over squares of a side, [H // side, W // side, ...]; what is left over at right and bottom does not count."""
    height, width = values.shape[0] // side, values.shape[1] // side
    cut = values[: height * side, : width * side]
    rows = cut.reshape(height, side, width * side, -1).sum(axis=1)
    return rows.reshape(height, width, side, *values.shape[2:]).sum(axis=2) / side**2


def areas(area: np.ndarray | None, size: tuple[int, int], brightest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is picture of the medium picture of a size and of the coarse one, bool; never nothing."""
    if area is None:
        coarse = ~border_of(brightest < DARK)
    else:
        coarse = at_size(area, brightest.shape)
    if coarse.mean() < LEAST_PICTURE:
        return np.ones(size, bool), np.ones(brightest.shape, bool)
    return at_size(coarse if area is None else area, size), coarse


def at_size(area: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An area, bool [H, W], at another size: what lies at the centre of each of its pixels."""
    rows, columns = (((np.arange(n) + 0.5) * old / n).astype(int) for n, old in zip(size, area.shape, strict=True))
    return area[rows[:, None], columns]


def is_flat(coarse: np.ndarray) -> np.ndarray:
    """Where no channel differs by more than 4 grey levels within the window around, bool [h, w]."""
    window = (WINDOW, WINDOW, 1)
    spread = ndimage.maximum_filter(coarse, window) - ndimage.minimum_filter(coarse, window)
    return (spread <= SAME).all(axis=2)


def is_red(coarse: np.ndarray) -> np.ndarray:
    """Where red exceeds green by a fifth and reaches nine tenths of blue: blood, fat, peritoneum, liver; bool [h, w]."""
    red, green, blue = coarse[..., 0], coarse[..., 1], coarse[..., 2]
    return (red > 1.2 * green) & (red >= 0.9 * blue)


def sharpness_of(medium: np.ndarray, area: np.ndarray) -> float:
    """The 95th percentile of the gradient of log brightness, in % per px.

    The logarithm makes a dark scene count as much as a bright one; the summand 16 keeps the noise of black down. Means over
    3 x 3 px come first, against noise. 5 % are more than text takes.
    """
    grey = medium @ np.array([0.299, 0.587, 0.114], np.float32)
    if min(grey.shape) < 2 * COARSE:
        return 0.0
    rows = grey[:-2] + grey[1:-1] + grey[2:]
    smooth = np.log((rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 9 + 16)  # [h - 2, w - 2]
    across = (smooth[1:-1, 2:] - smooth[1:-1, :-2]) / 2
    down = (smooth[2:, 1:-1] - smooth[:-2, 1:-1]) / 2
    inner = area.copy()
    for axis in (0, 1):
        for way in (-REACH, REACH):
            inner &= shifted(area, way, axis)
    steepness = np.hypot(across, down)[inner[2:-2, 2:-2]]
    return float(100 * np.percentile(steepness, 95)) if steepness.size else 0.0


def shifted(area: np.ndarray, way: int, axis: int) -> np.ndarray:
    """An area moved along an axis; it goes on beyond the frame's edge as it was there."""
    places = np.clip(np.arange(area.shape[axis]) - way, 0, area.shape[axis] - 1)
    return area.take(places, axis=axis)


def change_between(rgb: np.ndarray, before: np.ndarray, area: np.ndarray | None) -> float:
    """The 95th percentile, over the blocks of the picture, of how far the mean green of a block moved.

    Means of signed differences, over some hundreds of pixels, so that noise does not count and a moving instrument does; not
    the largest, so that a running clock on a frozen picture does not count either.
    """
    step = max(1, max(rgb.shape[:2]) // LONGEST)
    now, then = (frame[::step, ::step, 1].astype(np.float32) for frame in (rgb, before))
    side = max(1, min(max(now.shape) // BLOCKS, *now.shape))
    within = (
        np.ones(now.shape, np.float32) if area is None or not area.any() else area[::step, ::step].astype(np.float32)
    )
    shares = block_means(within, side)
    moved = np.abs(block_means((now - then) * within, side))
    most = max(0.5 * shares.max(), 1e-6)  # blocks of which half and more is picture
    moved = moved[shares >= most] / shares[shares >= most]
    return float(np.percentile(moved, 95))
