# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Synthetic surgery as videos: any frame of any video by its number."""

import numbers
from collections.abc import Sequence
from difflib import get_close_matches

from .hospitals import hospital_look
from .labels import SceneFrame
from .procedures import procedure_plan
from .renderer import Renderer
from .script import write_script
from .tissue import draw_view, paint_canvas
from .vocabulary import HOSPITALS, PROCEDURES

SMALLEST, LARGEST = 32, 1024


class SyntheticVideo:
    """One operation: a sequence of `SceneFrame`, each drawn when asked for and independent of the others.

    Args:
        seed: seed of the data set.
        index: number of the video.
        procedure: one of `PROCEDURES`.
        hospital: one of `HOSPITALS`.
        size: (height, width), px.
        frames: number of frames.
    """

    def __init__(self, seed: int, index: int, procedure: str, hospital: str, size: tuple[int, int], frames: int):
        """Paint the patient and write the script."""
        plan, look = procedure_plan(procedure), hospital_look(hospital)
        self.procedure, self.hospital, self.index, self.size, self.frames = procedure, hospital, index, size, frames
        self.video_id = f"synthetic-{seed}-{index:05d}"
        view = draw_view(seed, index, look.light_mm)
        canvas = paint_canvas(plan, view, max(size), look.saturation, seed, index)
        script = write_script(plan, seed, index)
        self._renderer = Renderer(canvas, view, script, look, PROCEDURES.index(procedure), size, (seed, index))

    def __len__(self) -> int:
        """Return the number of frames."""
        return self.frames

    def __getitem__(self, number: int) -> SceneFrame:
        """Draw a frame.

        Args:
            number: from 0; negative numbers count from the end.

        Raises:
            IndexError: if the video has no such frame.
        """
        if not -self.frames <= number < self.frames:
            raise IndexError(
                f"{self.video_id} has {self.frames} frames, frame {number} was asked for; "
                f"choose 0 to {self.frames - 1}"
            )
        number = number % self.frames
        return self._renderer.draw((number + 0.5) / self.frames, number)


class SyntheticSurgery:
    """An endless set of synthetic operations; video i is the same on every platform.

    Procedures and hospitals take turns: video i is of procedure i modulo their number, and the hospital moves on once
    all procedures were there.

    Args:
        seed: chooses the whole set, 0 or greater.
        size: edge length or (height, width) of the frames in px, 32 to 1024.
        frames_per_video: how finely each operation is sampled, 1 or greater.
        procedures: names to draw from, all of `PROCEDURES` when None.
        hospitals: names to draw from, all of `HOSPITALS` when None.

    Raises:
        ValueError: if an argument is out of its range or a name does not exist.

    Example:
        >>> surgery = SyntheticSurgery(seed=0, size=64, frames_per_video=8)
        >>> frame = surgery.video(3)[5]
        >>> frame.image.shape, frame.depth_mm.shape
        ((64, 64, 3), (64, 64))
    """

    def __init__(
        self,
        seed: int = 0,
        size: int | tuple[int, int] = 128,
        frames_per_video: int = 64,
        procedures: Sequence[str] | None = None,
        hospitals: Sequence[str] | None = None,
    ):
        """Check the arguments; nothing is drawn yet."""
        self.seed = _whole("seed", seed, 0)
        self.size = _frame_size(size)
        self.frames_per_video = _whole("frames_per_video", frames_per_video, 1)
        self.procedures = _known("procedures", procedures, PROCEDURES)
        self.hospitals = _known("hospitals", hospitals, HOSPITALS)

    def video(self, index: int) -> SyntheticVideo:
        """Return video `index` (from 0).

        Raises:
            ValueError: if the index is negative.
        """
        index = _whole("video index", index, 0)
        turn, procedure = divmod(index, len(self.procedures))
        hospital = self.hospitals[turn % len(self.hospitals)]
        return SyntheticVideo(self.seed, index, self.procedures[procedure], hospital, self.size, self.frames_per_video)


def _whole(name: str, value: int, least: int) -> int:
    """Check that a value is a whole number of at least `least`."""
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} is {value!r}; pass a whole number of {least} or greater")
    return int(value)


def _frame_size(size: int | tuple[int, int]) -> tuple[int, int]:
    """Turn an edge length or a (height, width) pair into the pair, checking the range."""
    pair = tuple(size) if isinstance(size, Sequence) else (size, size)
    if len(pair) != 2 or not all(isinstance(edge, numbers.Integral) and SMALLEST <= edge <= LARGEST for edge in pair):
        raise ValueError(
            f"size is {size!r}; pass one edge length or (height, width), each from {SMALLEST} to {LARGEST} px"
        )
    return int(pair[0]), int(pair[1])


def _known(name: str, chosen: Sequence[str] | None, known: tuple[str, ...]) -> tuple[str, ...]:
    """Check that all chosen names exist; None chooses all of them."""
    if chosen is None:
        return known
    if isinstance(chosen, str) or not chosen:
        raise ValueError(f"{name} is {chosen!r}; pass a list with one or more of {', '.join(known)}")
    for one in chosen:
        if one not in known:
            near = get_close_matches(str(one), known, 1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise ValueError(f"{name} holds {one!r}, which does not exist; {hint}choose from {', '.join(known)}")
    return tuple(chosen)
