"""The weighted vote against scikit-learn and by hand; a frame of the same video never votes."""

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from zen_hf.distillation.monitors import nearest_neighbours
from zen_hf.distillation.monitors.nearest_neighbours import nearest_neighbour_accuracy, nearest_neighbour_votes


def test_hand_worked_vote():
    bank = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 3.0], [-1.0, 0.0]])
    targets = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
    votes = nearest_neighbour_votes(
        bank, targets, ["a", "b", "c", "d"], torch.tensor([[5.0, 0.0]]), ["z"], neighbours=3, temperature=0.5
    )
    first, second, third = np.exp([1 / 0.5, np.sqrt(0.5) / 0.5, 0 / 0.5])  # cosines 1, 0.71 and 0
    expected = np.array([first + second, third + second]) / (first + second + third)
    np.testing.assert_allclose(votes[0], expected, rtol=1e-6)


def test_equals_scikit_learn_when_videos_differ(monkeypatch):
    monkeypatch.setattr(nearest_neighbours, "QUERIES_AT_ONCE", 16)  # several blocks
    random = np.random.default_rng(0)
    bank, queries = random.normal(size=(200, 8)).astype(np.float32), random.normal(size=(50, 8)).astype(np.float32)
    labels = random.integers(0, 4, 200)
    reference = KNeighborsClassifier(20, metric="cosine", weights=lambda distance: np.exp((1 - distance) / 0.07))
    reference.fit(bank, labels)
    votes = nearest_neighbour_votes(
        torch.from_numpy(bank),
        torch.nn.functional.one_hot(torch.from_numpy(labels)),
        [f"bank{number // 10}" for number in range(200)],
        torch.from_numpy(queries),
        ["query"] * 50,
    )
    np.testing.assert_allclose(votes, reference.predict_proba(queries), atol=1e-4)


def test_frames_of_the_same_video_never_vote():
    # Every frame is nearest to those of its own video, whose label is theirs alone.
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(5, 8, generator=generator)
    features = (centres[:, None] + 0.01 * torch.randn(5, 6, 8, generator=generator)).flatten(0, 1)
    videos = torch.arange(5).repeat_interleave(6)
    votes = nearest_neighbour_votes(
        features, torch.nn.functional.one_hot(videos), videos, features, videos.tolist(), neighbours=6
    )
    assert votes[torch.arange(30), videos].tolist() == [0.0] * 30
    assert torch.allclose(votes.sum(1), torch.ones(30))
    # A nearest neighbour search that forgot the videos would be perfect here.
    assert nearest_neighbour_accuracy(features, videos, videos, features, videos, videos, neighbours=6) == 0
    alone = torch.arange(100, 130)
    assert nearest_neighbour_accuracy(features, videos, videos, features, videos, alone, neighbours=6) == 1


def test_the_length_of_a_feature_does_not_matter():
    generator = torch.Generator().manual_seed(0)
    bank, queries = torch.randn(30, 5, generator=generator), torch.randn(4, 5, generator=generator)
    targets = torch.rand(30, 2, generator=generator)
    lengths = torch.rand(30, 1, generator=generator) * 100 + 0.1
    rest = (targets, ["a"] * 30)
    assert torch.allclose(
        nearest_neighbour_votes(bank, *rest, queries, ["b"] * 4),
        nearest_neighbour_votes(bank * lengths, *rest, queries * 7, ["b"] * 4),
        atol=1e-5,
    )


def test_a_long_video_weighs_no_more_than_a_short_one():
    bank = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    queries = torch.tensor([[1.0, 0.0]] * 9 + [[0.0, 1.0]])
    truth = torch.tensor([0] * 9 + [0])  # the short video's only frame is wrong
    accuracy = nearest_neighbour_accuracy(
        bank, torch.tensor([0, 1]), ["a", "b"], queries, truth, ["long"] * 9 + ["short"], neighbours=1
    )
    assert accuracy == 0.5


def test_a_class_that_the_bank_lacks_is_a_miss():
    accuracy = nearest_neighbour_accuracy(
        torch.eye(2), torch.tensor([0, 1]), ["a", "b"], torch.eye(2), torch.tensor([0, 5]), ["c", "c"], neighbours=1
    )
    assert accuracy == 0.5


def test_bad_inputs_are_named():
    bank, targets = torch.eye(3), torch.eye(3)
    with pytest.raises(ValueError, match="query of video 'a' has 1 bank frames of other videos.*neighbours=2"):
        nearest_neighbour_votes(bank, targets, ["a", "a", "b"], bank, ["b", "a", "b"], neighbours=2)
    with pytest.raises(ValueError, match="neighbours is 0, temperature 0.07"):
        nearest_neighbour_votes(bank, targets, ["a", "b", "c"], bank, ["d"] * 3, neighbours=0)
    with pytest.raises(ValueError, match="Average patch tokens over a frame first"):
        nearest_neighbour_votes(bank[None], targets, ["a"], bank, ["d"] * 3)
    with pytest.raises(ValueError, match=r"bank_targets have shape \[3\]"):
        nearest_neighbour_votes(bank, torch.arange(3), ["a", "b", "c"], bank, ["d"] * 3)
    with pytest.raises(ValueError, match="query_labels have shape .* or a negative value; expected 3 class indices"):
        labels = torch.tensor([0, 1, 2])
        nearest_neighbour_accuracy(bank, labels, ["a", "b", "c"], bank, labels - 1, ["d"] * 3, neighbours=1)
