# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Frames reach the batches as often as the recipe's mixture says."""

from itertools import islice

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from curation.dataset.part_builder import build_parts

from zen_hf.curation.dataset.assemble import AssemblySettings, assemble
from zen_hf.curation.dataset.sampling_weights import WeightSettings
from zen_hf.curation.dataset.shards import ShardSettings
from zen_hf.data.frame_sources import FrameSource, load_frames
from zen_hf.data.mixture import MixtureSpec
from zen_hf.data.views import ViewSpec
from zen_hf.distillation.feed import Feed


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    root = tmp_path_factory.mktemp("feed")
    settings = AssemblySettings(
        shards=ShardSettings(world=1, workers=2, row_group_rows=10), weights=WeightSettings(clusters=3, video_cap=0)
    )
    assemble(root / "frames", build_parts(root / "parts"), settings)
    return root / "frames"


@pytest.mark.parametrize("streaming, workers", [(False, 0), (True, 0), (True, 2)])
def test_clusters_are_seen_by_the_root_of_their_size(dataset, streaming, workers):
    source = FrameSource(path=str(dataset), procedure_column="procedure", streaming=streaming)
    frames, _ = load_frames([source], extra=("cluster", "cluster_weight"))
    mixture, normalisation = MixtureSpec(weight_column="cluster_weight"), (torch.zeros(1), torch.ones(1))
    settings = {"batch_size": 32, "workers": workers, "teacher_chunk": 0, "max_shift": 0}
    accelerator = Accelerator(cpu=True)
    feed = Feed(
        frames,
        ViewSpec(),
        mixture,
        [],
        {32: (2, 2)},
        normalisation,
        accelerator,
        replaceable=frozenset(),
        seed=0,
        **settings,
    )
    drawn = [index.frame for batch in islice(iter(feed.indices(0)), 300) for index in batch]
    clusters = np.array(frames["cluster"][:])
    seen = np.bincount(clusters[drawn]) / len(drawn)
    root = np.sqrt(np.bincount(clusters))
    # two readers of a stream share few row groups here, so that their weights differ by up to a fifth
    assert seen == pytest.approx(root / root.sum(), rel=0.03 if workers < 2 else 0.2)
    assert seen[clusters.max()] > 0 and np.abs(seen - np.bincount(clusters) / len(clusters)).max() > 0.1  # not by size
