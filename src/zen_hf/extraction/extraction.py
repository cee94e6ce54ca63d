# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs an extraction: videos through the stages, and the file of each as soon as all its chunks are written."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from zen_hf.engines.stage import Engine, Stage
from zen_hf.engines.workers import Workers

from .chunks import VideoEnd
from .decode_chunks import ChunkDecoding, LostVideo
from .encode_chunk import ChunkEncoding, WrittenChunk
from .feature_folder import FeatureFolder, VideoOutcome, failure
from .feature_settings import EncoderSource, FeatureSettings
from .moments import Film, Pictures

LONGEST_NAME = 220  # bytes; a file system takes 255, with the ending


def extract_videos(
    videos: list[Film | Pictures],
    folder: FeatureFolder,
    source: EncoderSource,
    settings: FeatureSettings,
    engine: Engine,
    workers: Workers,
    on_frames: Callable[[str, int], None] = lambda video, frames: None,
    on_problem: Callable[[str, str], None] = lambda video, problem: None,
) -> Iterator[VideoOutcome]:
    """One outcome of every video, as they are finished; what an earlier run finished is not done again.

    Args:
        videos: What to extract from, each under a name of its own.
        folder: Where features go.
        source: Where the encoder comes from.
        settings: What is kept.
        engine: Runs the stages.
        workers: Who does the work.
        on_frames: Called with a video and a number of its frames that were encoded.
        on_problem: Called with a video and what could not be read of it.
    """
    by_name, missing = {video.name: video for video in videos}, []
    for video in videos:
        before = folder.finished(video)
        if before is None:
            missing.append(video)
        else:
            yield before
    if not missing:
        return
    decode = Stage("decode", ChunkDecoding(folder.chunks, settings.chunk_frames), workers.decoders, lost=LostVideo())
    encoding = ChunkEncoding(folder.chunks, source, settings, "cuda" if workers.gpus else "cpu", workers.threads)
    encode = Stage("encode", encoding, max(workers.gpus, 1), workers.cores, gpus=1.0 if workers.gpus else 0.0)
    progress = {video.name: Progress() for video in missing}
    for result in engine.run(missing, [decode, encode]):
        video = progress[result.video]
        if isinstance(result, WrittenChunk):
            on_frames(result.video, result.frames)
            video.written.add(result.number)
        else:
            for problem in result.problems:
                on_problem(result.video, problem)
            video.end = video.end if video.end is not None and video.end.failed else result
        if video.told or not video.whole:
            continue
        video.told = True
        yield failure(video.end) if video.end.failed else folder.join(by_name[result.video], video.end)
    for name in (name for name, video in progress.items() if not video.told):
        words = "not all of its chunks came through the workers, as when two attempts read it differently"
        yield VideoOutcome(name, failed=f"{words}; the same command tries it again")


@dataclass
class Progress:
    """What is known of a video in the making.

    Attributes:
        written: Numbers of its chunks that were written in this run.
        end: Its end, once that has come.
        told: Whether its outcome was given.
    """

    written: set[int] = field(default_factory=set)
    end: VideoEnd | None = None
    told: bool = False

    @property
    def whole(self) -> bool:
        """Whether nothing more is awaited."""
        if self.end is None:
            return False
        return self.end.failed is not None or self.written >= set(self.end.fresh)


def usable(videos: list[Film | Pictures]) -> tuple[list[Film | Pictures], list[VideoOutcome]]:
    """Videos that can have features, and the outcomes of others: no file, or a name that cannot be that of a file."""
    by_name, outcomes, seen = {}, [], Counter()
    for video in videos:
        seen[video.name] += 1
        if video.name in by_name:
            words = "another one has this name; rename one of them, or extract them to folders of their own"
            outcomes.append(VideoOutcome(f"{video.name} (number {seen[video.name]} of this name)", failed=words))
        elif os.path.isabs(video.name) or ".." in video.name.split("/"):
            words = "its name leads out of the folder of features; rename it"
            outcomes.append(VideoOutcome(os.path.basename(video.name), failed=words))
        elif any(len(os.fsencode(part)) > LONGEST_NAME for part in video.name.split("/")):
            outcomes.append(
                VideoOutcome(video.name, failed=f"its name is longer than {LONGEST_NAME} bytes; shorten it")
            )
        elif video.name.encode("utf-8", "replace").decode() != video.name:
            outcomes.append(VideoOutcome(ascii(video.name), failed="its name is not UTF-8; rename it"))
        elif isinstance(video, Film) and not os.path.isfile(video.path):
            words = (
                "no file that can be read (a broken link, a pipe, a folder that may not be read); mend or remove it"
            )
            outcomes.append(VideoOutcome(video.name, failed=words))
        else:
            by_name[video.name] = video
    return list(by_name.values()), outcomes
