# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""MultiBypass140 as its authors hand it out: their repository, with the videos unpacked in its `datasets/`.

    labels/bern/labels_by70/BBP01.mp4.json                 intervals {"start", "end" (ms), "label_id", "label_name"}
    labels/strasbourg/labels_by70/SBP01.mp4.json           likewise, below "phases" (and "steps")
    datasets/MultiBypass140/BernBypass70/videos/BBP01.mp4
    datasets/MultiBypass140/StrasBypass70/videos/SBP01.mp4

Frames are taken at 1 per second. In place of a video, the pictures that `util/extract_frames.py` writes will do:
`frames/BBP01/BBP01_00000001.jpg` is second 0.

A second belongs to the one of twelve phases whose interval, with both ends cut to whole seconds, holds it. That gives the
labels of the authors' own lists at 1 frame per second, which are pickles and are not read: compared frame by frame on the
90 videos whose validation or test lists could be had, all 471,901 labels are the same. As in those lists, seconds before
the first phase and after the last one are dropped, and what lies over a phase (`out_of_body`, `severe_index`) is left out:
such a second keeps its phase.

Reference: J.L. Lavanchy et al., Challenges in multi-centric generalization, IJCARS 19 (2024), arXiv:2312.11250.
"""

import json
from pathlib import Path

import datasets

from .canonical import canonical_dataset, frame_row, require_files, single_label
from .frame_image import frame_reference, video_length
from .pictures import numbered_pictures, require_covered
from .source import Source

FPS = 1  # of the labels; `frame` counts seconds
PHASES = (
    "preparation",
    "gastric_pouch_creation",
    "omentum_division",
    "gastrojejunal_anastomosis",
    "anastomosis_test",
    "jejunal_separation",
    "closure_petersen_space",
    "jejunojejunal_anastomosis",
    "closure_mesenteric_defect",
    "cleaning_coagulation",
    "disassembling",
    "other_intervention",
)
OVERLAYS = ("out_of_body", "severe_index")  # lie over a phase
SECONDS_PAST_END = 2  # of a video that labels may go on for
PAST_END = {"BBP04": 90}  # the official lists stop 81 s before this one's labels do
CENTRES = {"BBP": ("bern", "BernBypass70"), "SBP": ("strasbourg", "StrasBypass70")}
LAYOUT = (
    "labels/{bern,strasbourg}/labels_by70/*.mp4.json and "
    "datasets/MultiBypass140/{BernBypass70,StrasBypass70}/videos/*.mp4, as in the authors' repository"
)


def patient(video: str) -> str:
    """The name that this patient has in the leakage manifest."""
    return f"multibypass140:{video}"


SOURCE = Source(
    name="multibypass140",
    title="MultiBypass140",
    licence="CC BY-NC-SA 4.0",
    fps=FPS,
    files=tuple(
        pattern
        for labels, folder in CENTRES.values()
        for pattern in (
            f"labels/{labels}/labels_by70/{{video}}.mp4.json",
            f"datasets/MultiBypass140/{folder}/videos/{{video}}.mp4",
        )
    ),
    pictures=tuple(f"datasets/MultiBypass140/{folder}/frames/{{video}}/*" for _, folder in CENTRES.values()),
    ignored=(
        "labels/*/labels_by70_splits/*",
        "labels/*/*.png",
        *(
            f"{folder}/*"
            for folder in ("experiments", "hparams", "jobs", "loaders", "models", "static", "tables", "util")
        ),
        "main_*.py",
        "requirements.txt",
    ),
    defects=(
        "the labels of BBP04 go on for 81 s after its frames end; seconds after the last frame are dropped",
        "seconds under out_of_body or severe_index keep the phase that these lie over, as in the authors' lists",
    ),
    patient=patient,
    corpora={"surgenet": "all 140 videos, without labels"},
)


def read_multibypass140(folder: Path, videos: list[str]) -> datasets.Dataset:
    """Read videos at one frame per second with the phase.

    Args:
        folder: the authors' repository with the videos in it.
        videos: ids of the videos to read, such as "BBP01" (Bern) and "SBP01" (Strasbourg).

    Returns:
        Rows of `canonical_features` with `phase`, an index into `PHASES`.

    Raises:
        FileNotFoundError: if a label file or video is missing.
        ValueError: if a label file is not of this format, or video and labels do not fit.
    """
    folder = Path(folder)
    centres = {video: CENTRES.get(video[:3]) for video in videos}
    unknown = sorted(video for video, centre in centres.items() if centre is None)
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no video of MultiBypass140; expected ids such as BBP01 and SBP01.")
    labels = {video: f"labels/{centre}/labels_by70/{video}.mp4.json" for video, (centre, _) in centres.items()}
    require_files(folder, list(labels.values()), LAYOUT)
    rows = []
    for video in sorted(videos):
        phases = read_phases(folder / labels[video])
        images = _locate(folder / "datasets" / "MultiBypass140" / centres[video][1], video, phases)
        rows += [frame_row(image, video, second, FPS) | {"phase": phases[second]} for second, image in images.items()]
    return canonical_dataset(rows, {"phase": single_label(PHASES)})


def read_phases(path: Path) -> dict[int, int]:
    """Phase of every labelled second.

    Args:
        path: a file `labels_by70/*.mp4.json`.

    Raises:
        ValueError: if it is not of this format, an id and a name do not belong together, or phases overlap or leave gaps.
    """
    try:
        found = [
            (interval["start"], interval["end"], interval["label_id"], interval["label_name"])
            for interval in json.loads(path.read_text())["phases"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path}: not a label file of MultiBypass140 ({type(error).__name__}: {error}); expected "
            '{"phases": [{"start", "end", "label_id", "label_name"}, ...]}. Get it again.'
        ) from error
    names = dict(enumerate((*PHASES, *OVERLAYS)))
    for start, end, number, name in found:
        if names.get(number) != name:
            raise ValueError(f"{path}: unknown phase {number} {name!r}; expected one of {names}.")
        if not 0 <= start <= end:
            raise ValueError(f"{path}: {name} lasts from {start} to {end} ms; expected 0 <= start <= end.")
    intervals = sorted((start, end, number) for start, end, number, _ in found if number < len(PHASES))
    for (_, end, number), (start, _, follower) in zip(intervals, intervals[1:], strict=False):
        if start != end:
            raise ValueError(
                f"{path}: {PHASES[number]} ends at {end} ms and {PHASES[follower]} starts at {start} ms; phases must "
                "follow each other without gap. Get the file again."
            )
    phases = {second: number for start, end, number in intervals for second in range(start // 1000, end // 1000)}
    if not phases:
        raise ValueError(f"{path} labels no second; get it again.")
    return phases


def _locate(folder: Path, video: str, phases: dict[int, int]) -> dict[int, str]:
    """Where the frame of every labelled second of a video is; seconds after the last frame are left out."""
    film, pictures = folder / "videos" / f"{video}.mp4", folder / "frames" / video
    labelled, tolerance = max(phases) + 1, PAST_END.get(video, SECONDS_PAST_END)
    if film.is_file():
        frames, rate = video_length(film)
        require_covered(film, -int(-frames // rate), labelled, tolerance)
        return {second: frame_reference(film, second) for second in phases if second * rate < frames}
    if not pictures.is_dir():
        raise FileNotFoundError(f"neither the video {film} nor a folder {pictures} of its frames exists.")
    found = numbered_pictures(pictures)
    require_covered(pictures, max(found), labelled, tolerance)
    absent = [second for second in phases if second < max(found) and second + 1 not in found]
    if absent:
        raise ValueError(
            f"{pictures}: {len(absent)} of {len(phases)} labelled seconds have no picture (first: number "
            f"{absent[0] + 1}, which is second {absent[0]}); extract the video again with util/extract_frames.py."
        )
    return {second: str(found[second + 1]) for second in phases if second < max(found)}
