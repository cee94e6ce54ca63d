# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""PitVQA as its authors hand it out: `QA/video_01/00012.txt` beside `images/video_01/00012.png`, one frame per second.

A row is a question about a frame. A frame without a file of questions is blurred and left out, and so are the questions
answered by `no_visible_instrument` and `no_secondary_instrument`; the authors' own loader does both.

Reference: R. He et al., PitVQA, MICCAI 2024, arXiv:2405.13949.
"""

from pathlib import Path

import datasets

from .canonical import canonical_dataset, frame_row
from .pictures import numbered_pictures
from .question_lines import question_columns, read_question_lines
from .source import Source

FPS = 1
# In the order of the authors' loader; misspellings are theirs.
ANSWERS_BY_TYPE = {
    "step": (
        "nasal_corridor_creation",
        "anterior_sphenoidotomy",
        "septum_displacement",
        "sphenoid_sinus_clearance",
        "sellotomy",
        "haemostasis",
        "synthetic_graft_placement",
        "durotomy",
        "tumour_excision",
        "fat_graft_placement",
        "gasket_seal_construct",
        "dural_sealant",
        "nasal_packing",
        "debris_clearance",
        "end_of_step",
    ),
    "phase": ("nasal_sphenoid", "sellar", "closure", "end_of_phase"),
    "instrument": (
        "suction",
        "freer_elevator",
        "pituitary_rongeurs",
        "spatula_dissector",
        "kerrisons",
        "cottle",
        "haemostatic_foam",
        "micro_doppler",
        "nasal_cutting_forceps",
        "stealth_pointer",
        "irrigation_syringe",
        "retractable_knife",
        "dural_scissors",
        "ring_curette",
        "cup_forceps",
        "bipolar_forceps",
        "tissue_glue",
        "surgical_drill",
    ),
    "count": ("zero", "one", "two"),
    "position": ("top-left", "top-right", "centre", "bottom-left", "bottom-right"),
    "note": (
        "The middle and superior turbinates are laterally displaced",
        "The sphenoid ostium is identified and opened",
        "The septum is displaced until the opposite ostium is seen",
        "The sphenoid sinus is opened, with removal of sphenoid septations to expose the face of the sella and mucosa",
        "Haemostasis is achieved with a surgiflo, a bipolar cautery, and a spongostan placement",
        "The sella is identified, confirmed and carefully opened",
        "A cruciate durotomy is performed",
        "The tumour is seen and removed in a piecemeal fashion",
        "spongostan, tachosil and duragen placement",
        "A fat graft is placed over the defact",
        "Evicel and Adherus dural sealant are applied",
        "Debris is cleared from the nasal cavity and choana",
        "A MedPor implant and a fascia lata graft are placed",
        "The nasal cavity is packed with Bismuth soaked ribbon gauze",
    ),
}
ANSWERS = tuple(answer for answers in ANSWERS_BY_TYPE.values() for answer in answers)
TYPES = {name: tuple(ANSWERS.index(answer) for answer in answers) for name, answers in ANSWERS_BY_TYPE.items()}
DROPPED = ("no_visible_instrument", "no_secondary_instrument")
LAYOUT = "QA/video_XX/NNNNN.txt beside images/video_XX/NNNNN.png"


def patient(video: str) -> str:
    """The name that this patient has in the leakage manifest: that of PitVis, whose videos these are."""
    return f"pitvis:{int(video.removeprefix('video_'))}"


SOURCE = Source(
    name="pitvqa",
    title="PitVQA",
    licence="CC BY-NC-ND 4.0 (the videos of PitVis-2023)",
    fps=FPS,
    files=("QA/{video}/*.txt",),
    pictures=("images/{video}/*.png",),
    ignored=("videos/*", "*.csv", "*.xlsx", "*.docx", "*.pdf"),
    defects=(
        "frames without a file of questions are blurred; they are not read",
        "questions answered by no_visible_instrument or no_secondary_instrument are left out, as the authors do",
        "the authors choose their model on the five test videos; here three training videos are the validation",
    ),
    patient=patient,
)


def read_pitvqa(folder: Path, videos: list[str]) -> datasets.Dataset:
    """Read the questions about the frames of some videos.

    Args:
        folder: the folder with `QA/` and `images/`.
        videos: ids of the videos to read, such as "video_01".

    Returns:
        Rows of `canonical_features`, one per question, with `question` and `answer`, an index into `ANSWERS`; by frame and
        question.

    Raises:
        FileNotFoundError: if a video has no questions, or a frame with questions is missing.
        ValueError: if a file of questions is not of its format, or an answer is outside the list.
    """
    rows = []
    for video in sorted(videos):
        texts = sorted((Path(folder) / "QA" / video).glob("*.txt"))
        if not texts:
            raise FileNotFoundError(f"{Path(folder) / 'QA' / video}: no questions of {video}; expected {LAYOUT}.")
        strange = [path.name for path in texts if not path.stem.isdigit()]
        if strange:
            raise ValueError(
                f"{texts[0].parent}: {strange[0]} is not named by the number of a frame; expected {LAYOUT}."
            )
        home = Path(folder) / "images" / video
        if not home.is_dir():
            raise FileNotFoundError(f"{home}: no frames of {video}; expected {LAYOUT}.")
        pictures = numbered_pictures(home)
        lacking = [path for path in texts if int(path.stem) not in pictures]
        if lacking:
            raise FileNotFoundError(
                f"{home}: {len(lacking)} of {len(texts)} frames with questions are missing (first: {lacking[0].stem}.png); "
                "extract the video again at one frame per second."
            )
        for path in sorted(texts, key=lambda path: int(path.stem)):
            row = frame_row(str(pictures[int(path.stem)]), video, int(path.stem), FPS)
            rows += [row | pair for pair in read_question_lines(path, ANSWERS, DROPPED)]
    return canonical_dataset(rows, question_columns(ANSWERS))
