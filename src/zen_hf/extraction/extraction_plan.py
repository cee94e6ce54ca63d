# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What an extraction will take, by a sample of its videos that is decoded and encoded now."""

import os
import time

import numpy as np
import torch

from zen_hf.engines.plan import Plan, StageCost
from zen_hf.engines.workers import Workers
from zen_hf.modeling.frame_encoder import FrameEncoder

from .feature_settings import FeatureSettings
from .frame_reader import squares_of
from .moments import Film, Pictures, Unreadable

SAMPLE_FRAMES = 64  # of every film of the sample
SAMPLE_VIDEOS = 4


def plan_extraction(
    videos: list[Film | Pictures],
    encoder: FrameEncoder,
    settings: FeatureSettings,
    fps: float,
    workers: Workers,
    hours: float | None = None,
    nodes: int = 1,
) -> Plan:
    """Hours, bytes and files of an extraction.

    Args:
        videos: All videos; up to four, spread over their sizes, are measured, from the first frame on.
        encoder: The encoder, where it will run.
        settings: What is kept.
        fps: Frames per second of film.
        workers: Who will do the work, on every machine.
        hours: Hours of film to plan for; by default those of the videos, estimated by their bytes.
        nodes: Number of machines.

    Raises:
        ValueError: If no video of the sample can be read.
    """
    by_extent = sorted(videos, key=lambda video: (video.extent, video.name))
    places = np.linspace(0, len(by_extent) - 1, min(SAMPLE_VIDEOS, len(by_extent))).round().astype(int)
    size = settings.image_size or encoder.default_image_size
    decoding, frames, sampled_hours, sampled_extent, longest, squares = 0.0, 0, 0.0, 0, 0.0, None
    for place in dict.fromkeys(places):
        video, start = by_extent[place], time.perf_counter()
        try:
            moments = video.open(fps)
        except Unreadable:
            continue
        read = [square for (square, *_), _ in zip(squares_of(moments, size), range(SAMPLE_FRAMES), strict=False)]
        decoding += time.perf_counter() - start
        whole = len(moments) / fps / 3600
        moments.close()
        if read:
            frames, squares = frames + len(read), np.stack(read)
            sampled_hours, sampled_extent, longest = (
                sampled_hours + whole,
                sampled_extent + video.extent,
                max(longest, whole),
            )
    if squares is None:
        raise ValueError(f"none of the sampled videos (of {len(videos)}) can be read; nothing to plan by")
    if not workers.gpus:
        torch.set_num_threads(workers.threads)  # as the run does
    settings.encode(encoder, squares[: settings.batch_size])  # whatever the first pass alone does
    start = time.perf_counter()
    features = settings.encode(encoder, squares)
    encoding = (time.perf_counter() - start) / len(squares)
    per_frame = sum(values.element_size() * values[0].numel() for values in features.values()) + 16
    if hours is None:
        hours = sampled_hours * sum(video.extent for video in videos) / sampled_extent
    per_hour = 3600 * fps
    return Plan(
        video_hours=hours,
        sample_hours=frames / per_hour,
        stages=[
            StageCost("decode", decoding / frames * per_hour, workers.decoders),
            StageCost(
                "encode", encoding * per_hour, max(workers.gpus, 1), cores=1 if workers.gpus else workers.threads
            ),
        ],
        bytes_per_hour=per_frame * per_hour,
        items_per_hour=per_hour,
        nodes=nodes,
        longest_hours=longest,
        cores=os.cpu_count(),
    )
