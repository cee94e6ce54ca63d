# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""GraSP's short-term labels as its authors hand them out: boxes and masks of the instruments, one frame every 35 s.

`annotations/grasp_short-term_train.json` and `..._test.json` are COCO files beside `frames/`: images ("id", "file_name"
CASE001/000000000.jpg, "width", "height") and annotations ("image_id", "bbox" as left, top, width, height in pixels,
"category_id" 1 to 7, "segmentation"). A segmentation is a compressed or plain COCO run length, or (in the files that the
authors' own script makes) polygons. Frames without an instrument are listed too, and count.

Reference: N. Ayobi et al., Pixel-wise recognition for holistic surgical scene understanding, arXiv:2401.11174.
"""

import json
from dataclasses import replace
from pathlib import Path

import datasets
import numpy as np
from faster_coco_eval.core import mask as run_lengths

from ..dense.pictures import Instances
from .canonical import canonical_dataset, frame_row, require_files
from .grasp import FPS
from .grasp import SOURCE as LONG_TERM
from .mask_values import boxes_inside, require_size

INSTRUMENTS = (
    "Bipolar Forceps",
    "Prograsp Forceps",
    "Large Needle Driver",
    "Monopolar Curved Scissors",
    "Suction Instrument",
    "Clip Applier",
    "Laparoscopic Grasper",
)
CLASSES = ("background", *INSTRUMENTS)
LABELS = tuple(f"annotations/grasp_short-term_{side}.json" for side in ("train", "test"))
LAYOUT = f"frames/CASENNN/NNNNNNNNN.jpg beside {LABELS[0]} and {LABELS[1]}"
OVERHANG = (1.0, 1.0)  # px, by rounding

SOURCE = replace(
    LONG_TERM,
    shared=LABELS,
    defects=("where the masks of two instruments overlap, the later one of the file is on top in the map of classes",),
)


def read_grasp_instances(folder: Path, videos: list[str]) -> datasets.Dataset:
    """Read the labelled frames of some cases with their instruments.

    Args:
        folder: the folder with `frames/` and `annotations/`.
        videos: ids of the cases to read, such as "CASE001".

    Returns:
        Rows of `canonical_features` with `instances`, for `read_instances`.

    Raises:
        FileNotFoundError: if a label file or a frame is missing.
        ValueError: if a label file is not of its format, or a case has no frame in it.
    """
    return _read(Path(folder), videos, "instances")


def read_grasp_semantic(folder: Path, videos: list[str]) -> datasets.Dataset:
    """As `read_grasp_instances`, with the same cells in the column `semantic`, for `read_semantic`."""
    return _read(Path(folder), videos, "semantic")


def read_instances(cell: str) -> Instances:
    """The instruments of a frame with boxes and masks.

    Args:
        cell: JSON that `read_grasp_instances` wrote.

    Raises:
        FileNotFoundError: if the frame is missing.
        ValueError: if the frame or a mask has another size than the label file says, a box is outside the frame, or a mask
            cannot be decoded.
    """
    content = json.loads(cell)
    frame, (height, width) = Path(content["frame"]), content["size"]
    where = f"{frame.parent.name}/{frame.name}"
    require_size((width, height), frame, f"the label of {where}")
    found = content["instances"]
    return Instances(
        size=(height, width),
        boxes=boxes_inside(np.array([one["box"] for one in found]), (height, width), OVERHANG, where),
        labels=np.array([one["label"] for one in found], np.int64),
        masks=tuple(compressed(one["segmentation"], (height, width), where) for one in found),
    )


def read_semantic(cell: str) -> np.ndarray:
    """Class of every pixel, [H, W] uint8: index in `CLASSES`; later instances of the file are on top of earlier ones.

    Arguments and errors as of `read_instances`.
    """
    instances = read_instances(cell)
    height, width = instances.size
    classes = np.zeros((height, width), np.uint8)
    for label, counts in zip(instances.labels, instances.masks, strict=True):
        classes[run_lengths.decode({"size": [height, width], "counts": counts}).astype(bool)] = label + 1
    return classes


def compressed(segmentation: object, size: tuple[int, int], where: str) -> bytes:
    """Compressed COCO run lengths ("counts") of a segmentation.

    Args:
        segmentation: {"size": [height, width], "counts": text or list of lengths}, or a list of polygons.
        size: (height, width) of the frame, px.
        where: how messages call the frame.

    Raises:
        ValueError: if it has another size, covers another number of pixels, or is none of these.
    """
    height, width = size
    if isinstance(segmentation, list):
        polygons = [
            corners for corners in segmentation if len(corners) >= 6 and len(corners) % 2 == 0
        ]  # three or more
        if polygons:
            return run_lengths.merge(run_lengths.frPyObjects(polygons, height, width))["counts"]
    if not isinstance(segmentation, dict) or not {"size", "counts"} <= segmentation.keys():
        raise ValueError(f"{where}: a segmentation is {str(segmentation)[:60]!r}; expected run lengths or polygons.")
    if list(segmentation["size"]) != [height, width]:
        raise ValueError(
            f"{where}: a mask has the size {list(segmentation['size'])}, its frame {[height, width]} (height, width); "
            "use frames and labels as they are handed out."
        )
    counts = segmentation["counts"]
    lengths = counts if isinstance(counts, list) else lengths_of(counts, where)
    if sum(lengths) != height * width or min(lengths, default=0) < 0:
        raise ValueError(
            f"{where}: the run lengths of a mask cover {sum(lengths)} pixels, its frame has {height * width}; download "
            "the label file again."
        )
    if isinstance(counts, list):
        return run_lengths.frPyObjects({"size": [height, width], "counts": counts}, height, width)["counts"]
    return counts.encode("ascii")


def lengths_of(counts: str, where: str) -> list[int]:
    """Run lengths of a compressed COCO text, as its format packs them: 5 bits per character, from the third on differences.

    Raises:
        ValueError: if it is no such text.
    """
    lengths, value, shift = [], 0, 0
    for letter in counts:
        bits = ord(letter) - 48
        if not 0 <= bits < 64:
            raise ValueError(f"{where}: {letter!r} in the run lengths of a mask; expected a compressed COCO text.")
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            value -= (1 << shift) if bits & 16 else 0
            lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
            value, shift = 0, 0
    if shift:
        raise ValueError(f"{where}: the run lengths of a mask end in the middle; download the label file again.")
    return lengths


def _read(folder: Path, videos: list[str], column: str) -> datasets.Dataset:
    """Rows of some cases, each with one cell for the instruments of the frame."""
    require_files(folder, list(LABELS), LAYOUT)
    wanted, rows = set(videos), []
    for name in LABELS:
        for file, content in _read_labels(folder / name).items():
            video, picture = file.split("/")
            if video not in wanted:
                continue
            number = Path(picture).stem
            frame = int(number) * (1 if len(number) == 9 else FPS)
            path = str(folder / "frames" / file)
            rows.append(frame_row(path, video, frame, FPS) | {column: json.dumps({"frame": path, **content})})
    lacking = sorted(wanted - {row["video_id"] for row in rows})
    if lacking:
        raise ValueError(
            f"{folder}: {len(lacking)} cases have no frame in {LABELS[0]} and {LABELS[1]} (first: {lacking[0]}); complete "
            "the download."
        )
    rows.sort(key=lambda row: (row["video_id"], row["frame"]))
    require_files(folder, [str(Path(row["image"]).relative_to(folder)) for row in rows], LAYOUT)
    return canonical_dataset(rows, {column: datasets.Value("string")})


def _read_labels(path: Path) -> dict[str, dict]:
    """Size and instances of every listed frame, by its file."""
    try:
        content = json.loads(path.read_text())
        frames, files = {}, {}
        for image in content["images"]:
            file = files[image["id"]] = image["file_name"]
            _, picture = file.split("/")
            int(Path(picture).stem)
            if file in frames:
                raise ValueError(f"{file} is listed twice")
            frames[file] = {"size": [int(image["height"]), int(image["width"])], "instances": []}
        for label in content["annotations"]:
            file, category = files[label["image_id"]], label["category_id"]
            if category not in range(1, len(INSTRUMENTS) + 1):
                raise ValueError(f"{file} has the instrument {category!r}, expected 1 to {len(INSTRUMENTS)}")
            box = [float(edge) for edge in label["bbox"]]
            if len(box) != 4:
                raise ValueError(f"{file} has a box of {len(box)} numbers")
            instance = {"box": box, "label": category - 1, "segmentation": label["segmentation"]}
            frames[file]["instances"].append(instance)
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{path} is not a short-term label file of GraSP ({type(error).__name__}: {error}); expected COCO JSON with "
            'images ("id", "file_name" CASE001/000000000.jpg, "width", "height") and annotations ("image_id", "bbox", '
            '"category_id" 1 to 7, "segmentation"). Download it again.'
        ) from error
    return frames
