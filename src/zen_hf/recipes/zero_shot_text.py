# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Zero-shot classification by text, from an image-text teacher to a student, on a procedure that neither ever saw.

python -m zen_hf.recipes.zero_shot_text output=RUN_FOLDER [key=value ...]

No image-text model comes with the package, so a tiny one learns from captions of synthetic surgery. It is distilled together
with the other tiny teachers, its text tower joins the student, and both are asked for phases and tools: in new operations of the
procedures that all learnt from, and in a procedure that was in no training set. With
`image_text=google/siglip2-base-patch16-224` a real one takes its place. A stopped command goes on where it was.
"""

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset, Features, Image, Value
from omegaconf import MISSING
from PIL import Image as PillowImage
from rich.console import Console
from rich.table import Table

from zen_hf.benchmark.constant_predictions import predict_without_pictures
from zen_hf.benchmark.exam import Exam, set_exam
from zen_hf.benchmark.feature_cache import VideoFeatures, extract_features
from zen_hf.benchmark.metrics.multilabel_map.multilabel_map import MultilabelMap
from zen_hf.benchmark.metrics.phase_recognition.phase_recognition import PhaseRecognition
from zen_hf.benchmark.protocols.text_zero_shot import predict_by_text, unit
from zen_hf.benchmark.readers.canonical import multi_label, single_label
from zen_hf.benchmark.readers.source import Source
from zen_hf.benchmark.split import Fold, Split
from zen_hf.benchmark.task import Target, Task
from zen_hf.benchmark.text_prompts import load_prompts
from zen_hf.data.frame_sources import FrameSource
from zen_hf.data.synthetic_surgery import HOSPITALS, INSTRUMENTS, PHASES, SceneFrame, SyntheticSurgery
from zen_hf.data.views import ViewSpec
from zen_hf.distillation.optimisation import OptimizerSpec
from zen_hf.distillation.skills import SKILLS, LabelledFrames
from zen_hf.distillation.student import StudentSpec
from zen_hf.distillation.teachers import TeacherSpec
from zen_hf.distillation.tiny_image_text import train_tiny_image_text
from zen_hf.distillation.tiny_teachers import train_tiny_teacher
from zen_hf.distillation.training_spec import TrainingSpec
from zen_hf.distillation.zero_shot_export import export_zero_shot
from zen_hf.modeling.image_text_encoder import ImageTextEncoder, JointFrameEncoder
from zen_hf.recipe_configuration import load_recipe
from zen_hf.recipes.distill import DistillRecipe, run_distillation
from zen_hf.recipes.taught_surgery import PATCH, Stages, quieten_libraries
from zen_hf.run_directory import RunDirectory

TEACHER, STUDENT = "text", "student"
PROMPTS = Path(__file__).parent / "zero_shot_text_prompts.json"
TARGETS = (
    Target("phase", "single_label", PHASES, PhaseRecognition, score="f1_b"),
    Target("tool", "multi_label", INSTRUMENTS, MultilabelMap, score="map", headline="map_global"),
)


@dataclass
class SurgeryPart:
    """Operations of some procedures in some hospitals.

    Attributes:
        procedures: Their procedures.
        hospitals: Their hospitals.
        videos: Number of operations.
        frames: Frames of each.
    """

    procedures: list[str] = field(default_factory=lambda: ["nephrectomy", "hysterectomy", "sigmoidectomy"])
    hospitals: list[str] = field(default_factory=lambda: list(HOSPITALS))
    videos: int = 200
    frames: int = 20


@dataclass
class ZeroShotTextRecipe:
    """An image-text teacher, the other tiny teachers, their student, and what is unseen.

    Attributes:
        output: Folder of the run; what it holds of this recipe already is not made again.
        image_text: Hub id or folder of an image-text model; by default a tiny one is trained here.
        image_text_size: Side of the square frames that it is given, in pixels; by default the model's own, and of the tiny one
            what its patches give on the student's grid.
        image_size: Side of the frames in pixels.
        seen: What teachers learn from with labels, and the student without.
        unseen: What all are tested on, by what tables call it.
        image_text_steps: Steps of the tiny image-text teacher.
        image_text_batch_size: Frames per step of it.
        teacher_steps: Steps of each other tiny teacher.
        student_steps: Steps of the distillation.
        student_batch_size: Frames per step of it.
        student: The student; its adaptors lead into each teacher's space.
        text_weight: Weight of the image-text teacher's losses.
        seed: Seed of data and training.
    """

    output: str = MISSING
    image_text: str | None = None
    image_text_size: int | None = None
    image_size: int = 64
    seen: SurgeryPart = field(default_factory=SurgeryPart)
    unseen: dict[str, SurgeryPart] = field(
        default_factory=lambda: {
            "new operations": SurgeryPart(videos=24),
            "a new procedure": SurgeryPart(procedures=["cholecystectomy"], videos=25),
        }
    )
    image_text_steps: int = 500
    image_text_batch_size: int = 64
    teacher_steps: dict[str, int] = field(default_factory=lambda: {"what": 120, "where": 80, "far": 80})
    student_steps: int = 500
    student_batch_size: int = 32
    student: StudentSpec = field(default_factory=StudentSpec)
    text_weight: float = 2.0
    seed: int = 0


def zero_shot_text(config: ZeroShotTextRecipe) -> dict:
    """Runs the recipe; `output/zero_shot` is what `pipeline("zero-shot-image-classification")` loads.

    Returns:
        What `summary.json` holds: per unseen part the cosines, and the scores of teacher, student and chance.

    Raises:
        FileExistsError: If the output folder holds a run of another configuration.
        ValueError: If the image-text model lacks its text tower or its tokenizer.
    """
    out = Path(config.output)
    run = RunDirectory.create(out, config, config.seed, resume=True, min_free_bytes=2**30)
    quieten_libraries()
    if config.image_text is not None and config.image_text_size is None:
        config = replace(config, image_text_size=own_size(config.image_text))
    stages = Stages(run)
    parts = [config.seen, *config.unseen.values()]
    with stages.stage("Rendering synthetic surgery", sum(part.videos for part in parts)) as advance:
        first, videos = 0, []
        for part in parts:
            videos.append(rendered(part, first, config, advance))
            first += part.videos
    seen, unseen = videos[0], dict(zip(config.unseen, videos[1:], strict=True))
    teachers = taught(config, [scene for scenes in seen.values() for scene in scenes], out / "teachers", stages)
    if not (out / "zero_shot").exists():
        distilled = out / "distillation"
        if not (distilled / "summary.json").exists():
            frames_of(seen).to_parquet(out / "frames.parquet")
            run_distillation(distillation(config, teachers, out), resume=True)
        export_zero_shot(distilled / "model", teachers[-1].source, out / "zero_shot", adaptor=TEACHER)
    models = {"teacher": teachers[-1].source, STUDENT: str(out / "zero_shot")}
    encoders = {name: ImageTextEncoder.from_pretrained(folder) for name, folder in models.items()}
    summary = {
        "readings": {name: read(config, encoders, seen, part, out / "features") for name, part in unseen.items()},
        "metrics": {target.name: target.primary for target in TARGETS},
        "seconds": stages.seconds,
        "model": str(out / "zero_shot"),
    }
    run.finish(summary)
    show(summary)
    return summary


def own_size(image_text: str) -> int:
    """Side in pixels of the square frames that an image-text model was made for, as far as its patches fill it."""
    encoder = JointFrameEncoder.from_pretrained(image_text)
    return encoder.default_image_size // encoder.stride * encoder.stride


def read(
    config: ZeroShotTextRecipe,
    encoders: dict[str, ImageTextEncoder],
    seen: dict[str, list[SceneFrame]],
    unseen: dict[str, list[SceneFrame]],
    cache: Path,
) -> dict[str, dict]:
    """Cosines of the student to its teacher on unseen operations, and the scores of both and of chance there.

    Returns:
        "cosines", and "scores": target -> "teacher", "student" or "chance" -> head -> primary score.
    """
    exam, dataset = unseen_exam(seen, unseen)
    prompts = load_prompts(exam.task, PROMPTS)
    features, found = {}, []
    for name, encoder in encoders.items():
        size = config.image_size
        if name == "teacher":  # as the student heard it
            size = config.image_text_size or config.image_size // PATCH * encoder.frames.stride
        features[name] = extract_features(encoder.frames, dataset, list(unseen), size, cache)
        found += [(name, entry) for entry in predict_by_text(exam, features[name], encoder, prompts)]
    found += [("chance", entry) for entry in predict_without_pictures(exam) if entry.head == "chance"]
    results = exam.truth.score([entry for _, entry in found])[0]
    scores: dict[str, dict[str, dict[str, float]]] = {}
    for (name, entry), result in zip(found, results, strict=True):
        primary = next(target.primary for target in TARGETS if target.name == entry.target)
        scores.setdefault(entry.target, {}).setdefault(name, {})[entry.head] = result[primary]
    return {"cosines": cosines(features["teacher"], features[STUDENT]), "scores": scores}


def rendered(part: SurgeryPart, first: int, config: ZeroShotTextRecipe, advance) -> dict[str, list[SceneFrame]]:
    """Frames of every video, by its id; numbers from `first` on, so that parts share no patient."""
    surgery = SyntheticSurgery(
        seed=config.seed,
        size=config.image_size,
        frames_per_video=part.frames,
        procedures=list(part.procedures),
        hospitals=list(part.hospitals),
    )
    found = {}
    for number in range(first, first + part.videos):
        video = surgery.video(number)
        found[video.video_id] = [video[frame] for frame in range(len(video))]
        advance(1)
    return found


def frames_of(videos: dict[str, list[SceneFrame]]) -> Dataset:
    """The pictures alone, as `zen-hf distill` reads them."""
    rows = [
        {"image": PillowImage.fromarray(scene.image), "video_id": video}
        for video, scenes in videos.items()
        for scene in scenes
    ]
    return Dataset.from_list(rows, features=Features({"image": Image(), "video_id": Value("string")}))


def taught(config: ZeroShotTextRecipe, scenes: list[SceneFrame], folder: Path, stages: Stages) -> list[TeacherSpec]:
    """Trains the tiny teachers; the image-text teacher comes last."""
    rows = config.image_size // PATCH
    pixels = torch.from_numpy(np.stack([scene.image for scene in scenes])).permute(0, 3, 1, 2)
    targets = {
        skill.name: torch.from_numpy(np.stack([skill.target(scene, rows) for scene in scenes])).float()
        for skill in SKILLS
    }
    labelled, specs = LabelledFrames(pixels, targets, scenes), []
    for number, skill in enumerate(SKILLS):
        steps = config.teacher_steps[skill.name]
        if not (folder / skill.name).exists():
            with stages.stage(f"Training teacher '{skill.name}' with labels", steps) as advance:
                report = lambda loss, advance=advance: advance(1, f"loss {loss:.3f}")  # noqa: E731
                train_tiny_teacher(
                    skill, labelled, steps, folder / skill.name, seed=config.seed + number, advance=report
                )
        specs.append(TeacherSpec(name=skill.name, source=str(folder / skill.name), licence="apache-2.0"))
    text = TeacherSpec(
        name=TEACHER, source=config.image_text or str(folder / TEACHER), summary="joint", weight=config.text_weight
    )
    if config.image_text is None:
        text = replace(text, licence="apache-2.0")
    if config.image_text is None and not (folder / TEACHER).exists():
        steps = config.image_text_steps
        with stages.stage("Training the image-text teacher", steps) as advance:
            report = lambda loss: advance(1, f"loss {loss:.3f}")  # noqa: E731
            batch_size, seed = config.image_text_batch_size, config.seed
            train_tiny_image_text(
                pixels, scenes, steps, folder / TEACHER, batch_size=batch_size, seed=seed, advance=report
            )
    if config.image_text_size is not None:
        text = replace(text, resolution="native", image_size=config.image_text_size)
    return [*specs, text]


def distillation(config: ZeroShotTextRecipe, teachers: list[TeacherSpec], out: Path) -> DistillRecipe:
    """What `zen-hf distill` is asked for."""
    return DistillRecipe(
        output=str(out / "distillation"),
        frames=[FrameSource(path=str(out / "frames.parquet"), licence="apache-2.0", patients_of="own")],
        teachers=teachers,
        student=config.student,
        views=ViewSpec(config.image_size, scale=[1.0, 1.0], ratio=[1.0, 1.0], fixed=1, mask_border=False),
        optimizer=OptimizerSpec("muon", lr=2e-3),
        training=TrainingSpec(
            steps=config.student_steps,
            batch_size=config.student_batch_size,
            precision="no",
            checkpoint_every=config.student_steps,
            keep_checkpoints=1,
        ),
        seed=config.seed,
    )


def unseen_exam(seen: dict[str, list[SceneFrame]], unseen: dict[str, list[SceneFrame]]) -> tuple[Exam, Dataset]:
    """The unseen operations as a benchmark task; the labels of the seen ones give chance its frequencies."""
    task = Task(
        name="synthetic_surgery",
        source=Source("synthetic_surgery", "synthetic surgery", "apache-2.0", 1.0, (), patient=lambda video: video),
        reader=lambda folder, videos: dataset,
        split="unseen",
        targets=TARGETS,  # without the heads of a task in time: a window would span a whole operation of so few frames
    )
    columns = {"image": Image(), "video_id": Value("string"), "frame": Value("int32"), "time_s": Value("float64")}
    columns |= {"phase": single_label(PHASES), "tool": multi_label(INSTRUMENTS)}
    rows = [
        {
            "image": PillowImage.fromarray(scene.image),
            "video_id": video,
            "frame": number,
            "time_s": float(number),
            "phase": scene.phase,
            "tool": [int(index in scene.instruments) for index in range(len(INSTRUMENTS))],
        }
        for video, scenes in (seen | unseen).items()
        for number, scene in enumerate(scenes)
    ]
    dataset = Dataset.from_list(rows, features=Features(columns))
    split = Split("unseen", "ours", "patient", (Fold(tuple(seen), tuple(unseen)),), sha256="")
    return set_exam(task, dataset, split), dataset


def cosines(teacher: dict[str, VideoFeatures], student: dict[str, VideoFeatures]) -> dict[str, float]:
    """How near the student's embeddings of unseen frames are to the teacher's.

    Returns:
        "cosine": mean over frames. "centred": the same after both lost the teacher's mean, which all frames share and which
        alone makes a cosine high. "without_student": what that mean alone reaches.
    """
    videos = sorted(teacher)
    wanted, found = (np.concatenate([unit(side[video].summary) for video in videos]) for side in (teacher, student))
    mean = wanted.mean(axis=0)

    def mean_cosine(first: np.ndarray, second: np.ndarray) -> float:
        return float((unit(first) * unit(second)).sum(axis=-1).mean())

    return {
        "cosine": mean_cosine(wanted, found),
        "centred": mean_cosine(wanted - mean, found - mean),
        "without_student": mean_cosine(wanted, mean[None]),
    }


def show(summary: dict) -> None:
    """Prints the cosines and, per target, the ensemble, the paraphrase sets alone and chance."""
    console = Console(width=120)
    for part, reading in summary["readings"].items():
        found = reading["cosines"]
        console.print(
            f"Student's cosine to the teacher's embedding in {part}: {found['cosine']:.3f}; without the mean of all "
            f"frames {found['centred']:.3f} (that mean alone: {found['without_student']:.3f})"
        )
        for target, models in reading["scores"].items():
            table = Table(
                title=f"{target} in {part}, without labels ({summary['metrics'][target]})", title_justify="left"
            )
            for column in ("", "ensemble", "sets of prompts alone", "spread"):
                table.add_column(column, justify="right" if column else "left")
            for name, heads in models.items():
                if name == "chance":
                    table.add_row(name, f"{heads['chance']:.3f}")
                    continue
                sets = [score for head, score in heads.items() if "_set" in head]
                cells = [f"{heads['text']:.3f}", "  ".join(f"{score:.3f}" for score in sets)]
                table.add_row(name, *cells, f"{max(sets) - min(sets):.3f}")
            table.caption = f"teacher minus student: {models['teacher']['text'] - models[STUDENT]['text']:+.3f}"
            console.print(table)
    console.print(f"Model: {summary['model']}   Time: {sum(summary['seconds'].values()):.0f} s")


if __name__ == "__main__":
    given = [argument for argument in sys.argv[1:] if not argument.endswith(".yaml")]
    files = [Path(argument) for argument in sys.argv[1:] if argument.endswith(".yaml")]
    recipe = files[0] if files else Path(__file__).with_suffix(".yaml")
    zero_shot_text(load_recipe(ZeroShotTextRecipe, recipe, given))
