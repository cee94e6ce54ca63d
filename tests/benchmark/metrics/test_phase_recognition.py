# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Phase scores against scikit-learn, cases worked by hand, the published relaxed scores, and what must not change them."""

import functools
import json
from pathlib import Path

import evaluate
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, jaccard_score, precision_score, recall_score

import zen_hf.benchmark.metrics as metrics
from zen_hf.benchmark.metrics.phase_recognition.legacy_relaxed import legacy_relaxed_scores
from zen_hf.benchmark.metrics.phase_recognition.phase_recognition import (
    PhaseRecognition,
    score_names,
    score_of_weights,
    video_statistics,
)
from zen_hf.benchmark.metrics.phase_recognition.segments import edit_score, segment_counts, segment_f1

SKLEARN = {"f1": f1_score, "jaccard": jaccard_score, "precision": precision_score, "recall": recall_score}
CLASSES = 7
SEGMENTAL = ("edit", "segment", "sqrt")


def compute(predicted, truth, groups, **options):
    metric = PhaseRecognition(keep_in_memory=True)
    return metric.compute(predictions=predicted, references=truth, groups=groups, **options)


@pytest.fixture
def frames():
    """Three videos in which some phases are absent, absent but predicted, or present and never predicted."""
    random = np.random.default_rng(0)
    groups = np.array(["b"] * 40 + ["a"] * 25 + ["c"] * 60)
    truth = random.integers(0, 5, 125)
    truth[groups == "a"] %= 3
    predicted = np.where(random.random(125) < 0.5, truth, random.integers(0, 6, 125))
    predicted[(groups == "b") & (predicted == 2)] = 4
    return predicted, truth, groups


def expected_scores(truth, predicted, measure, strategy):
    """Per class by scikit-learn, then the undefined ones as in Funke et al.: [classes], NaN where undefined."""
    values = SKLEARN[measure](truth, predicted, labels=range(CLASSES), average=None, zero_division=0).astype(float)
    for index in range(CLASSES):
        absent, unpredicted = index not in truth, index not in predicted
        if absent and (strategy == "b" or measure == "recall"):
            values[index] = np.nan
        elif absent and unpredicted:
            values[index] = 1 if strategy == "c" else np.nan
        elif unpredicted and measure == "precision":
            values[index] = np.nan
    return values


def test_equals_scikit_learn(frames):
    predicted, truth, groups = frames
    result = compute(*frames, num_classes=CLASSES)
    of_video = [(truth[groups == video], predicted[groups == video]) for video in "abc"]
    accuracies = [accuracy_score(*pair) for pair in of_video]
    assert result["accuracy_video_mean"] == pytest.approx(np.mean(accuracies), abs=1e-12)
    assert result["accuracy_video_std"] == pytest.approx(np.std(accuracies, ddof=1), abs=1e-12)
    assert result["accuracy_frame"] == pytest.approx(accuracy_score(truth, predicted), abs=1e-12)
    for measure in SKLEARN:
        for strategy in "abc":
            table = np.array([expected_scores(*pair, measure, strategy) for pair in of_video])
            name = f"{measure}_{strategy}"
            by_video = np.nanmean(table, axis=1)
            held = table[:, ~np.isnan(table).all(axis=0)]
            assert result[f"{name}_video_mean"] == pytest.approx(by_video.mean(), abs=1e-12)
            assert result[f"{name}_video_std"] == pytest.approx(by_video.std(ddof=1), abs=1e-12)
            assert result[f"{name}_class_mean"] == pytest.approx(np.nanmean(held, axis=0).mean(), abs=1e-12)
            assert [v[name] for v in result["per_video"].values()] == pytest.approx(by_video.tolist(), abs=1e-12)
            known = [value for value in result["per_class"][name] if value is not None]
            assert known == pytest.approx(np.nanmean(held, axis=0).tolist(), abs=1e-12)
        pooled = np.nanmean(expected_scores(truth, predicted, measure, "b"))
        assert result[f"{measure}_frame"] == pytest.approx(pooled, abs=1e-12)
    p, r = result["precision_b_video_mean"], result["recall_b_video_mean"]
    assert result["legacy_f1_of_means_b"] == pytest.approx(2 * p * r / (p + r), abs=1e-12)


def test_worked_by_hand():
    # Long video: 3 of 4 right; phase 0 has F1 2*1/(1+2) = 2/3, phase 1 2*2/(3+2) = 4/5. Short video: wrong.
    result = compute([0, 1, 1, 1, 2], [0, 0, 1, 1, 0], ["long"] * 4 + ["short"], num_classes=4)
    assert result["accuracy_video_mean"] == pytest.approx((3 / 4 + 0) / 2)
    assert result["f1_b_video_mean"] == pytest.approx(((2 / 3 + 4 / 5) / 2 + 0) / 2)
    assert result["f1_a_video_mean"] == pytest.approx(((2 / 3 + 4 / 5) / 2 + 0) / 2)  # two zeros in the short one
    assert result["f1_c_video_mean"] == pytest.approx(((2 / 3 + 4 / 5 + 1 + 1) / 4 + (0 + 1 + 0 + 1) / 4) / 2)
    assert result["per_video"]["short"]["confusion"][0] == [0, 0, 1, 0]
    assert result["per_video"]["short"]["precision_b"] is None  # phase 0, the only one, was never predicted


def test_one_spurious_frame_of_an_absent_phase():
    """What the strategies differ in: a costs a third of the score for one frame of a hundred, b next to nothing."""
    truth = np.array([0] * 50 + [1] * 50)
    spurious = truth.copy()
    spurious[10] = 6
    result = compute(spurious, truth, ["a"] * 100, num_classes=CLASSES)
    assert result["f1_b_video_mean"] > 0.99
    assert result["f1_a_video_mean"] == pytest.approx(2 / 3 * result["f1_b_video_mean"])
    assert result["f1_c_video_mean"] == pytest.approx((2 * result["f1_b_video_mean"] + 4) / 7)


def test_perfect_predictions_score_one_with_absent_phases(frames):
    _, truth, groups = frames
    result = compute(truth, truth, groups, num_classes=CLASSES)
    names = [name for name in score_names() if name != "legacy_f1_of_means_b"]
    assert {result[name] for name in names} == {1.0}
    assert result["legacy_f1_of_means_b"] == pytest.approx(1)


def test_labels_shifted_by_one_frame_score_less():
    truth = np.repeat([0, 1, 2, 1], 10)
    result = compute(np.roll(truth, 1), truth, ["a"] * 40)
    assert result["accuracy_video_mean"] == pytest.approx(36 / 40)
    assert result["edit_video_mean"] == pytest.approx(1 - 1 / 5)


def levenshtein(first, second):
    @functools.cache
    def distance(i, j):
        if i == 0 or j == 0:
            return i + j
        change = distance(i - 1, j - 1) + (first[i - 1] != second[j - 1])
        return min(distance(i - 1, j) + 1, distance(i, j - 1) + 1, change)

    return distance(len(first), len(second))


def collapsed(labels):
    return [label for index, label in enumerate(labels) if index == 0 or labels[index - 1] != label]


def test_edit_score_is_the_textbook_distance():
    random = np.random.default_rng(0)
    for _ in range(30):
        truth, predicted = (np.repeat(random.integers(0, 4, 9), random.integers(1, 4, 9)) for _ in range(2))
        length = min(len(truth), len(predicted))
        truth, predicted = truth[:length], predicted[:length]
        one, other = collapsed(truth.tolist()), collapsed(predicted.tolist())
        expected = 1 - levenshtein(tuple(one), tuple(other)) / max(len(one), len(other))
        assert edit_score(truth, predicted) == pytest.approx(expected, abs=1e-12)


def test_segments_worked_by_hand():
    truth = np.repeat([0, 1, 2], [10, 10, 10])
    # Phase 0: 8 of 10 frames. Phase 1: cut in two by a flicker, 4 and 5 of 12 and 10. Phase 2: whole.
    predicted = np.repeat([0, 1, 2, 1, 2], [8, 6, 1, 5, 10])
    # IoU: 8/10; first part of 1: frames 8-13 against 10-19, 4/12; flicker of 2: none; second part of 1: 5/10; 2: 10/10.
    assert segment_counts(truth, predicted, 0.5) == (3, 2, 0)
    assert segment_counts(truth, predicted, 0.25) == (3, 2, 0)  # both parts of 1 match, the second is a false one
    assert segment_counts(truth, predicted, 0.75) == (2, 3, 1)
    assert segment_f1(np.array([3, 2, 0])) == pytest.approx(2 * 3 / (2 * 3 + 2))
    result = compute([*predicted, 5], [*truth, 4], ["a"] * 30 + ["b"])
    assert result["segment_f1_50_video_mean"] == pytest.approx((6 / 8 + 0) / 2)
    assert result["segment_f1_50_pooled"] == pytest.approx(2 * 3 / (2 * 3 + 3 + 1))
    assert result["edit_video_mean"] == pytest.approx((1 - 2 / 5 + 0) / 2)
    # SAR-RARP50: 27 of 30 frames are right, F1@10 is 6/8; the other video has nothing right.
    assert result["sqrt_accuracy_segment_f1_10_video_mean"] == pytest.approx(((0.9 * 0.75) ** 0.5 + 0) / 2)
    assert result["sqrt_of_means_accuracy_segment_f1_10"] == pytest.approx((0.9 / 2 * 0.75 / 2) ** 0.5)


def test_order_of_frames_and_batches_and_numbers_of_classes(frames):
    predicted, truth, groups = frames
    reference = compute(*frames, num_classes=CLASSES)
    order = np.random.default_rng(1).permutation(len(groups))
    shuffled = compute(predicted[order], truth[order], groups[order], num_classes=CLASSES)
    free = [name for name in score_names() if not name.startswith(SEGMENTAL)]  # of the order within a video
    assert [shuffled[name] for name in free] == [reference[name] for name in free]

    videos = np.concatenate([np.flatnonzero(groups == video) for video in "cab"])
    assert compute(predicted[videos], truth[videos], groups[videos], num_classes=CLASSES) == reference

    renumbered = np.array([3, 5, 0, 1, 4, 6, 2])
    relabelled = compute(renumbered[predicted], renumbered[truth], groups, num_classes=CLASSES)
    assert [relabelled[n] for n in score_names()] == pytest.approx([reference[n] for n in score_names()], abs=1e-12)

    batched = PhaseRecognition(keep_in_memory=True)
    for start in range(0, len(groups), 30):
        part = slice(start, start + 30)
        batched.add_batch(predictions=predicted[part], references=truth[part], groups=groups[part])
    assert batched.compute(num_classes=CLASSES) == reference
    json.dumps(reference)


def test_without_the_number_of_classes_strategy_c_is_left_out(frames):
    with_number, without = compute(*frames, num_classes=CLASSES), compute(*frames)
    assert "f1_c_video_mean" not in without and "f1_c" not in without["per_class"]
    for name in score_names(strategy_c=False):
        assert without[name] == pytest.approx(with_number[name], abs=1e-12)


@pytest.mark.parametrize("name", score_names(legacy_relaxed=True))
def test_weights_count_a_video_that_often(frames, name):
    """A weight of two is the video taken twice under two names; a weight of zero is the video left out."""
    predicted, truth, groups = frames
    score = score_of_weights(name, video_statistics(*frames, CLASSES, legacy_relaxed_window=3))
    rows = np.concatenate([np.flatnonzero(groups == video) for video in "aac"])
    named = ["first"] * 25 + ["again"] * 25 + ["c"] * 60
    drawn = compute(predicted[rows], truth[rows], named, num_classes=CLASSES, legacy_relaxed_window=3)
    assert score(np.array([[2.0, 0, 1]]))[0] == pytest.approx(drawn[name], abs=1e-12)


@pytest.mark.parametrize(
    ("predicted", "truth", "groups", "options", "message"),
    [
        ([0, 7], [0, 1], ["a", "a"], {"num_classes": 7}, "1 class indices lie outside 0 to 6 \\(first: 7\\)"),
        ([0, 1], [0, -1], ["a", "a"], {}, "1 class indices lie outside"),
        ([0, 1], [0, 1], ["a", "a"], {"num_classes": 5, "legacy_relaxed_window": 10}, "5 classes: the relaxed scores"),
        ([0], [0], ["a"], {"num_classes": 7, "legacy_relaxed_window": 10}, "1 frames in a video"),
    ],
)
def test_bad_input(predicted, truth, groups, options, message):
    with pytest.raises(ValueError, match=message):
        compute(predicted, truth, groups, **options)


def test_unknown_score(frames):
    with pytest.raises(ValueError, match="unknown score 'f1'; expected one of accuracy_video_mean"):
        score_of_weights("f1", compute(*frames)["per_video"])
    with pytest.raises(ValueError, match="results with \\[6, 7\\] classes cannot be joined"):
        both = (compute(*frames, num_classes=classes)["per_video"] for classes in (6, 7))
        score_of_weights("f1_frame", *both)


def test_relaxed_scores_worked_by_hand():
    """Two frames are forgiven on either side; the first row is lost; the end of a segment forgives its start instead."""
    truth = np.repeat([0, 1, 3], [7, 6, 6])
    late = np.repeat([0, 1, 3], [9, 6, 4])  # phase 1 begins two frames late: forgiven; phase 3 is predicted 1: not
    assert legacy_relaxed_scores(truth, late, 7, 2)["accuracy"] == pytest.approx(16 / 18)
    early = np.repeat([0, 1, 3], [5, 8, 6])  # phase 1 begins two frames early
    assert legacy_relaxed_scores(truth, early, 7, 2, as_published=False)["accuracy"] == 1
    published = legacy_relaxed_scores(truth, early, 7, 2)
    assert published["accuracy"] == pytest.approx(16 / 18)  # the two early frames are not forgiven
    # A truth of phase 1 hit by 6 frames, predicted in 8: without relaxation 6/8.
    assert published["jaccard"][1] == pytest.approx(6 / 8) and np.isnan(published["jaccard"][2])
    # Forgiven, hits are counted over the union: 8 hits, 8 predicted, 6 true: recall 8/6, cut to 1.
    mended = legacy_relaxed_scores(truth, early, 7, 2, as_published=False)
    assert mended["jaccard"][1] == mended["precision"][1] == mended["recall"][1] == 1


@pytest.mark.parametrize(
    ("classes", "phase", "shift", "at_end", "forgiven"),
    [
        (7, 2, 1, True, True),
        (7, 2, 2, True, False),
        (7, 3, 2, True, True),
        (8, 3, 2, True, False),
        (8, 4, 2, True, True),
        (7, 4, -1, False, True),
        (7, 4, -2, False, False),
        (7, 5, -2, False, True),
        (8, 5, -2, False, False),
        (7, 5, -2, True, False),
    ],
)
def test_which_neighbours_are_forgiven(classes, phase, shift, at_end, forgiven):
    truth = np.full(9, phase)
    predicted = truth.copy()
    predicted[-2:] += shift if at_end else 0
    predicted[:2] += 0 if at_end else shift
    accuracy = legacy_relaxed_scores(truth, predicted, classes, 2, as_published=False)["accuracy"]
    assert accuracy == pytest.approx(1 if forgiven else 7 / 9)


@pytest.fixture(scope="session")
def cholec80(shared_data):
    folder = shared_data / "cholec80-phase-sequences"

    def read(kind, video):
        return np.loadtxt(folder / kind / f"{video}-phase.txt", dtype=int)[:, 1]

    reference = json.loads((folder / "relaxed_reference.json").read_text())
    return reference, {v: (read("ground_truth", v), read("prediction", v)) for v in reference}


@pytest.mark.real
def test_relaxed_scores_equal_the_official_script(cholec80):
    reference, videos = cholec80
    assert len(reference) == 30
    for video, expected in reference.items():
        scores = legacy_relaxed_scores(*videos[video], 7, 10)
        assert 100 * scores["accuracy"] == pytest.approx(expected["accuracy"], abs=1e-6)
        for measure in ("jaccard", "precision", "recall"):
            found, wanted = (np.array(s[measure], float) for s in (scores, expected))
            np.testing.assert_allclose(100 * found, wanted, atol=1e-6, rtol=0)


@pytest.mark.real
def test_real_sequences(cholec80):
    reference, videos = cholec80
    truth, predicted = (np.concatenate([pair[index] for pair in videos.values()]) for index in (0, 1))
    groups = np.repeat(list(videos), [len(pair[0]) for pair in videos.values()])
    result = compute(predicted, truth, groups, num_classes=7, legacy_relaxed_window=10)
    means = np.nanmean([np.array(video["jaccard"], float) for video in reference.values()], axis=0)
    assert 100 * result["legacy_relaxed_jaccard_class_mean"] == pytest.approx(means.mean(), abs=1e-6)
    mended = [legacy_relaxed_scores(*pair, 7, 10, as_published=False)["accuracy"] for pair in videos.values()]
    assert np.mean(mended) >= result["legacy_relaxed_accuracy_video_mean"] > result["accuracy_video_mean"]
    print("\n30 Cholec80 videos, predictions of a published model:")  # pytest -s
    for name in score_names(legacy_relaxed=True):
        print(f"  {name:40} {result[name]:.4f}")
    print(f"  {'relaxed accuracy with the slips mended':40} {np.mean(mended):.4f}")


def test_loads_by_path(frames):
    loaded = evaluate.load(str(Path(metrics.__file__).parent / "phase_recognition"), keep_in_memory=True)
    predicted, truth, groups = frames
    result = loaded.compute(predictions=predicted, references=truth, groups=groups, num_classes=CLASSES)
    assert result == compute(*frames, num_classes=CLASSES)
