# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Features of films, frames or a task's data: `zen-hf extract --model M --videos DIR --out DIR`."""

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import yaml
from omegaconf import MISSING
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from zen_hf.benchmark.candidate import load_candidate
from zen_hf.benchmark.feature_cache import extract_features, require_readable
from zen_hf.benchmark.suites import data_below
from zen_hf.benchmark.task import load_task
from zen_hf.data.frame_sources import FrameSource
from zen_hf.engines.held_folder import held
from zen_hf.engines.plain_errors import plain_errors
from zen_hf.engines.plan import Plan, plan_table
from zen_hf.engines.shards import Shard
from zen_hf.engines.stage import Engine
from zen_hf.engines.workers import Workers
from zen_hf.extraction.extraction import extract_videos, usable
from zen_hf.extraction.extraction_plan import plan_extraction
from zen_hf.extraction.feature_folder import FeatureFolder, VideoOutcome, outcomes_as_json
from zen_hf.extraction.feature_settings import EncoderSource, FeatureSettings
from zen_hf.extraction.moments import Film, Pictures, find_films, find_pictures, splits_of
from zen_hf.extraction.video_file import VideoFile
from zen_hf.recipe_configuration import recipe_as_dict
from zen_hf.run_directory import RunDirectory

console = Console(stderr=True, highlight=False)


@dataclass
class ExtractRecipe:
    """Everything that extracted features depend on.

    Attributes:
        output: Folder of the features and of the run's record.
        encoder: What encodes the frames.
        videos: Films, and folders of films.
        frames: Folders of pictures and frame datasets, such as `zen-hf curate` writes; the split `all` of a source is all
            of its splits.
        features: What is kept of every frame.
        fps: Frames per second of film.
    """

    output: str = MISSING
    encoder: EncoderSource = field(default_factory=EncoderSource)
    videos: list[str] = field(default_factory=list)
    frames: list[FrameSource] = field(default_factory=list)
    features: FeatureSettings = field(default_factory=FeatureSettings)
    fps: float = 1.0

    def __post_init__(self):
        if not self.videos and not self.frames:
            raise ValueError("videos and frames are empty; name films, folders of films, or sources of frames")
        if not self.fps > 0:
            raise ValueError(f"fps is {self.fps}; expected frames per second above 0, such as 1 or 0.2")
        if not self.videos and self.fps != 1.0:
            raise ValueError(
                f"fps is {self.fps}, but there are no videos to sample, and all frames are taken; leave it out"
            )

    def find(self) -> list[Film | Pictures]:
        """The videos, in the order in which they were named."""
        return [*find_films(self.videos), *(video for source in self.frames for video in find_pictures(source))]


def extract(
    config: ExtractRecipe,
    engine: Engine,
    workers: Workers,
    shard: str | None = None,
    merge: bool = False,
) -> list[VideoOutcome]:
    """Extract what is missing; the same call goes on where it was stopped, and takes up videos that came since.

    Args:
        config: What to do.
        engine: Runs the stages.
        workers: Who does the work.
        shard: Share of the videos to go through, such as `"0/8"`; a call with `merge` finishes when all shares are.
        merge: Whether every video must be there already: each file is checked, and the index is written.

    Returns:
        What every video came to. One that cannot be read is told and left; the others go on.

    Raises:
        FileNotFoundError: If the model or an input does not exist.
        ValueError: If a setting is not possible or differs from that of the run before, no video could be read, a merge
            lacks one, or a run that would disturb this one works in the folder.
        OSError: If the disk is full.
    """
    if shard is not None and merge:
        raise ValueError(f"shard is {shard} with merge; run every share without merge, then merge without shard")
    videos, outcomes = usable(config.find())
    if shard is not None:
        shard = Shard.parse(shard)
        videos = shard.mine(videos, [video.name for video in videos], [video.extent for video in videos])
        outcomes = outcomes if shard.index == 0 else []
    for source in config.frames:
        read = f"the splits {', '.join(splits_of(source))}" if splits_of(source) else "all of it, as it has no splits"
        console.print(f"{source.path}: {read}", markup=False, soft_wrap=True)
    encoder = config.encoder.load(device_here(workers))
    key = config.features.key(encoder, config.fps)
    blank = np.zeros((1, 3, key["image_size"], key["image_size"]), np.uint8)
    config.features.encode(encoder, blank)  # refuses layers that are not there before anything is written
    del encoder
    folder = FeatureFolder(Path(config.output), key, config.features.file_format)
    with held(folder.folder, shard), plain_errors(folder.folder):
        if merge:
            outcomes += finished_everywhere(folder, videos)
        place = folder.folder if shard is None else folder.folder / "shards" / f"{shard.index}-of-{shard.count}"
        run = reopened(place, config)
        run.log(event="start", videos=len(videos))
        for outcome in outcomes:
            run.log(event="video", **vars(outcome))
        with bar_of(videos) as bar:
            if not merge:
                todo = extract_videos(
                    videos,
                    folder,
                    config.encoder,
                    config.features,
                    engine,
                    workers,
                    bar.add,
                    lambda *said: tell(run, *said),
                )
                for outcome in todo:
                    outcomes.append(outcome)
                    bar.finish(outcome)
                    run.log(event="video", **vars(outcome))
        for outcome in outcomes:
            if outcome.failed is not None:
                console.print(f"{outcome.video}: {outcome.failed}", markup=False, soft_wrap=True)
        good = [outcome for outcome in outcomes if outcome.failed is None]
        frames = sum(outcome.frames for outcome in good)
        if shard is None:
            folder.write_index(outcomes)
            folder.remove_remains()
        words = f"{frames} frames of {len(good)} videos, {len(outcomes) - len(good)} videos could not be read"
        if outcomes and not good and shard is None:  # a share may hold nothing but broken films
            raise ValueError(f"{words}: nothing was extracted; see {run.path / 'log.jsonl'}")
        run.finish(
            {
                "frames": frames,
                "videos": len(good),
                "failed": len(outcomes) - len(good),
                "outcomes": outcomes_as_json(outcomes),
            }
        )
        console.print(f"{folder.folder}: {words}", markup=False, soft_wrap=True)
        if shard is not None:
            console.print(f"share {shard} of the videos is finished; when all are: the same command with --merge")
    return outcomes


def print_plan(config: ExtractRecipe, workers: Workers, hours: float | None = None, nodes: int = 1) -> Plan:
    """Print hours, bytes and frames of an extraction, by a sample that is decoded and encoded now; nothing is written.

    Args:
        config: What to do.
        workers: Who will do the work, on every machine.
        hours: Hours of film to plan for; by default those of the videos.
        nodes: Number of machines.
    """
    videos, _ = usable(config.find())
    encoder = config.encoder.load(device_here(workers))
    found = plan_extraction(videos, encoder, config.features, config.fps, workers, hours, nodes)
    Console().print(plan_table(found))
    return found


def extract_task(
    source: EncoderSource,
    task: str,
    data: Path,
    cache: Path,
    image_size: int = 0,
    batch_size: int = 16,
    tokens: bool = True,
) -> int:
    """Fill the cache of the benchmark with the features of a task's frames.

    `zen-hf benchmark --task TASK --data DATA --cache CACHE` then encodes nothing with this model under the protocols
    frozen, few_shot and zero_shot.

    Args:
        source: What encodes the frames.
        task: Name of a task on frames of videos.
        data: Its dataset, or a folder with one folder per dataset.
        cache: Folder of cached features.
        image_size: Side of the square that frames are resized to, in px; 0 for the encoder's own.
        batch_size: Frames that the encoder sees at once.
        tokens: Whether patch tokens are kept too, which attentive heads read.

    Returns:
        Number of frames whose features the cache holds now.

    Raises:
        FileNotFoundError: If the model or the data does not exist.
        ValueError: If the task is about masks, depth or questions, or a frame cannot be read.
    """
    found = load_task(task)
    if found.targets[0].is_dense or found.question:
        raise ValueError(
            f"{task} is not read from features of frames: heads of masks and questions keep maps of their own, which "
            "zen-hf benchmark makes"
        )
    place = data_below(data, found) or data
    dataset, split = found.read(place), found.split_in(place)
    require_readable(dataset)
    encoder = load_candidate(source.model, source.revision, source.trust_remote_code).encoder
    videos = sorted({video for fold in split.folds for video in fold.videos})
    size = image_size or encoder.default_image_size
    # the columns that an exam shows an encoder: the frames, and nothing of the truth
    frames = dataset.select_columns(["image", "video_id", "frame", "time_s"])
    features = extract_features(encoder, frames, videos, size, cache, batch_size, tokens)
    return sum(len(of_video.summary) for of_video in features.values())


def device_here(workers: Workers) -> str:
    """Where this process tries the encoder; a Ray cluster may have GPUs that the machine with the command has not."""
    return "cuda" if workers.gpus and torch.cuda.is_available() else "cpu"


def finished_everywhere(folder: FeatureFolder, videos: list[Film | Pictures]) -> list[VideoOutcome]:
    """Outcomes of all videos after all shares were run, every file checked.

    Raises:
        ValueError: If the shares of no number are all finished, or a file is missing or damaged.
    """
    found, told = [], folder.outcomes_of_shares()
    for video in videos:
        outcome = folder.finished(video)
        if outcome is None and (video.name not in told or told[video.name].failed is None):
            raise ValueError(
                f"{video.name} has no features in {folder.folder}, and no finished share says why: it came, was changed or "
                "was deleted since; run all shares of one number, then merge"
            )
        if outcome is not None:
            VideoFile.open(folder.path(video.name)).require_undamaged()
        found.append(outcome or told[video.name])
    return found


def reopened(place: Path, config: ExtractRecipe) -> RunDirectory:
    """The record of the run, that of an earlier call with the same settings where there is one."""
    if (place / "summary.json").is_file():
        before = yaml.safe_load((place / "config.yaml").read_text(encoding="utf-8"))
        if before == recipe_as_dict(config):
            (place / "summary.json").unlink()  # taken up again: films may have come since
    return RunDirectory.create(place, config, seed=0, resume=True)


def tell(run: RunDirectory, video: str, problem: str) -> None:
    """What could not be read of a video that goes on."""
    run.log(event="problem", video=video, problem=problem)
    console.print(f"{video}: {problem}", markup=False, soft_wrap=True)


class Bar:
    """How far the extraction is, by the bytes of the videos."""

    def __init__(self, progress: Progress, videos: list[Film | Pictures]):
        self.progress, self.frames, self.done = progress, 0, 0
        self.extents = {video.name: video.extent for video in videos}
        self.count, self.task = len(videos), progress.add_task("extracting", total=sum(self.extents.values()))

    def add(self, video: str, frames: int) -> None:
        """Some frames of a video were encoded."""
        self.frames += frames
        self.show()

    def finish(self, outcome: VideoOutcome) -> None:
        """A video has come to its end."""
        self.done += 1
        self.progress.advance(self.task, self.extents.get(outcome.video, 0))
        self.show()

    def show(self) -> None:
        """Say it."""
        words = f"{self.done} of {self.count} videos, {self.frames} frames encoded"
        self.progress.update(self.task, description=words)


@contextmanager
def bar_of(videos: list[Film | Pictures]):
    """A bar while the extraction runs."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        yield Bar(progress, videos)
