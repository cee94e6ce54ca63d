# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""GraSP's long-term labels as its authors hand them out: `annotations/grasp_long-term_train.json` beside `frames/`.

The two JSON files (train, test) list one frame per second, `CASE001/000000000.jpg`, each with a phase and a step. Names of
9 digits count frames at 30 per second (archive `GraSP_30fps`), names of 5 digits seconds (`GraSP_1fps`); either will do.
The labels were revised in December 2024: results carry a fingerprint of what was read, and only equal ones compare.
Categories are checked by their ids; the names below are those of their descriptions, in unified spelling.

Reference: N. Ayobi et al., Pixel-wise recognition for holistic surgical scene understanding, arXiv:2401.11174.
"""

import json
from pathlib import Path

import datasets

from .canonical import canonical_dataset, frame_row, require_files, single_label
from .source import Source

FPS = 30
PHASES = (
    "Idle",
    "Left pelvic isolated lymphadenectomy",
    "Right pelvic isolated lymphadenectomy",
    "Developing the Space of Retzius",
    "Ligation of the deep dorsal venous complex",
    "Bladder neck identification and transection",
    "Seminal vesicle dissection",
    "Development of the plane between the prostate and rectum",
    "Prostatic pedicle control",
    "Severing of the prostate from the urethra",
    "Bladder neck reconstruction",
)
STEPS = (
    "Idle",
    "Identification and dissection of the iliac vein and artery",
    "Cutting and dissection of the external iliac vein's lymph node",
    "Obturator nerve and vessel path identification, dissection and cutting of the obturator lymph nodes",
    "Insert the lymph nodes in retrieval bags",
    "Prevesical dissection",
    "Ligation of the dorsal venous complex",
    "Prostate dissection until the levator ani",
    "Seminal vesicle dissection",
    "Dissection of Denonvilliers' fascia",
    "Cut the tissue between the prostate and the urethra",
    "Hold prostate",
    "Insert prostate in retrieval bag",
    "Pass suture to the urethra",
    "Pass suture to the bladder neck",
    "Pull suture",
    "Tie suture",
    "Suction",
    "Cut suture or tissue",
    "Cut between the prostate and bladder neck",
    "Vascular pedicle control",
)
LABELS = tuple(f"annotations/grasp_long-term_{side}.json" for side in ("train", "test"))
LAYOUT = f"frames/CASENNN/NNNNNNNNN.jpg beside {LABELS[0]} and {LABELS[1]}"


def patient(video: str) -> str:
    """The name that this patient has in the leakage manifest; PSI-AVA's eight cases are among GraSP's."""
    return f"grasp:{int(video.removeprefix('CASE'))}"


SOURCE = Source(
    name="grasp",
    title="GraSP",
    licence="none stated for the data; treat as research only",
    fps=FPS,
    files=(),
    pictures=("frames/{video}/*",),
    shared=LABELS,
    ignored=("annotations/*", "1fps_to_30fps_association.json"),
    defects=("the labels were revised in December 2024: compare results of the same dataset fingerprint alone",),
    patient=patient,
    corpora={"surgenet": "eight cases (73,618 frames), probably the training cases"},
)


def read_grasp(folder: Path, videos: list[str]) -> datasets.Dataset:
    """Read the labelled frames of some cases, one per second, with phase and step.

    Args:
        folder: the folder with `frames/` and `annotations/`.
        videos: ids of the cases to read, such as "CASE001".

    Returns:
        Rows of `canonical_features` with `phase` and `step`, indices into `PHASES` and `STEPS`.

    Raises:
        FileNotFoundError: if a label file or a frame is missing.
        ValueError: if a label file is not of its format, or a case has no label.
    """
    folder = Path(folder)
    require_files(folder, list(LABELS), LAYOUT)
    wanted, rows = set(videos), []
    for name in LABELS:
        for (video, frame), (file, phase, step) in _read_labels(folder / name).items():
            if video in wanted:
                image = frame_row(str(folder / "frames" / file), video, frame, FPS)
                rows.append(image | {"phase": phase, "step": step})
    lacking = sorted(wanted - {row["video_id"] for row in rows})
    if lacking:
        raise ValueError(f"{folder}: {len(lacking)} cases have no label (first: {lacking[0]}); complete the download.")
    rows.sort(key=lambda row: (row["video_id"], row["frame"]))
    require_files(folder, [str(Path(row["image"]).relative_to(folder)) for row in rows], LAYOUT)
    return canonical_dataset(rows, {"phase": single_label(PHASES), "step": single_label(STEPS)})


def _read_labels(path: Path) -> dict[tuple[str, int], tuple[str, int, int]]:
    """File, phase and step of every labelled frame, by case and frame at 30 per second."""
    found = {}
    try:
        content = json.loads(path.read_text())
        for kind, names in (("phases", PHASES), ("steps", STEPS)):
            ids = [category["id"] for category in content[f"{kind}_categories"]]
            if sorted(ids) != list(range(len(names))):
                raise ValueError(f"its {kind} have the ids {sorted(ids)}, expected 0 to {len(names) - 1}")
        files = {image["id"]: image["file_name"] for image in content["images"]}
        for label in content["annotations"]:
            file, phase, step = files[label["image_id"]], label["phases"], label["steps"]
            video, picture = file.split("/")
            number = Path(picture).stem
            frame = int(number) * (1 if len(number) == 9 else FPS)
            if phase not in range(len(PHASES)) or step not in range(len(STEPS)):
                raise ValueError(f"{file} has the phase {phase!r} and the step {step!r}")
            if found.setdefault((video, frame), (file, phase, step)) != (file, phase, step):
                raise ValueError(f"{file} has two labels that differ")
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{path} is not a long-term label file of GraSP ({type(error).__name__}: {error}); expected JSON with images "
            '("id", "file_name" CASE001/000000000.jpg), annotations ("image_id", "phases", "steps") and their categories. '
            "Download it again."
        ) from error
    return found
