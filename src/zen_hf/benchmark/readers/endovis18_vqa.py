# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""EndoVis18-VQA: `seq_2/vqa/Classification/frame012_QA.txt` beside `seq_2/left_fr/frame012.png`, two frames per second.

A row is a question about a frame: the organ operated on, what an instrument does, and where it is. The frames are those of the
EndoVis 2018 challenge, 1280 x 1024, which its organisers hand out.

Reference: L. Seenivasan et al., Surgical-VQA, MICCAI 2022, arXiv:2206.11053.
"""

import re
from pathlib import Path

import datasets

from .canonical import canonical_dataset, frame_row, require_files
from .question_lines import question_columns, read_question_lines
from .source import Source

FPS = 2
ANSWERS_BY_TYPE = {
    "organ": ("kidney",),
    "action": (
        "Idle",
        "Grasping",
        "Retraction",
        "Tissue_Manipulation",
        "Tool_Manipulation",
        "Cutting",
        "Cauterization",
        "Suction",
        "Looping",
        "Suturing",
        "Clipping",
        "Staple",
        "Ultrasound_Sensing",
    ),
    "position": ("left-top", "right-top", "left-bottom", "right-bottom"),
}
ANSWERS = tuple(answer for answers in ANSWERS_BY_TYPE.values() for answer in answers)
TYPES = {name: tuple(ANSWERS.index(answer) for answer in answers) for name, answers in ANSWERS_BY_TYPE.items()}
NAME = re.compile(r"frame(\d+)_QA")
LAYOUT = "seq_X/vqa/Classification/frameNNN_QA.txt beside seq_X/left_fr/frameNNN.png"


def patient(video: str) -> str:
    """The name that this sequence has in the leakage manifest: that of EndoVis 2018."""
    return f"endovis18:{int(video.removeprefix('seq_'))}"


SOURCE = Source(
    name="endovis18_vqa",
    title="EndoVis18-VQA",
    licence="frames: challenge terms of EndoVis 2018, research only; questions: those of the Surgical-VQA repository",
    fps=FPS,
    files=("{video}/vqa/Classification/*_QA.txt",),
    pictures=("{video}/left_fr/*.png",),
    ignored=(
        "*/vqa/Sentence/*",
        "*/vqa/Classification/img_features/*",
        "*/vqa/img_features/*",
        "*/right_fr/*",
        "*/left_frames/*",
        "*/right_frames/*",
        "*/labels/*",
        "*/xml/*",
        "*camera_calibration.txt",
    ),
    defects=(
        "the question about the organ has one answer in all frames: read the scores by type",
        "the authors choose their model on the three test sequences; here two training sequences are the validation",
    ),
    patient=patient,
)


def read_endovis18_vqa(folder: Path, videos: list[str]) -> datasets.Dataset:
    """Read the questions about the frames of some sequences.

    Args:
        folder: the folder with `seq_1/` and so on.
        videos: ids of the sequences to read, such as "seq_2".

    Returns:
        Rows of `canonical_features`, one per question, with `question` and `answer`, an index into `ANSWERS`; by frame and
        question.

    Raises:
        FileNotFoundError: if a sequence has no questions, or a frame with questions is missing.
        ValueError: if a file of questions is not of its format, or an answer is outside the list.
    """
    folder, rows = Path(folder), []
    for video in sorted(videos):
        home = folder / video / "vqa" / "Classification"
        texts = sorted(home.glob("*_QA.txt"))
        if not texts:
            raise FileNotFoundError(f"{home}: no questions of {video}; expected {LAYOUT}.")
        numbers = {path: NAME.fullmatch(path.stem) for path in texts}
        strange = [path.name for path, number in numbers.items() if number is None]
        if strange:
            raise ValueError(f"{home}: {strange[0]} is not named by the number of a frame; expected {LAYOUT}.")
        pictures = {path: f"{video}/left_fr/{path.stem.removesuffix('_QA')}.png" for path in texts}
        require_files(folder, list(pictures.values()), LAYOUT)
        for path in sorted(texts, key=lambda path: int(numbers[path][1])):
            row = frame_row(str(folder / pictures[path]), video, int(numbers[path][1]), FPS)
            rows += [row | pair for pair in read_question_lines(path, ANSWERS)]
    return canonical_dataset(rows, question_columns(ANSWERS))
