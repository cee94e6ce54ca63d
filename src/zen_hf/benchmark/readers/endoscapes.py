# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Endoscapes-CVS201 as its authors hand it out: `train/1_29375.jpg` beside `train/annotation_ds_coco.json`, and so on.

A picture is named by its video and its native frame (25 fps). `annotation_ds_coco.json` lists the judged frames, one
every 5 s; the image entry's `ds` holds, for each criterion, the mean of three surgeons' votes. A criterion counts as
achieved from a mean of 0.5 on.

Known defects: `test/annotation_coco_vid.json` lacks 228 frames (it is not used here), and the video lists
`train_vids.txt`, `val_vids.txt`, `test_vids.txt` hold numbers such as 1.0e+00.

Reference: A. Murali et al., The Endoscapes dataset, arXiv:2312.12429.
"""

import json
from pathlib import Path

import datasets

from .canonical import canonical_dataset, frame_row, multi_label, require_files
from .source import Source

FPS = 25
# C1, C2, C3, the order of `ds`: doi.org/10.1038/s41597-025-04642-4, figure 5. Cholec80-CVS has the last two exchanged;
# transfers map criteria by their names.
CRITERIA = ("two_structures", "hepatocystic_triangle", "cystic_plate")
SIDES = ("train", "val", "test")
LABELS = "annotation_ds_coco.json"
LAYOUT = f"train/, val/ and test/, each with pictures VIDEO_FRAME.jpg and {LABELS}"
# Endoscapes video -> video of Cholec80 that shows the same operation.
CHOLEC80_VIDEOS = {"1": 67, "2": 68, "3": 70, "4": 71, "7": 72, "121": 66}


def patient(video: str) -> str:
    """The name that this patient has in the leakage manifest: Cholec80's for the six operations that both have."""
    return f"cholec80:{CHOLEC80_VIDEOS[video]}" if video in CHOLEC80_VIDEOS else f"endoscapes:{video}"


SOURCE = Source(
    name="endoscapes",
    title="Endoscapes-CVS201",
    licence="CC BY-NC-SA 4.0",
    fps=FPS,
    files=(),
    pictures=tuple(f"{side}/{{video}}_*.jpg" for side in SIDES),
    shared=(*(f"{side}/{LABELS}" for side in SIDES), *(f"{side}_vids.txt" for side in SIDES)),
    ignored=(
        "*/annotation_coco.json",
        "*/annotation_coco_vid.json",
        "*_seg/*",
        "*_seg_vids.txt",
        "12_5/*",
        "25/*",
        "insseg/*",
        "semseg/*",
        "all_metadata.csv",
        "seg_label_map.txt",
    ),
    defects=(
        "the video lists hold numbers in scientific notation",
        "test/annotation_coco_vid.json lacks 228 frames; it is not used",
    ),
    patient=patient,
)


def read_endoscapes_cvs(folder: Path, videos: list[str]) -> datasets.Dataset:
    """Read the judged frames of some videos with the criteria achieved.

    Args:
        folder: the download.
        videos: ids of the videos to read, such as "121".

    Returns:
        Rows of `canonical_features` with `cvs`, 0/1 for each of `CRITERIA`.

    Raises:
        FileNotFoundError: if a label file or a picture is missing.
        ValueError: if a label file is not of its format, a video lacks labels, or a video list disagrees with it.
    """
    folder = Path(folder)
    require_files(folder, [f"{side}/{LABELS}" for side in SIDES], LAYOUT)
    wanted, rows, pictures = set(videos), [], []
    for side in SIDES:
        labelled = _read_side(folder / side / LABELS)
        _require_listed(folder / f"{side}_vids.txt", labelled)
        for (video, frame), (name, votes) in labelled.items():
            if video in wanted:
                pictures.append(f"{side}/{name}")
                row = frame_row(str(folder / side / name), video, frame, FPS)
                rows.append(row | {"cvs": [int(vote >= 0.5) for vote in votes]})
    lacking = sorted(wanted - {row["video_id"] for row in rows}, key=int)
    if lacking:
        raise ValueError(f"{folder}: {len(lacking)} videos have no judged frame (first: {lacking[0]}) in {LABELS}.")
    require_files(folder, pictures, LAYOUT)
    rows.sort(key=lambda row: (int(row["video_id"]), row["frame"]))
    return canonical_dataset(rows, {"cvs": multi_label(CRITERIA)})


def _read_side(path: Path) -> dict[tuple[str, int], tuple[str, list[float]]]:
    """File name and votes of every judged frame, by video and native frame."""
    found = {}
    try:
        for image in json.loads(path.read_text())["images"]:
            if not image.get("is_ds_keyframe", True):
                continue
            name = image["file_name"]
            video, frame = Path(name).stem.split("_")
            found[str(int(video)), int(frame)] = (name, [float(vote) for vote in image["ds"]])
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{path} is not a label file of Endoscapes ({type(error).__name__}: {error}); expected COCO JSON whose "
            'images have "file_name" (VIDEO_FRAME.jpg) and "ds". Download it again.'
        ) from error
    for (video, frame), (_, votes) in found.items():
        if len(votes) != len(CRITERIA) or not all(0 <= vote <= 1 for vote in votes):
            raise ValueError(f"{path}: {video}_{frame} has the votes {votes}, expected {len(CRITERIA)} from 0 to 1.")
    return found


def _require_listed(path: Path, labelled: dict[tuple[str, int], object]) -> None:
    """Refuse labels of a video that the official list of this side, where it exists, does not name."""
    if not path.is_file():
        return
    try:
        listed = {str(int(float(number))) for number in path.read_text().replace(",", " ").split()}
    except ValueError as error:
        raise ValueError(f"{path} is no list of video numbers ({error}); download it again.") from error
    strange = sorted({video for video, _ in labelled} - listed, key=int)
    if strange:
        raise ValueError(f"{path} does not list {strange[:5]}, of which this side has labels; download it again.")
