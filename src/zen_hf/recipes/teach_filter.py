# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Teaches curation's classifier of junk on frames that you labelled, and says how well all filters of frames do on them.

python -m zen_hf.recipes.teach_filter output=RUN frames=FOLDER labels=LABELS.csv model=facebook/dinov2-small [key=value ...]

LABELS.csv has the columns `file` (below FOLDER) and `label` (`junk` or `usable`). The classifier is written to RUN/classifier,
the folder that `encoder.classifier` of `zen-hf curate` takes. What is printed was measured leaving videos out.
"""

import csv
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from omegaconf import MISSING
from PIL import Image, UnidentifiedImageError
from rich.console import Console
from rich.progress import track
from rich.table import Table

from zen_hf.curation.candidate_encoder import summaries
from zen_hf.curation.judging.filters import FilterSettings, rejection
from zen_hf.curation.judging.frame_classifier import FrameClassifier, judge
from zen_hf.curation.judging.geometry import GeometrySettings, find_geometry
from zen_hf.curation.judging.signals import measure
from zen_hf.data.frame_pixels import frame_to_square
from zen_hf.data.frame_sources import video_of
from zen_hf.extraction.preconditions import require_fitting_size
from zen_hf.modeling.frame_encoder import FrameEncoder
from zen_hf.recipe_configuration import load_recipe
from zen_hf.run_directory import RunDirectory

LABELS = ("usable", "junk")
LOOKS = 32  # frames of a video from which its border is found


@dataclass
class TeachFilterRecipe:
    """Labelled frames, an encoder, and what is wanted of the classifier.

    Attributes:
        output: Folder of the run; the classifier is its folder `classifier`.
        frames: Folder of pictures.
        labels: CSV file with the columns `file` and `label`; pictures that it does not name are left out.
        video: Regular expression on a frame's path below `frames`; its first group is the video. By default the frame's
            folder is its video.
        model: Folder or Hub id of the encoder that curation will use.
        revision: Commit, tag or branch on the Hub.
        trust_remote_code: Whether the model's own code may run.
        image_size: Side of what the encoder sees, in px; 0 for its own. The same as curation's `encoder.image_size`.
        batch_size: Frames that it sees at once.
        precision: Least share of junk wanted among what the classifier refuses beyond the signals.
        recall: Share of junk that is wanted to be refused; where less is reached, the run says so.
        geometry: As in curation.
        filters: As in curation.
    """

    output: str = MISSING
    frames: str = MISSING
    labels: str = MISSING
    video: str | None = None
    model: str = MISSING
    revision: str | None = None
    trust_remote_code: bool = False
    image_size: int = 0
    batch_size: int = 32
    precision: float = 0.95
    recall: float = 0.95
    geometry: GeometrySettings = field(default_factory=GeometrySettings)
    filters: FilterSettings = field(default_factory=FilterSettings)

    def __post_init__(self):
        for name in ("precision", "recall"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; expected a share above 0 and up to 1")
        if self.batch_size < 1 or self.image_size < 0:
            raise ValueError(
                f"batch_size is {self.batch_size} and image_size {self.image_size}; expected at least 1, and a side in px or 0"
            )


@dataclass(frozen=True)
class LabelledFrames:
    """What is known of the labelled frames, a row each.

    Attributes:
        files: Names below the folder.
        videos: Video of each.
        junk: Whether it was labelled junk, bool [n].
        reasons: Why the signals refuse it, or None.
        features: Summaries of the encoder, [n, D].
    """

    files: list[str]
    videos: list[str]
    junk: np.ndarray
    reasons: list[str | None]
    features: np.ndarray


def teach_filter(config: TeachFilterRecipe) -> dict:
    """Runs the recipe.

    Returns:
        What `summary.json` holds: per kind of filter the recall, precision, misses and false alarms.

    Raises:
        FileNotFoundError: If a file of the list is missing.
        ValueError: If labels are not as expected, or too few to teach and judge.
    """
    labels = read_labels(Path(config.labels))
    encoder = FrameEncoder.from_pretrained(
        config.model, revision=config.revision, trust_remote_code=config.trust_remote_code
    )
    size = config.image_size or encoder.default_image_size
    require_fitting_size(encoder, size)
    run = RunDirectory.create(Path(config.output), config, seed=0)
    frames = look_at(config, labels, encoder, size)
    signals = np.array([reason is not None for reason in frames.reasons])
    judged = judge(frames.features, frames.junk, frames.videos, signals, config.precision)
    classifier = FrameClassifier.fit(
        frames.features, frames.junk, frames.videos, encoder.fingerprint, size, signals, config.precision
    )
    classifier.save(run.path / "classifier")
    refusals = {"signals": signals, "classifier": judged.refused, "both": signals | judged.refused}
    summary = {
        "frames": len(frames.files),
        "junk": int(frames.junk.sum()),
        "videos": len(set(frames.videos)),
        "reasons": dict(sorted(Counter(reason for reason in frames.reasons if reason).items())),
        "threshold": classifier.threshold,
        "filters": {name: scores(frames, refused, judged.probabilities) for name, refused in refusals.items()},
    }
    run.finish(summary)
    show(summary, config, run.path / "classifier")
    return summary


def read_labels(file: Path) -> dict[str, bool]:
    """Whether each file is junk, in the order of the list.

    Raises:
        FileNotFoundError: If there is no such list.
        ValueError: If a column is missing, a label is unknown or a file is named twice.
    """
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such list; write a CSV file with the columns file,label")
    labels = {}
    with open(file, newline="", encoding="utf-8-sig") as opened:
        rows = csv.DictReader(opened)
        if not {"file", "label"} <= set(rows.fieldnames or ()):
            raise ValueError(f"{file} has the columns {rows.fieldnames}; expected file and label")
        for row in rows:
            if row["label"] not in LABELS:
                raise ValueError(
                    f"{file}, line {rows.line_num}: label {row['label']!r}; expected {' or '.join(LABELS)}"
                )
            if row["file"] in labels:
                raise ValueError(
                    f"{file}, line {rows.line_num}: {row['file']} is named a second time; remove one line"
                )
            labels[row["file"]] = row["label"] == "junk"
    return labels


def look_at(config: TeachFilterRecipe, labels: dict[str, bool], encoder: FrameEncoder, size: int) -> LabelledFrames:
    """Measures and encodes the frames as curation does: border found per video, cropped, then reduced.

    Frames of a list are seldom neighbours in their film, so none is called frozen.
    """
    by_video: dict[str, list[str]] = {}
    for name in labels:
        by_video.setdefault(video_of(Path(name), config.video), []).append(name)
    files, videos, reasons, features = [], [], [], []
    for video in track(sorted(by_video), "Looking at frames", console=Console(stderr=True)):
        names = by_video[video]
        pictures = [read_picture(Path(config.frames) / name) for name in names]
        by_shape: dict[tuple[int, ...], list[np.ndarray]] = {}
        for picture in pictures:
            by_shape.setdefault(picture.shape, []).append(picture)
        borders = {
            shape: find_geometry(some[:: -(-len(some) // LOOKS)], config.geometry) for shape, some in by_shape.items()
        }
        squares = []
        for picture in pictures:
            border = borders[picture.shape]
            refused = rejection(measure(picture, border.area(picture.shape)), config.filters)
            reasons.append(refused and refused[0])
            squares.append(frame_to_square(border.apply(picture), size))
        features.append(summaries(encoder, np.stack(squares), config.batch_size))
        files, videos = files + names, videos + [video] * len(names)
    return LabelledFrames(files, videos, np.array([labels[name] for name in files]), reasons, np.concatenate(features))


def read_picture(file: Path) -> np.ndarray:
    """A picture as RGB, uint8 [H, W, 3]."""
    if not file.is_file():
        raise FileNotFoundError(f"{file}: named in the list of labels, but there is no such file")
    try:
        with Image.open(file) as picture:
            return np.array(picture.convert("RGB"))
    except (UnidentifiedImageError, OSError) as error:
        raise ValueError(f"{file}: not a readable picture ({error}); remove its line from the list") from error


def scores(frames: LabelledFrames, refused: np.ndarray, probabilities: np.ndarray) -> dict:
    """Recall and precision of what is refused, and every mistake: file, reason of the signals, probability of junk."""

    def listed(rows: np.ndarray) -> list[dict]:
        return [
            {
                "file": frames.files[row],
                "signals": frames.reasons[row],
                "probability": round(float(probabilities[row]), 3),
            }
            for row in np.flatnonzero(rows)
        ]

    hits = int((refused & frames.junk).sum())
    return {
        "recall": hits / int(frames.junk.sum()),
        "precision": hits / int(refused.sum()) if refused.any() else None,
        "refused": int(refused.sum()),
        "misses": listed(frames.junk & ~refused),
        "false_alarms": listed(refused & ~frames.junk),
    }


def show(summary: dict, config: TeachFilterRecipe, classifier: Path) -> None:
    """Prints the table, and each mistake by its file."""
    console = Console(width=120)
    title = f"{summary['junk']} junk of {summary['frames']} frames, leaving each of {summary['videos']} videos out"
    table = Table("refused by", title=title, title_justify="left")
    for column in ("recall", "precision", "refused", "misses", "false alarms"):
        table.add_column(column, justify="right")
    for name, found in summary["filters"].items():
        precision = "-" if found["precision"] is None else f"{found['precision']:.3f}"
        counts = (found["refused"], len(found["misses"]), len(found["false_alarms"]))
        table.add_row(name, f"{found['recall']:.3f}", precision, *map(str, counts))
    console.print(table)
    console.print("Signals: " + ", ".join(f"{reason} {count}" for reason, count in summary["reasons"].items()))
    for name, found in summary["filters"].items():
        for kind in ("misses", "false_alarms"):
            for mistake in found[kind]:
                said = f"probability {mistake['probability']:.3f}; signals: {mistake['signals'] or 'usable'}"
                console.print(
                    f"{name}, {kind.replace('_', ' ')}: {mistake['file']} ({said})", highlight=False, soft_wrap=True
                )
    for name in ("recall", "precision"):
        reached = summary["filters"]["both"][name]
        if reached is None or reached < getattr(config, name):
            said = "none" if reached is None else f"{reached:.3f}"
            console.print(
                f"The {name} of both is {said}, below the {getattr(config, name):g} wanted: label more frames."
            )
    console.print(f"Classifier: {classifier} (threshold {summary['threshold']:.3f})", soft_wrap=True)


if __name__ == "__main__":
    given = [argument for argument in sys.argv[1:] if not argument.endswith((".yaml", ".yml"))]
    recipes = [Path(argument) for argument in sys.argv[1:] if argument.endswith((".yaml", ".yml"))]
    teach_filter(load_recipe(TeachFilterRecipe, recipes[0] if recipes else None, given))
