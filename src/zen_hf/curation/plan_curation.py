# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What a curation will take, by decoding and encoding a part of some of its videos."""

import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zen_hf.data.video_sampling import Video, VideoError
from zen_hf.engines.plan import Plan, StageCost

from .candidate_encoder import EncoderSettings
from .chunk import VideoTask
from .decode_video import DecodeSettings, VideoDecoding, looks_of
from .encode_chunk import ChunkEncoder
from .inputs.video_input import VideoInput
from .judging.near_duplicates import seconds_across

SAMPLED_VIDEOS = 3
SAMPLED_SECONDS = 300.0  # of each


@dataclass(frozen=True)
class MeasuredSample:
    """What a sample took.

    Attributes:
        hours: Hours of video that were gone through.
        bytes_per_hour: Length of the sampled videos' files per hour.
        longest_hours: Length of the longest sampled video.
        decode_s: Seconds to decode one hour of video, what is done once per video included.
        encode_s: Seconds to encode and write the frames of one hour.
        startup_s: Seconds to load the encoder.
        kept_bytes: Bytes written per hour of video.
        kept: Frames kept per hour of video.
        encode_cores: Processor cores that encoding kept busy.
        numbers: Of an embedding; 0 without an encoder.
    """

    hours: float
    bytes_per_hour: float
    longest_hours: float
    decode_s: float
    encode_s: float
    startup_s: float
    kept_bytes: float
    kept: float
    encode_cores: int
    numbers: int

    def plan(
        self, input_bytes: int, workers: int, gpus: int, nodes: int, hours: float | None, shard_bytes: float
    ) -> Plan:
        """What more video takes.

        Args:
            input_bytes: Length of all files.
            workers: Processes that decode, on each machine.
            gpus: GPUs on each machine.
            nodes: Number of machines.
            hours: Hours of video; None to estimate them from the length of the files.
            shard_bytes: Size of a shard.
        """
        hours = hours if hours is not None else input_bytes / self.bytes_per_hour
        return Plan(
            video_hours=hours,
            sample_hours=self.hours,
            stages=[
                StageCost("decode", self.decode_s, workers),
                StageCost("encode", self.encode_s, max(1, gpus), self.startup_s, self.encode_cores),
            ],
            bytes_per_hour=self.kept_bytes,
            items_per_hour=self.kept,
            shard_bytes=int(shard_bytes),
            nodes=nodes,
            longest_hours=self.longest_hours,
            cores=os.cpu_count(),
            finish_s=seconds_across(self.kept * hours, self.numbers) if self.numbers else 0.0,
        )


def measure_sample(
    videos: Sequence[VideoInput],
    sizes: Sequence[int],
    settings: DecodeSettings,
    encoder: EncoderSettings,
    place: Path,
    gpu: bool = False,
) -> MeasuredSample:
    """Goes through the first minutes of some videos, evenly drawn by the size of their files.

    Args:
        videos: All videos.
        sizes: Length of the file of each, in bytes.
        settings: Which frames leave a video.
        encoder: What looks at them.
        place: Folder in which the frames of the sample stand for a moment, for their owner alone.
        gpu: Whether the encoder will run on a GPU, as it then does here.

    Raises:
        ValueError: If none of the sample can be read.
    """
    order = sorted(range(len(videos)), key=lambda number: (sizes[number], videos[number].path))
    places = sorted({round((index + 0.5) * len(order) / SAMPLED_VIDEOS - 0.5) for index in range(SAMPLED_VIDEOS)})
    chosen = [order[place] for place in places if 0 <= place < len(order)]
    with tempfile.TemporaryDirectory(prefix=".zen-plan-", dir=place if place.is_dir() else None) as folder:
        started = time.perf_counter()
        encode = ChunkEncoder(Path(folder), encoder, gpu)
        startup = time.perf_counter() - started
        size = None if encode.candidates is None else encode.candidates.image_size
        decoding = VideoDecoding(settings, size, SAMPLED_SECONDS)
        whole = part = looking = decoded = encoded = 0.0
        longest = kept = 0
        read_bytes = 0
        for number in chosen:
            task = VideoTask(videos[number], f"sample-{number}", "", "", "", "")
            try:
                with Video(task.video.open(), task.video.name) as video:
                    started = time.perf_counter()
                    looks_of(video, settings)
                    once, length = time.perf_counter() - started, video.shown_s
            except VideoError:
                continue
            started, other = time.perf_counter(), 0.0
            for chunk in decoding.chunks(task):
                handed_over = time.perf_counter()
                kept += sum(written.kept for written in encode(chunk))
                other += time.perf_counter() - handed_over
            decoded += time.perf_counter() - started - other - once
            encoded += other
            looking += once
            whole += length / 3600
            part += min(length, SAMPLED_SECONDS) / 3600
            longest = max(longest, length / 3600)
            read_bytes += sizes[number]
        written_bytes = sum(file.stat().st_size for file in Path(folder).rglob("kept-*.parquet"))
    if not part:
        raise ValueError(f"none of {len(chosen)} sampled videos can be read; there is nothing to plan from")
    return MeasuredSample(
        hours=part,
        bytes_per_hour=read_bytes / whole,
        longest_hours=longest,
        decode_s=looking / whole + max(decoded, 0.0) / part,
        encode_s=encoded / part,
        startup_s=startup,
        kept_bytes=written_bytes / part,
        kept=kept / part,
        numbers=0 if encode.candidates is None else encode.candidates.encoder.summary_size,
        encode_cores=1 if gpu or encoder.model is None else encoder.threads,
    )
