# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The vote of patches against itself written out, in pieces and whole."""

import pytest
import torch

from zen_hf.benchmark.dense import neighbours
from zen_hf.benchmark.dense.neighbours import NEIGHBOURS, TEMPERATURE, PatchMemory

CPU = torch.device("cpu")


@pytest.fixture
def memory():
    """Patches of unit length, their answers, and which of them are known."""
    random = torch.Generator().manual_seed(0)
    patches = torch.nn.functional.normalize(torch.randn(200, 8, generator=random), dim=1)
    known = torch.rand(200, 3, generator=random) < 0.5
    known[:, 2] = False  # a channel that nobody annotated
    return patches, torch.rand(200, 3, generator=random), known


def written_out(patches, answers, query):
    similarities, order = (patches @ query).sort(descending=True)
    weights = torch.exp(similarities[:NEIGHBOURS] / TEMPERATURE)
    return (weights[:, None] * answers[order[:NEIGHBOURS]]).sum(dim=0) / weights.sum()


@pytest.mark.parametrize("kind", ["segmentation", "partial"])
def test_a_vote_in_pieces_is_the_vote(memory, kind, monkeypatch):
    patches, answers, known = memory
    known = known if kind == "partial" else torch.ones_like(known)
    maps = torch.randn(2, 8, 3, 5, generator=torch.Generator().manual_seed(1))
    voters = PatchMemory(kind, patches, answers, known, CPU)
    whole = voters.vote(maps)
    assert whole.shape == (2, 3, 3, 5) and voters.count == 200
    monkeypatch.setattr(neighbours, "SIMILARITIES", 1000)  # five queries at a time, or ten
    torch.testing.assert_close(voters.vote(maps), whole)
    query = torch.nn.functional.normalize(maps[1, :, 2, 3], dim=0)
    for column in range(3):
        asked = known[:, column]
        if not asked.any():
            assert not whole[:, column].any()
            continue
        expected = written_out(patches[asked], answers[asked, column : column + 1], query)
        torch.testing.assert_close(whole[1, column, 2, 3], expected[0])
