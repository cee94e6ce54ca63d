# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Makes a frame dataset of surgical videos: `zen-hf curate VIDEOS --out DIR`."""

import hashlib
import importlib.metadata
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout
from omegaconf import MISSING
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from zen_hf.curation.across_videos import shown_before
from zen_hf.curation.assemble import AssemblySettings, assemble
from zen_hf.curation.chunk import VideoTask
from zen_hf.curation.curation_report import CurationReport
from zen_hf.curation.decode_video import DecodeSettings, VideoDecoding, lost_video
from zen_hf.curation.encode_chunk import ChunkEncoding, EncoderSettings
from zen_hf.curation.identities import Identities, IdentitySettings
from zen_hf.curation.parts import Part
from zen_hf.curation.plan_curation import measure_sample
from zen_hf.curation.video_input import InputProblem, InputSettings, VideoInput, find_videos
from zen_hf.curation.work_folder import WorkFolder
from zen_hf.engines.plan import Plan, plan_table
from zen_hf.engines.shards import Shard
from zen_hf.engines.stage import Engine, Stage
from zen_hf.engines.workers import Workers
from zen_hf.recipe_configuration import load_recipe, recipe_as_dict

PACKAGES = ("av", "numpy", "pillow", "scipy")  # other versions may give other frames
WORKERS = Workers()
ENCODING_PACKAGES = ("scikit-learn", "torch", "transformers")


@dataclass
class CurateRecipe:
    """Everything that a frame dataset is made of.

    Attributes:
        output: Folder of the dataset; what must stay in the house goes to the folder of the same name with `.private`.
    """

    output: str = MISSING
    inputs: InputSettings = field(default_factory=InputSettings)
    identities: IdentitySettings = field(default_factory=IdentitySettings)
    frames: DecodeSettings = field(default_factory=DecodeSettings)
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    assembly: AssemblySettings = field(default_factory=AssemblySettings)


def curate(
    engine: Engine,
    recipe: Path | None = None,
    overrides: list[str] = (),
    workers: Workers = WORKERS,
    shard: Shard | None = None,
    merge: bool = False,
) -> Path | None:
    """Runs a recipe and returns the folder of the dataset; the same call goes on where it was stopped.

    Args:
        engine: What runs the stages.
        recipe: YAML file with the fields of [`CurateRecipe`]; None for the defaults.
        overrides: Dotted overrides, such as `frames.fps=0.5`.
        workers: Who decodes and encodes.
        shard: Share of the videos to go through, without making the dataset; None for all.
        merge: Only make the dataset of what shares of it have finished.

    Returns:
        The dataset; None after a share.

    Raises:
        ValueError: A wrong recipe, no frame is left, or `merge` and a video is not finished.
        OSError: The output cannot be written.
    """
    return run_curation(load_recipe(CurateRecipe, recipe, list(overrides)), engine, workers, shard, merge)


def run_curation(
    config: CurateRecipe,
    engine: Engine,
    workers: Workers = WORKERS,
    shard: Shard | None = None,
    merge: bool = False,
) -> Path | None:
    """Runs a resolved recipe; see [`curate`]."""
    output, console = Path(config.output), Console()
    identities = Identities.open(output, config.identities)
    work = WorkFolder(identities.private)
    with only_run(identities.private, shard):
        tasks, problems = find_tasks(config, identities, work, shard)
        report = CurationReport({task.video_id: task.video.name for task in tasks}, console)
        report.add_problems(problems)
        parts, todo = {}, []
        for task in tasks:
            finished = work.finished(task)
            if finished is None:
                todo.append(task)
            else:
                parts[task.video_id] = finished
                report.add_video(finished.record, resumed=True)
        if todo and merge:
            raise ValueError(
                f"{len(todo)} of {len(tasks)} videos are not finished (first: {todo[0].video.name!r}); run their shares, "
                "or leave --merge out to go through them now"
            )
        parts |= go_through(todo, config, engine, work, report, workers)
        report.print_summary()
        report.write(identities.private)
        if shard is not None:
            console.print(f"share {shard} of the videos is finished; when all are: the same command with --merge")
            return None
        if not any(part.record.kept for part in parts.values()):
            raise ValueError(f"no frame of {len(tasks)} videos was kept; see {identities.private / 'report.txt'}")
        in_order = [parts[video] for video in sorted(parts)]
        dropped = shown_before(in_order, config.frames.duplicates)
        assemble(output, in_order, config.assembly, dropped, settings_of(config), versions_of(config))
        console.print(f"{output}: stream it with datasets.load_dataset({str(output)!r}, streaming=True)")
    return output


@contextmanager
def only_run(private: Path, shard: Shard | None) -> Iterator[None]:
    """Keeps a second run of the same videos out.

    Raises:
        ValueError: If there is one.
    """
    lock = FileLock(private / f"run{'' if shard is None else f'-{shard.index}-of-{shard.count}'}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise ValueError(f"{private.name} is being worked on by another run; wait for it, or stop it") from error
    try:
        yield
    finally:
        lock.release()


def find_tasks(
    config: CurateRecipe, identities: Identities, work: WorkFolder, shard: Shard | None
) -> tuple[list[VideoTask], list[InputProblem]]:
    """The videos of a recipe, or of a share of it, under their ids; and what is left out."""
    videos, problems = find_videos(config.inputs)
    if shard is not None:
        videos = shard.mine(videos, [video.path for video in videos], [size_of(video) for video in videos])
    identified, unreadable = identities.identify(videos, work.sha256_of)
    identities.write_names(identified, "names.csv" if shard is None else f"names-{shard.index}-of-{shard.count}.csv")
    settings = hash_of_settings(config)
    tasks = [
        VideoTask(video, found.video_id, found.patient_id, found.source, found.sha256, settings)
        for video, found in identified
    ]
    return tasks, problems + unreadable


def go_through(
    tasks: list[VideoTask],
    config: CurateRecipe,
    engine: Engine,
    work: WorkFolder,
    report: CurationReport,
    workers: Workers,
) -> dict[str, Part]:
    """Decodes, encodes and writes the frames of some videos; the part of each by its id."""
    for task in tasks:
        work.begin(task)
    size = None
    if config.encoder.model is not None and tasks:
        size = config.encoder.image_size or config.encoder.load().default_image_size
    gpus, threads = workers.gpus, max(1, int(workers.cores))
    decoding = Stage("decode", VideoDecoding(config.frames, size), workers.decoders, lost=lost_video)
    encode = ChunkEncoding(work.parts, config.encoder, threads)
    encoding = Stage("encode", encode, max(1, gpus), cpus=workers.cores, gpus=1.0 if gpus else 0.0)
    parts, frames = {}, 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("curating", total=len(tasks))
        for written in engine.run(tasks, [decoding, encoding]):
            frames += written.kept
            progress.update(bar, description=f"curating, {frames} frames kept")
            part = work.add(written)
            if part is not None:
                parts[written.video_id] = part
                report.add_video(part.record, written.private)
                progress.advance(bar)
    return parts


def hash_of_settings(config: CurateRecipe) -> str:
    """What the frames of a video depend on beside its bytes."""
    depends = {"frames": recipe_as_dict(config.frames), "encoder": None, "versions": versions_of(config)}
    if config.encoder.model is not None:
        depends["encoder"] = config.encoder.load().fingerprint, config.encoder.image_size, config.encoder.batch_size
        if config.encoder.classifier is not None:
            files = sorted(file for file in Path(config.encoder.classifier).iterdir() if file.is_file())
            depends["classifier"] = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()


def versions_of(config: CurateRecipe) -> dict[str, str]:
    """Versions of the packages on which frames depend."""
    packages = PACKAGES + (ENCODING_PACKAGES if config.encoder.model is not None else ())
    return {name: importlib.metadata.version(name) for name in packages}


def size_of(video: VideoInput) -> int:
    """Bytes of a video; of one that cannot be looked at none, as whoever reads it will report."""
    try:
        return video.size_bytes
    except (OSError, ValueError):
        return 0


def print_plan(
    recipe: Path | None = None,
    overrides: list[str] = (),
    workers: Workers = WORKERS,
    nodes: int = 1,
    hours: float | None = None,
) -> Plan:
    """Prints what a run takes, by a sample of its videos that is decoded and encoded now; nothing is left on the disk.

    Args:
        recipe: As for [`curate`].
        overrides: Likewise.
        workers: Likewise.
        nodes: Number of machines that share the videos.
        hours: Hours of video to plan for; None for those of the recipe's videos, by their bytes.

    Raises:
        ValueError: If no video of the sample can be read.
    """
    config = load_recipe(CurateRecipe, recipe, list(overrides))
    videos, _ = find_videos(config.inputs)
    sizes = [size_of(video) for video in videos]
    sample = measure_sample(videos, sizes, config.frames, config.encoder)
    found = sample.plan(
        sum(sizes), workers.decoders, workers.gpus, nodes, hours, config.assembly.shards.target_mb * 1e6
    )
    Console().print(plan_table(found))
    return found


def settings_of(config: CurateRecipe) -> dict:
    """What the manifest says of the recipe: nothing of where videos and models lie."""
    tree = recipe_as_dict(config)
    for key in ("output", "inputs"):
        tree.pop(key)
    tree["identities"].pop("salt_file")
    tree["encoder"] |= {"classifier": config.encoder.classifier is not None}
    if config.encoder.model is not None:
        tree["encoder"]["model"] = Path(config.encoder.model).name
        tree["encoder"]["fingerprint"] = config.encoder.load().fingerprint
    return tree
