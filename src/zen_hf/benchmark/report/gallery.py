# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Pictures of dense predictions: a few test frames, the truth beside what each encoder said, with the frame's score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from zen_hf.pages.palette import colours

from ..dense.pictures import DenseValue, Instances, PartialMask, from_bytes
from ..scoring import score_frames
from ..task import Target
from .class_bars import drawn_score
from .dataset_frames import DatasetFrames, TestRows, without_frames
from .drawn_pictures import (
    SHOWN_INSTANCES,
    SHOWN_SCORE,
    channels_picture,
    depth_picture,
    depth_scale,
    frame_picture,
    image_tag,
    instances_picture,
    mask_picture,
)
from .entries import Entry
from .ribbons import legend, missing_note
from .words import head_words, number

SHOWN_FRAMES = 6
MEDIAN_SCALED = "median_scaled"
Place = tuple[str, int]  # video, row


@dataclass(frozen=True)
class Drawn:
    """A drawn picture.

    Args:
        name: what is written below it.
        picture: [h, w, 3] uint8.
        photograph: whether a frame shows through.
    """

    name: str
    picture: np.ndarray
    photograph: bool


def gallery(entries: Sequence[Entry], target: str, frames: DatasetFrames | None) -> str:
    """Some test frames with truth and predictions of every encoder of one protocol.

    Args:
        entries: results of one task, protocol and split.
        target: name of a dense target.
        frames: of the datasets; None for maps without frames.

    Raises:
        ValueError: if predictions are damaged, or the data are not those of the result.
    """
    stored, notes = [entry for entry in entries if entry.has_predictions], missing_note(entries, "pictures")
    if not stored:
        return notes
    described = stored[0].result.target(target)
    kept = stored[0].result.dense_truth(target)
    times = stored[0].result.times()
    places = chosen_places({video: [i for i, content in enumerate(of) if content] for video, of in kept.items()})
    truth = frames_at(kept, places)
    said = {entry.encoder: predicted(entry, target, places) for entry in stored}
    rows = frames.of(stored[0]) if frames is not None else None
    head = head_words(drawn_score(stored[0], target).head)
    about = note(described, head)
    if rows is None:
        about += f" Without frames, which results do not hold: {without_frames(stored[0], frames)}."
    lines = [f"<p class=note>{escape(about)}</p>", legend_of(described)]
    for place in places:
        video, index = place
        of_frame = {name: values[place] for name, values in said.items()}
        when = f"{times[video][index]:.2f} s"
        lines.append(
            f"<figure class=pictures><figcaption><b>{escape(video)}</b> <span class=note>{when}</span></figcaption>"
            f"{strip(described, truth[place], of_frame, rows, place, f'{video}, {when}')}</figure>"
        )
    return "\n".join([*lines, notes])


def chosen_places(kept: dict[str, list[int]]) -> list[Place]:
    """First, middle and last frame of each video, as far as there is room: of many videos the middle frames alone.

    Args:
        kept: {video: rows whose truth is known}.
    """
    videos = [video for video in sorted(kept) if kept[video]]
    if len(videos) > SHOWN_FRAMES:
        videos = [videos[index] for index in np.linspace(0, len(videos) - 1, SHOWN_FRAMES).round().astype(int)]
    wanted = []
    for part in (0.5, 0.0, 1.0):  # the middle first
        wanted += [(video, kept[video][round(part * (len(kept[video]) - 1))]) for video in videos]
    return sorted(list(dict.fromkeys(wanted))[:SHOWN_FRAMES])


def predicted(entry: Entry, target: str, places: Sequence[Place]) -> dict[Place, bytes]:
    """What the first run of an encoder's drawn head said of some frames."""
    return frames_at(entry.result.outputs(target, drawn_score(entry, target).head, 0), places)


def frames_at(stored: Mapping[str, Sequence[bytes]], places: Sequence[Place]) -> dict[Place, bytes]:
    """Some frames of what is stored; no more than one video is held at a time."""
    found = {}
    for video in dict.fromkeys(video for video, _ in places):
        of_video = stored[video]
        found |= {place: of_video[place[1]] for place in places if place[0] == video}
    return found


def strip(
    target: Target, truth: bytes, said: dict[str, bytes], rows: TestRows | None, place: Place, named: str
) -> str:
    """The pictures of one frame, which is `named` so, in a row: the frame, the truth, every encoder."""
    frame = None if rows is None else frame_picture(rows.row(*place)["image"])
    right = from_bytes(target.kind, truth)
    values = {name: from_bytes(target.kind, content) for name, content in said.items()}
    pictures = [] if frame is None else [Drawn("frame", frame, True)]
    if target.kind == "depth":
        low, high = depth_ends(target, right)
        pictures.append(Drawn("truth", depth_picture(right, low, high), False))
        values = {name: scaled(target, value, right) for name, value in values.items()}
        drawn = {name: depth_picture(value, low, high) for name, value in values.items()}
        scale = depth_scale(low, high)
    else:
        pictures.append(Drawn("truth", picture(target, right, right, frame), frame is not None))
        drawn, scale = {name: picture(target, value, right, frame) for name, value in values.items()}, ""
    for name, content in said.items():
        scores = score_frames(target, {"frame": [content]}, {"frame": [right]})["per_video"]["frame"]
        words = f"{name}: {target.score} {number(scores[target.score])}{nothing_drawn(values[name])}"
        pictures.append(Drawn(words, drawn[name], frame is not None and target.kind != "depth"))
    cells = "".join(
        f"<div>{image_tag(each.picture, escape(f'{named}, {each.name}', quote=True), each.photograph)}"
        f"<span class=note>{escape(each.name)}</span></div>"
        for each in pictures
    )
    return f"<div class=strip>{cells}</div>{scale}"


def nothing_drawn(value: DenseValue) -> str:
    """In words, that instances are predicted but none is drawn."""
    if not isinstance(value, Instances) or not len(value.labels) or value.scores.max() >= SHOWN_SCORE:
        return ""
    return f"; none of {len(value.labels)} has a score of {SHOWN_SCORE}, the best {number(float(value.scores.max()))}"


def picture(target: Target, value: DenseValue, truth: DenseValue, frame: np.ndarray | None) -> np.ndarray:
    """Truth or prediction of one frame; of partial labels the annotated classes alone."""
    tint = list(class_colours(target).values())
    if target.kind == "segmentation":
        return mask_picture(value, tint, frame)
    if target.kind == "partial":
        return channels_picture(value.bits if isinstance(value, PartialMask) else value, truth.known, tint, frame)
    return instances_picture(value, tint, frame)


def depth_ends(target: Target, truth: np.ndarray) -> tuple[float, float]:
    """Ends of the colour scale of a frame: 2 and 98 % of the true depths that are scored."""
    low, high = np.percentile(truth[scored_pixels(target, truth)], [2, 98])
    return float(low), float(high)


def scaled(target: Target, depth: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """A predicted depth as it is scored: where depth is scored up to scale, by the ratio of the medians."""
    if MEDIAN_SCALED not in target.primary:
        return depth
    pixels = scored_pixels(target, truth)
    rows, columns = np.nonzero(pixels)
    there = depth[rows * depth.shape[0] // truth.shape[0], columns * depth.shape[1] // truth.shape[1]]
    return depth * float(np.median(truth[pixels]) / np.median(there))


def scored_pixels(target: Target, truth: np.ndarray) -> np.ndarray:
    """Pixels whose true depth is known and in range, [H, W]."""
    return (truth > target.settings["nearest"]) & (truth < target.settings["farthest"])


def class_colours(target: Target) -> dict[str, str]:
    """A colour per class; the background of a class map takes none of them."""
    if target.kind != "segmentation":
        return colours(list(target.labels))
    return {target.labels[0]: "#222930"} | colours(list(target.labels[1:]))


def legend_of(target: Target) -> str:
    """The colours of the classes; nothing for depth, whose scale stands below each frame."""
    return legend(class_colours(target)) if target.labels else ""


def note(target: Target, head: str) -> str:
    """What the pictures show."""
    said = [f"First run, {head}; {target.score} of the single frame below each picture."]
    if target.kind == "segmentation":
        said.append("Striped: not scored.")
    if target.kind == "partial":
        said.append("Of each frame the annotated classes alone are drawn and scored.")
    if target.kind == "instances":
        said.append(
            f"Predictions with a score of {SHOWN_SCORE} and more, at most {SHOWN_INSTANCES}; truth has no score."
        )
    if target.kind == "depth":
        scale = "after scaling by the ratio of medians" if MEDIAN_SCALED in target.primary else "as predicted"
        said.append(f"One scale of colours per frame, in the unit of the truth; predictions {scale}; grey: not known.")
    return " ".join(said)
