# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""CholecT50 as its authors hand it out: `labels/VID68.json` beside `videos/VID68/000016.png`.

A label file maps the index of a frame, which is its second at 1 fps and the number in its file name, to rows of 15:

    0 triplet | 1 instrument, 2 score, 3-6 box | 7 verb | 8 target, 9 score, 10-13 box | 14 phase

An index of -1 (or null) means "none". A frame has one row per instrument, or a single row that names only the phase.
Frames may be sparse in time, but frames and labels must be the same set: a missing frame means half a download, and a
frame without a label means another frame rate or numbering, where label and picture would silently come apart.

Reference: C.I. Nwoye et al., Rendezvous, Medical Image Analysis 78 (2022) 102433.
"""

import json
from collections.abc import Callable
from pathlib import Path

import datasets

from .canonical import canonical_dataset, frame_row, multi_label, single_label
from .cholect50_classes import COMPONENTS, INSTRUMENTS, TARGETS, TRIPLETS, VERBS
from .source import Source

TOOLS = INSTRUMENTS
PHASES = (
    "preparation",
    "calot-triangle-dissection",
    "clipping-and-cutting",
    "gallbladder-dissection",
    "gallbladder-packaging",
    "cleaning-and-coagulation",
    "gallbladder-extraction",
)
ROW_LENGTH, TRIPLET, INSTRUMENT, PHASE = 15, 0, 1, 14
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")
LABELS = {"tool": multi_label(TOOLS), "phase": single_label(PHASES)}
TRIPLET_LABELS = {
    "triplet": multi_label(TRIPLETS),
    "instrument": multi_label(TOOLS),
    "verb": multi_label(VERBS),
    "target": multi_label(TARGETS),
    "phase": single_label(PHASES),
}


def patient(video: str) -> str:
    """The name that this patient has in the leakage manifest: Cholec80's, but for the five videos from elsewhere."""
    number = int(video.removeprefix("VID"))
    return f"cholec80:{number}" if number <= 80 else f"cholect50:{number}"


SOURCE = Source(
    name="cholect50",
    title="CholecT50",
    licence="CC BY-NC-SA 4.0",
    fps=1,
    files=("labels/{video}.json",),
    pictures=("videos/{video}/*",),
    ignored=("label_mapping.txt",),
    defects=("the second phase is misspelt 'carlot-triangle-dissection' in the label files",),
    patient=patient,
    corpora={"endo700k": "45 videos are Cholec80's", "surgenet": "45 videos are Cholec80's, of which it has 76"},
)


def read_cholect50(folder: Path, videos: list[str]) -> datasets.Dataset:
    """Read the frames of some videos with the instruments in view and the phase.

    Args:
        folder: the download, with `labels/` and `videos/`.
        videos: ids of the videos to read, such as "VID68"; others in the folder are left alone.

    Returns:
        Rows of `canonical_features`, whose `frame` is the second of the video, with `tool` (0/1 for each of `TOOLS`) and
        `phase` (index into `PHASES`).

    Raises:
        FileNotFoundError: if the folder, a label file or a frame is missing.
        ValueError: if a label file is not of this format, or frames and labels do not match one to one.
    """
    return canonical_dataset(_rows_of(Path(folder), videos, _tool_and_phase), LABELS)


def read_cholect50_triplets(folder: Path, videos: list[str]) -> datasets.Dataset:
    """Read the frames of some videos with their action triplets.

    Args:
        folder: the download, with `labels/` and `videos/`.
        videos: ids of the videos to read, such as "VID68"; others in the folder are left alone.

    Returns:
        Rows of `canonical_features`, whose `frame` is the second of the video, with 0/1 vectors `triplet`, `instrument`,
        `verb` and `target`, and the `phase`. Instrument, verb and target are those of the triplets, as in `ivtmetrics`.

    Raises:
        FileNotFoundError: if the folder, a label file or a frame is missing.
        ValueError: if a label file is not of this format, or frames and labels do not match one to one.
    """
    return canonical_dataset(_rows_of(Path(folder), videos, _triplets_and_phase), TRIPLET_LABELS)


def _rows_of(folder: Path, videos: list[str], frame_labels: Callable[[list[list], str], dict]) -> list[dict]:
    """Rows of the videos, whose labels `frame_labels` takes from the rows of a frame."""
    absent = [video for video in videos if not (folder / "labels" / f"{video}.json").is_file()]
    if absent:
        raise FileNotFoundError(
            f"{folder}: {len(absent)} of {len(videos)} label files are missing (first: labels/{absent[0]}.json); "
            "expected the CholecT50 layout, labels/VIDxx.json beside videos/VIDxx/."
        )
    rows = []
    for video in sorted(videos):
        annotations = _read_annotations(folder / "labels" / f"{video}.json")
        frames = _match_frames(folder / "videos" / video, annotations)
        for second, path in sorted(frames.items()):
            labels = frame_labels(annotations[second], f"{video}.json, frame {second}")
            rows.append(frame_row(str(path), video, second, 1) | labels)
    return rows


def _read_annotations(path: Path) -> dict[int, list[list]]:
    """Rows of every frame index, once the file's own category names agree with ours."""
    try:
        content = json.loads(path.read_text())
        categories, annotations = content["categories"], content["annotations"]
        tools = _names(categories["instrument"])
        # The official files misspell the second phase.
        phases = tuple(name.replace("carlot", "calot") for name in _names(categories["phase"]))
        rows = {int(second): rows for second, rows in annotations.items()}
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, AttributeError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is not a CholecT50 label file ({type(error).__name__}: {error}); expected JSON with "
            '"categories" (of "instrument" and "phase") and "annotations" by frame index. Download it again.'
        ) from error
    known = [("instrument", tools, TOOLS), ("phase", phases, PHASES)]
    if "triplet" in categories:  # files of the tool task alone may leave the triplets out
        known.append(("triplet", _names(categories["triplet"]), TRIPLETS))
    for kind, found, expected in known:
        if found != expected:
            raise ValueError(f"{path}: the {kind} categories are {found}, expected {expected} in this order.")
    return rows


def _names(category: dict[str, str]) -> tuple[str, ...]:
    return tuple(category[str(index)] for index in range(len(category)))


def _match_frames(folder: Path, annotations: dict[int, list]) -> dict[int, Path]:
    """The picture of every labelled frame; frames and labels must be the same set."""
    pictures = sorted(path for path in folder.glob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    unnumbered = [path.name for path in pictures if not path.stem.isdigit()]
    if unnumbered:
        raise ValueError(
            f"{folder}: {len(unnumbered)} pictures are not named by a frame index (first: {unnumbered[0]}); "
            "expected names like 000016.png, the second of the video."
        )
    frames = {int(path.stem): path for path in pictures}
    missing, extra = sorted(annotations.keys() - frames.keys()), sorted(frames.keys() - annotations.keys())
    if missing:
        shift = " The frames seem to be numbered from 1, the labels from 0." if extra == [max(annotations) + 1] else ""
        raise FileNotFoundError(
            f"{folder}: {len(missing)} of {len(annotations)} labelled frames are missing (first: "
            f"{', '.join(f'{second:06d}' for second in missing[:5])}).{shift} Complete the download, or extract the "
            "video at 1 fps with names that are the second."
        )
    if extra:
        raise ValueError(
            f"{folder}: {len(extra)} of {len(frames)} frames have no label (first: {frames[extra[0]].name}), so frame "
            "rate or numbering may differ from the labels'. Expected one picture per second of the label file; "
            "remove the others."
        )
    if len(frames) != len(pictures):
        raise ValueError(f"{folder}: {len(pictures) - len(frames)} frames are there twice; keep one file per second.")
    return frames


def _tool_and_phase(rows: list[list], where: str) -> dict:
    """Multi-hot instruments and the phase of one frame."""
    _require_rows(rows, where)
    return {"tool": _present(rows, INSTRUMENT, TOOLS, "instruments", where), "phase": _phase(rows, where)}


def _triplets_and_phase(rows: list[list], where: str) -> dict:
    """Multi-hot triplets and their components, and the phase, of one frame."""
    _require_rows(rows, where)
    triplets = _present(rows, TRIPLET, TRIPLETS, "triplets", where)
    vectors = {"triplet": triplets}
    parts = [COMPONENTS[index] for index in range(len(TRIPLETS)) if triplets[index]]
    for position, (name, names) in enumerate((("instrument", TOOLS), ("verb", VERBS), ("target", TARGETS))):
        vectors[name] = [int(any(part[position] == index for part in parts)) for index in range(len(names))]
    return vectors | {"phase": _phase(rows, where)}


def _require_rows(rows: list[list], where: str) -> None:
    if not rows or any(len(row) != ROW_LENGTH for row in rows):
        raise ValueError(f"{where}: expected one or more rows of {ROW_LENGTH} values, found {rows!r}.")


def _present(rows: list[list], column: int, names: tuple[str, ...], what: str, where: str) -> list[int]:
    """0/1 for each name, by the indices that a column of the rows holds."""
    found = {row[column] for row in rows} - {None, -1}
    if not found <= set(range(len(names))):
        raise ValueError(f"{where}: {what} {sorted(found)}, expected 0 to {len(names) - 1}, or -1 for none.")
    return [int(index in found) for index in range(len(names))]


def _phase(rows: list[list], where: str) -> int:
    phases = {row[PHASE] for row in rows}
    if len(phases) != 1 or not phases <= set(range(len(PHASES))):
        raise ValueError(f"{where}: phases {phases}, expected one in all rows, from 0 to {len(PHASES) - 1}.")
    return int(phases.pop())


def canonical_features() -> datasets.Features:
    """Columns that `write_cholect50` needs."""
    columns = {"image": datasets.Image(), "video_id": datasets.Value("string"), "frame": datasets.Value("int32")}
    return datasets.Features(columns | LABELS)


def write_cholect50(dataset: datasets.Dataset, folder: Path, suffix: str = ".png") -> None:
    """Write frames with their labels in the official layout: the inverse of `read_cholect50`, for miniatures in tests.

    Args:
        dataset: rows as `read_cholect50` returns them; `image` may be any picture.
        folder: where `labels/` and `videos/` are made.
        suffix: ".png" (as the official frames) or ".jpg".
    """
    annotations = {}
    for row in dataset:
        picture = Path(folder) / "videos" / row["video_id"] / f"{row['frame']:06d}{suffix}"
        picture.parent.mkdir(parents=True, exist_ok=True)
        row["image"].save(picture)
        annotations.setdefault(row["video_id"], {})[str(row["frame"])] = _rows(row["tool"], row["phase"])
    categories = {
        "instrument": {str(index): name for index, name in enumerate(TOOLS)},
        "phase": {str(index): name.replace("calot", "carlot") for index, name in enumerate(PHASES)},
    }
    (Path(folder) / "labels").mkdir(exist_ok=True)
    for video, frames in annotations.items():
        content = {
            "categories": categories,
            "video": video,
            "fps": 1,
            "num_frames": len(frames),
            "annotations": frames,
        }
        (Path(folder) / "labels" / f"{video}.json").write_text(json.dumps(content))


def _rows(tool: list[int], phase: int) -> list[list]:
    """Rows of one frame. What an instrument does is unknown here: its null triplet (94 + index, null verb and target)."""
    rows = [
        [94 + index, index, 1.0, 0.25, 0.25, 0.5, 0.5, 9, 14, 1.0, -1.0, -1.0, -1.0, -1.0, phase]
        for index, present in enumerate(tool)
        if present
    ]
    return rows or [[-1] * PHASE + [phase]]
