# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""One clock for a whole video: where that of the file starts again, times go on; where the recorder paused, they stay.

Parts of a recording that are joined byte by byte (`cat` of .vob, .mpg, .ts) each count from their own beginning. Sorted
by such times, their frames would be shuffled into each other.
"""

import heapq

import numpy as np

REORDERED = 16  # frames that can stand before a frame in the file and be shown after it, in H.264 and H.265
WRAP = 2**33  # ticks after which the clock of MPEG streams begins at 0; ffmpeg counts on
PAUSE_S = 60.0  # between two frames
PAUSE_FRAMES = 100  # in films of few frames per second a pause is longer


def on_one_clock(
    pts: np.ndarray, dts: np.ndarray, is_key: np.ndarray, shown: np.ndarray, wraps: bool, second: float, frame: float
) -> tuple[np.ndarray, np.ndarray]:
    """Stamps that rise from part to part of a file, each part one frame behind the one before.

    Args:
        pts: [packets] int64, ticks.
        dts: [packets] int64, likewise; rises in a sound file, but where its clock starts again.
        is_key: [packets] bool.
        shown: [frames] packets that are shown, in the order of the file, each with a stamp.
        wraps: whether the clock has 33 bits.
        second: ticks per second.
        frame: ticks of a frame, for a part that has only one.

    Returns:
        pts, mended for the shown packets, and the first packets of the parts: 0 alone where nothing was to be mended.
    """
    stamps, decoded = pts[shown], dts[shown]
    if wraps:
        added = false_wraps(stamps, second)
        stamps, decoded = stamps - added, decoded - added
    renewed = is_key[shown]
    renewed[1:] &= decoded[1:] < decoded[:-1]
    starts = part_starts(stamps, renewed)
    if len(starts) == 1:
        return pts, np.zeros(1, np.int64)
    end = None
    for start, stop in zip(starts, [*starts[1:], len(stamps)], strict=True):
        part = stamps[start:stop]
        if end is not None:
            part += end - part.min()
        steps = np.diff(np.sort(part))
        end = part.max() + max(round(float(np.median(steps[steps > 0])) if steps.any() else frame), 1)
    pts = pts.copy()
    pts[shown] = stamps
    return pts, np.array([0, *shown[starts[1:]]])


def false_wraps(stamps: np.ndarray, second: float) -> np.ndarray:
    """Ticks [frames] that ffmpeg adds, 2^33, where a clock that starts again falls below the first stamp.

    A clock that has wrapped goes on without a gap.
    """
    before = np.maximum.accumulate(stamps)[:-1]
    jumps = (before // WRAP < stamps[1:] // WRAP) & (stamps[1:] - before > second)
    return WRAP * np.concatenate([[0], np.cumsum(jumps)])


def part_starts(stamps: np.ndarray, renewed: np.ndarray) -> list[int]:
    """Where the clock starts again: frames from there on come later in the file than the order of coding allows.

    Args:
        stamps: [frames] int64, times of showing in the order of the file.
        renewed: [frames] bool, key frames with a lower time of decoding than the frame before; the first is not asked.

    Returns:
        The first frames of the parts, from 0.
    """
    highest = np.maximum.accumulate(stamps)
    late = np.zeros(len(stamps), bool)
    late[REORDERED + 1 :] = stamps[REORDERED + 1 :] < highest[: -REORDERED - 1]
    late[1:] |= renewed[1:] & (stamps[1:] <= highest[:-1])
    if not late.any():
        return [0]
    starts, above = [0], []  # a heap of the highest stamps of this part
    stamps, renewed, late = stamps.tolist(), renewed.tolist(), late.tolist()
    for place, stamp in enumerate(stamps):
        if late[place]:
            count = sum(each >= stamp for each in above)
            if count > (0 if renewed[place] else REORDERED) and (count <= REORDERED or stays_behind(stamps, place)):
                starts.append(place)
                above = []
        (heapq.heappush if len(above) <= REORDERED else heapq.heappushpop)(above, stamp)
    return starts


def stays_behind(stamps: list[int], place: int) -> bool:
    """Whether the frames that follow go on from a late one: else its stamp alone is wrong."""
    following = sorted(stamps[place + 1 : place + 4])
    if not following:
        return True
    middle = following[len(following) // 2]
    return abs(middle - stamps[place]) < abs(middle - stamps[place - 1])


def pauses(times: np.ndarray) -> np.ndarray:
    """The frames [pauses] after which nothing was recorded for long, by the rising times of all frames, s."""
    steps = np.diff(times)
    if not (steps > PAUSE_S).any():
        return np.zeros(0, np.int64)
    return np.flatnonzero(steps > max(PAUSE_S, PAUSE_FRAMES * float(np.median(steps))))
