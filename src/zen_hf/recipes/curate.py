# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Makes a frame dataset of surgical videos: `zen-hf curate VIDEOS --out DIR`."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from omegaconf import MISSING
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from zen_hf.curation.across_videos import shown_before
from zen_hf.curation.candidate_encoder import EncoderSettings, KnownEncoder
from zen_hf.curation.chunk import VideoTask
from zen_hf.curation.curation_report import CurationReport
from zen_hf.curation.dataset.assemble import AssemblySettings, assemble
from zen_hf.curation.decode_video import DecodeSettings, VideoDecoding, lost_video
from zen_hf.curation.encode_chunk import ChunkEncoding, WrittenChunk
from zen_hf.curation.inputs.identities import Identities, IdentitySettings
from zen_hf.curation.inputs.video_input import InputSettings, find_videos
from zen_hf.curation.parts import Part
from zen_hf.curation.plan_curation import measure_sample
from zen_hf.curation.tasks import find_tasks, require_shares, settings_hash, size_of, versions_of
from zen_hf.curation.work_folder import WorkFolder
from zen_hf.engines.held_folder import held
from zen_hf.engines.plain_errors import plain_errors
from zen_hf.engines.plan import Plan, plan_table
from zen_hf.engines.shards import Shard
from zen_hf.engines.stage import Engine, Stage
from zen_hf.engines.workers import Workers
from zen_hf.recipe_configuration import load_recipe, recipe_as_dict

WORKERS = Workers()
FAILED_HALFWAY = "it was read differently in two attempts, so some frames are missing; the same command tries it again"


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
    encoder = config.encoder.known()  # here, so that one that does not fit is found before anything is begun
    identities = Identities.open(output, config.identities)
    settings = settings_hash(config.frames, config.encoder, encoder)
    work = WorkFolder(identities.private, settings)
    with held(identities.private, shard), plain_errors(output):
        tasks, identified, problems = find_tasks(config.inputs, identities, work, settings, shard)
        report = CurationReport({task.video_id: task.video.name for task in tasks}, console)
        report.add_problems(problems)
        try:
            parts = taken_up(tasks, work, report, merge)
            todo = [task for task in tasks if task.video_id not in parts]
            if todo and merge:
                raise ValueError(
                    f"{len(todo)} of {len(tasks)} videos are not finished (first: {todo[0].video.name!r}); run their "
                    "shares, or leave --merge out to go through them now"
                )
            parts |= go_through(todo, config, encoder, engine, work, report, workers)
            report.print_summary()
        finally:
            report.write(identities.private, share=None if shard is None else str(shard))
        if shard is not None:
            identities.write_names(identified, f"names-{shard.index}-of-{shard.count}.csv")
            console.print(f"share {shard} of the videos is finished; when all are: the same command with --merge")
            return None
        if not any(part.record.kept for part in parts.values()):
            raise ValueError(f"no frame of {len(tasks)} videos was kept; see {identities.private / 'report.txt'}")
        if merge:
            require_shares(identities.private, parts.keys())
        in_order = [parts[video] for video in sorted(parts)]
        dropped = shown_before(in_order, config.frames.duplicates, identities.private / "across_videos.json")
        left_out = dict(sorted(Counter(problem.kind for problem in problems).items()))
        used = settings_of(config, encoder)
        assemble(output, in_order, config.assembly, dropped, used, versions_of(config.encoder), left_out)
        identities.write_names(identified)
        work.remove_other_settings()
        console.print(f"{output}: stream it with datasets.load_dataset({str(output)!r}, streaming=True)")
    return output


def taken_up(tasks: list[VideoTask], work: WorkFolder, report: CurationReport, merge: bool) -> dict[str, Part]:
    """Parts that an earlier run finished; videos that failed are tried again, unless shares are merged."""
    parts = {}
    for task in tasks:
        finished = work.finished(task, failed_too=merge)
        if finished is not None:
            parts[task.video_id] = finished
            report.add_video(finished.record, resumed=True)
    return parts


def go_through(
    tasks: list[VideoTask],
    config: CurateRecipe,
    encoder: KnownEncoder | None,
    engine: Engine,
    work: WorkFolder,
    report: CurationReport,
    workers: Workers,
) -> dict[str, Part]:
    """Decodes, encodes and writes the frames of some videos; the part of each by its id."""
    if not tasks:
        return {}
    gpus = gpus_wanted(config, workers)
    encode = ChunkEncoding(work.parts, config.encoder.anywhere(), gpu=gpus > 0)
    for task in tasks:
        work.begin(task)
    decoding = Stage(
        "decode",
        VideoDecoding(config.frames, None if encoder is None else encoder.image_size),
        workers.decoders,
        lost=lost_video,
    )
    encoding = Stage("encode", encode, max(1, gpus), cpus=workers.cores, gpus=1.0 if gpus else 0.0)
    by_id, parts, frames = {task.video_id: task for task in tasks}, {}, 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("curating", total=len(tasks))
        for written in chain(engine.run(tasks, [decoding, encoding]), unfinished(by_id, parts)):
            frames += written.kept
            progress.update(bar, description=f"curating, {frames} frames kept")
            part = work.add(written)
            if part is not None:
                parts[written.video_id] = part
                report.add_video(part.record, written.private)
                progress.advance(bar)
    return parts


def gpus_wanted(config: CurateRecipe, workers: Workers) -> int:
    """GPUs that encode: none where no encoder looks at the frames."""
    return 0 if config.encoder.model is None else workers.gpus


def unfinished(tasks: dict[str, VideoTask], parts: dict[str, Part]) -> Iterator[WrittenChunk]:
    """The failure of every video of which the engine did not give all chunks, as when its file changes meanwhile."""
    for video_id in sorted(tasks.keys() - parts.keys()):
        yield WrittenChunk(video_id, 0, 0, {}, tasks[video_id].record(failed=FAILED_HALFWAY), None)


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
    gpus = gpus_wanted(config, workers)
    place = Path(config.output).absolute().parent
    sample = measure_sample(videos, sizes, config.frames, config.encoder, place, gpu=gpus > 0)
    found = sample.plan(sum(sizes), workers.decoders, gpus, nodes, hours, config.assembly.shards.target_mb * 1e6)
    Console().print(plan_table(found))
    return found


def settings_of(config: CurateRecipe, encoder: KnownEncoder | None) -> dict:
    """What the manifest says of the recipe: nothing of where videos and models lie, or of how a house calls its own."""
    tree = recipe_as_dict(config)
    for key in ("output", "inputs"):
        tree.pop(key)
    tree["identities"].pop("salt_file")
    tree["encoder"] |= {"classifier": config.encoder.classifier is not None}
    if encoder is not None:
        tree["encoder"]["fingerprint"] = encoder.fingerprint
        if Path(config.encoder.model).exists():
            tree["encoder"]["model"] = "a local model"
    return tree
