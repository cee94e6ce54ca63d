# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Examine the data of a task before time is spent on it: is it whole, is it aligned, does it leak?

Every finding has a severity. An `error` makes scores wrong or impossible, a `warning` may, a `note` is good to know, `ok`
is a check that passed. A miniature is told from half a download by its marker: its counts differ from the published
ones, which is a note there and an error in a download.

The truth of a dense target (masks, instances, depth) is read of some frames of every video alone, spread over it; a benchmark
run reads it of all of them, before it trains anything.
"""

import fnmatch
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import datasets
import numpy as np

from .dense.pictures import IGNORE, DenseValue, Instances, PartialMask
from .miniatures.marker import NAME as MINIATURE_MARKER
from .near_duplicates import hash_frames, similar_videos
from .readers.frame_image import open_frame
from .split import Split
from .task import Target, Task, load_task, task_names

FRAMES_OFF = 0.005  # share of the published frames that a download may lack or have beyond: decoders differ at the end
HASHED_FRAMES = 32  # per video, for near duplicates
READ_TRUTHS = 32  # per video and dense target
COMMON_FILES = ("readme*", "license*", "changes*", "*.md", "*.zip", MINIATURE_MARKER.lower())
PATIENT_UNITS = ("patient", "animal")  # of a split by known patients
MANY = 5  # names in a message


@dataclass(frozen=True)
class Finding:
    """What a check found: how bad, which check, and in words what is so and what to do."""

    severity: Literal["ok", "note", "warning", "error"]
    check: str
    message: str


def examine(task: Task, folder: Path) -> Iterator[Finding]:
    """Examine the data of a task, check by check.

    Args:
        task: the task, from `load_task`.
        folder: its data as handed out by the authors, or a miniature.

    Yields:
        Findings, as soon as they are known.
    """
    folder = Path(folder)
    if not folder.is_dir():
        yield Finding("error", "folder", f"{folder}: no such folder; give the folder of {task.source.title}.")
        return
    try:
        split = task.split_in(folder)
    except ValueError as error:
        yield Finding("error", "split", str(error))
        return
    miniature = split.name.endswith("(miniature)")
    if miniature:
        words = f"this is a miniature of {task.source.title} from synthetic surgery: its scores say nothing"
        yield Finding("note", "folder", f"{words} about patients, its structure is checked as that of the original.")
    yield from check_split(task, split)
    yield from check_files(task, split, folder)
    videos, unreadable = {}, []
    for video in split.videos:
        try:
            videos[video] = task.reader(folder, [video])
        except (ValueError, OSError) as error:
            unreadable.append(video)
            if len(unreadable) <= MANY:
                yield Finding("error", "labels", f"video {video}: {error}")
    if unreadable:
        told = f"{len(unreadable)} of {len(split.videos)} videos cannot be read: {some(unreadable)}"
        yield Finding("error", "labels", f"{told}. No score of this task can be computed until they are mended.")
    else:
        yield Finding("ok", "labels", f"labels and frames of all {len(videos)} videos fit each other.")
    yield from check_counts(task, split, videos, miniature)
    yield from check_labels(task, split, videos)
    yield from check_pictures(videos)
    yield from check_near_duplicates(split, videos)
    yield from (Finding("note", "defects", f"known and handled: {defect}.") for defect in task.source.defects)


def check_split(task: Task, split: Split) -> Iterator[Finding]:
    """The split's hash and origin, patients on two sides, and patients that other tasks train or test on."""
    fold = split.folds[0]
    sizes = ", ".join(f"{len(videos)} {side}" for side, videos in fold.sides.items() if videos)
    folds = f" in each of {len(split.folds)} folds" if len(split.folds) > 1 else ""
    yield Finding("ok", "split", f"{split.name}, {split.origin}: {sizes}{folds}; SHA-256 {split.sha256}.")
    if not fold.val:
        yield Finding("note", "split", "it has no validation videos: heads are chosen inside the training videos.")
    clashes = []
    for number, fold in enumerate(split.folds):
        sides = {side: {task.source.patient(video) for video in videos} for side, videos in fold.sides.items()}
        clashes += [
            f"fold {number}: {some(sorted(sides[a] & sides[b]))} in {a} and {b}"
            for a, b in (("train", "val"), ("train", "test"), ("val", "test"))
            if sides[a] & sides[b]
        ]
    if clashes and split.unit in PATIENT_UNITS:
        yield Finding("error", "leakage", f"patients on two sides of the split: {'; '.join(clashes)}.")
    elif clashes:
        words = f"the unit of the split is a {split.unit}: the same patient is trained on and tested"
        yield Finding("note", "leakage", f"{words}; scores say nothing about other patients.")
    elif split.unit in PATIENT_UNITS:
        yield Finding("ok", "leakage", "no video and no patient is on two sides of the split.")
    else:
        words = (
            f"no video is on two sides of the split; its unit is a {split.unit}, and whose each is was not published"
        )
        yield Finding("note", "leakage", f"{words}: a patient may be on two sides.")
    tested = {task.source.patient(video) for fold in split.folds[:1] for video in fold.test}
    for name in task_names():
        other = load_task(name)
        if other.source.name == task.source.name and other.split == task.split:
            continue
        trained = {other.source.patient(video) for video in other.split_in(Path()).folds[0].train}
        if tested & trained:
            words = f"{len(tested & trained)} of the {len(tested)} patients tested here are trained on in {name}"
            yield Finding("note", "leakage", f"{words}: never start from weights that were tuned there.")
    for corpus, share in task.source.corpora.items():
        yield Finding("note", "leakage", f"in the pretraining corpus {corpus}: {share}.")


def check_files(task: Task, split: Split, folder: Path) -> Iterator[Finding]:
    """Files that the download does not have, videos of no side, and shared files that are missing."""
    with_video = [pattern_of(pattern) for pattern in (*task.source.files, *task.source.pictures)]
    fixed = (*task.source.shared, *task.source.ignored)
    known, strange, others = set(split.videos), [], set()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() or any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        if matches(name, fixed) or matches(path.name.lower(), COMMON_FILES):
            continue
        found = [match.group("video") for pattern in with_video if (match := pattern.fullmatch(name))]
        if not found:
            strange.append(name)
        elif not known & set(found):
            others.add(found[0])
    if others:
        words = f"{len(others)} videos are in no side of {split.name} and are not read: {some(sorted(others))}."
        yield Finding("note", "files", words)
    if strange:
        words = (
            f"{len(strange)} files do not belong to {task.source.title} (first: {some(strange)}); they are not read."
        )
        yield Finding("warning", "files", f"{words} Is this the official download?")
    absent = [name for name in task.source.shared if not any(folder.glob(name))]
    if absent:
        yield Finding("warning", "files", f"{some(absent)}: missing; complete the download.")
    if not (others or strange or absent):
        yield Finding("ok", "files", "no file is too many, none that videos share is missing.")


def check_counts(task: Task, split: Split, videos: dict[str, datasets.Dataset], miniature: bool) -> Iterator[Finding]:
    """Videos, frames and, where a task asks them, questions against the published counts."""
    frames = {video: len(set(rows["frame"][:])) for video, rows in videos.items()}
    found = {"videos": len(videos), "frames": sum(frames.values())}
    found |= {"questions": sum(len(rows) for rows in videos.values())} if task.question else {}
    fold = split.folds[0]
    found |= {side: sum(frames.get(video, 0) for video in ids) for side, ids in fold.sides.items()}
    if not task.published:
        yield Finding("note", "counts", f"{found['videos']} videos, {found['frames']} frames; none were published.")
    for name, published in task.published.items():
        what = f"frames to {name}" if name in fold.sides else name
        words = f"{found[name]} {what}, published {published}"
        off = abs(found[name] - published) / published
        if miniature:
            yield Finding("note", "counts", f"{words}: as it must be in a miniature.")
        elif off == 0:
            yield Finding("ok", "counts", f"{words}.")
        elif name == "videos" or off > FRAMES_OFF:
            todo = "complete the download; if it is complete, it is another release"
            yield Finding("error", "counts", f"{words}: {todo}, and scores are not comparable.")
        else:
            words += f" ({100 * off:.2f} % off): decoders differ at the end of videos"
            yield Finding("warning", "counts", f"{words}; compare results only under the same dataset fingerprint.")


def check_labels(task: Task, split: Split, videos: dict[str, datasets.Dataset]) -> Iterator[Finding]:
    """Frames in the order of time, truths that cannot be read, and classes that a side does not hold."""
    for video, rows in videos.items():
        frames = rows["frame"][:]
        if any(later < earlier for earlier, later in zip(frames, frames[1:], strict=False)):
            yield Finding("error", "labels", f"video {video}: frames are not in the order of time.")
        asked = rows[task.question][:] if task.question else [None] * len(frames)
        twice = len(frames) - len(set(zip(frames, asked, strict=True)))
        if twice and task.question:  # of two instruments of one kind, official files ask the same
            words = f"{twice} questions are asked again about the same frame; each is scored with its own answer"
            yield Finding("note", "labels", f"video {video}: {words}.")
        elif twice:
            yield Finding("error", "labels", f"video {video}: {twice} frames are there twice.")
    for target in task.targets:
        looked = ""
        if target.is_dense:
            held, read, bad = look_at_truths(target, videos)
            looked = f" among the up to {READ_TRUTHS} frames of each video that were looked at"
            yield from truths_read(target, read, bad)
        else:
            held = {video: Counter() for video in videos}
            for video, rows in videos.items():
                for label in rows[target.name]:
                    single = target.kind == "single_label"
                    held[video].update([label] if single else [i for i, x in enumerate(label) if x])
        for side, ids in split.folds[0].sides.items():
            of_side = sum((held.get(video, Counter()) for video in ids), Counter())
            absent = [name for index, name in enumerate(target.labels) if index not in of_side]
            if ids and absent:
                words = (
                    f"{len(absent)} of {len(target.labels)} classes of {target.name!r} do not occur in {side}{looked}"
                )
                yield Finding("note", "classes", f"{words}: {some(absent)}; they have no score there.")


def look_at_truths(
    target: Target, videos: dict[str, datasets.Dataset]
) -> tuple[dict[str, Counter], Counter, dict[str, list[str]]]:
    """Read the truth of frames spread over every video.

    Args:
        target: a dense one.
        videos: rows of every video.

    Returns:
        Per video the number of frames that show each class; per video the frames that were read; and per video what is wrong
        with those that cannot be.
    """
    held, read, bad = {video: Counter() for video in videos}, Counter(), {}
    for video, rows in videos.items():
        cells = rows[target.name][:]
        for index in np.unique(np.linspace(0, len(cells) - 1, min(READ_TRUTHS, len(cells))).round().astype(int)):
            read[video] += 1
            try:
                held[video].update(classes_shown(target.read(cells[index])))
            except (ValueError, OSError) as error:
                bad.setdefault(video, []).append(str(error))
    return held, read, bad


def classes_shown(truth: DenseValue) -> list[int]:
    """Classes that the truth of a frame shows; none of depth."""
    if isinstance(truth, Instances):
        return sorted(set(truth.labels.tolist()))
    if isinstance(truth, PartialMask):
        return [channel for channel in truth.known if (truth.bits >> channel & 1).any()]
    return [] if truth.dtype.kind == "f" else [value for value in np.unique(truth).tolist() if value != IGNORE]


def truths_read(target: Target, read: Counter, bad: dict[str, list[str]]) -> Iterator[Finding]:
    """What reading the truths of a dense target showed, video by video."""
    for video, messages in list(bad.items())[:MANY]:
        words = f"the truth of {len(messages)} of {read[video]} frames that were looked at cannot be read (first: "
        yield Finding("error", "labels", f"video {video}: {words}{messages[0]}).")
    if len(bad) > MANY:
        yield Finding("error", "labels", f"the truth of {target.name!r} is bad in {some(sorted(bad))}.")
    if not bad:
        words = (
            f"the truth of {target.name!r} was read of {sum(read.values())} frames, up to {READ_TRUTHS} of each video"
        )
        yield Finding("ok", "labels", f"{words}; a run reads all of them.")


def check_pictures(videos: dict[str, datasets.Dataset]) -> Iterator[Finding]:
    """Whether the first, middle and last frame of every video can be decoded."""
    looked, bad = 0, []
    for rows in videos.values():
        references = image_references(rows)
        for index in sorted({0, len(references) // 2, len(references) - 1} if references else ()):
            looked += 1
            try:
                open_frame(references[index]).load()
            except (ValueError, OSError) as error:
                bad.append(f"{references[index]} ({error})")
    if bad:
        yield Finding("error", "frames", f"{len(bad)} of {looked} frames cannot be decoded (first: {bad[0]}).")
    elif looked:
        yield Finding("ok", "frames", f"the first, middle and last frame of every video decode ({looked} frames).")


def check_near_duplicates(split: Split, videos: dict[str, datasets.Dataset]) -> Iterator[Finding]:
    """Videos on different sides whose frames look alike."""
    hashes = {}
    for video, rows in videos.items():
        references = image_references(rows)
        step = max(1, len(references) // HASHED_FRAMES)
        try:
            hashes[video] = hash_frames([open_frame(reference) for reference in references[::step][:HASHED_FRAMES]])
        except (ValueError, OSError):
            continue  # reported by `check_pictures`, or with the video's frames
    found = []
    for number, fold in enumerate(split.folds):
        side_of = {video: side for side, ids in fold.sides.items() for video in ids if video in hashes}
        pairs = similar_videos({video: hashes[video] for video in side_of})
        found += [
            f"{a} ({side_of[a]}) and {b} ({side_of[b]}) share {share:.0%} of their frames in fold {number}"
            for a, b, share in pairs
            if side_of[a] != side_of[b]
        ]
    if found:
        yield Finding("error", "leakage", f"by perceptual hash, {some(found)}: one operation is there twice.")
    elif hashes:
        words = f"no two of {len(hashes)} videos on different sides look alike by perceptual hash"
        yield Finding("ok", "leakage", f"{words} (up to {HASHED_FRAMES} frames of each).")


def image_references(rows: datasets.Dataset) -> list[str]:
    """Paths or references of the frames of a video, each once, not decoded."""
    cells = rows.cast_column("image", datasets.Image(decode=False))["image"]
    return list(dict.fromkeys(cell["path"] for cell in cells))


def pattern_of(pattern: str) -> re.Pattern:
    """A pattern of a `Source` as a regular expression with the group `video`."""
    before, after = (
        fnmatch.translate(part).removesuffix(r"\Z").removesuffix(r"\z") for part in pattern.split("{video}")
    )
    return re.compile(f"{before}(?P<video>[^/]+?){after}")


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether a name fits one of some shell patterns."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def some(names: list[str]) -> str:
    """The first names of a list, and how many more there are."""
    more = f" and {len(names) - MANY} more" if len(names) > MANY else ""
    return f"{', '.join(names[:MANY])}{more}"
