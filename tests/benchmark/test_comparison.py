# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Comparisons of result folders: the metric computed anew on drawn videos, hand-worked pairing, and every refusal."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from result_folders import write_result

from zen_hf.benchmark.comparison import (
    compare_encoders,
    load_encoders,
    not_compared,
    paired_score,
    rank_all,
    regrets,
    verdict,
)
from zen_hf.benchmark.result_files import read_results
from zen_hf.benchmark.scoring import score_frames
from zen_hf.benchmark.statistics import Comparison, Interval, bootstrap_weights
from zen_hf.benchmark.task import load_task


def pair(tmp_path, task="cholec80_phase", skills=(2.5, 1.0), runs=(2, 2), **settings):
    folders = [
        write_result(tmp_path / name, task, model=name, skill=skill, runs=number, seed=seed + 1, **settings)
        for seed, (name, skill, number) in enumerate(zip("ab", skills, runs, strict=True))
    ]
    return load_encoders(folders)


def drawn(result, target, run, weights):
    """The metric's own score of one run on videos that are drawn so often, each copy under a name of its own."""
    logits, truth = result.logits(target.name, "linear", run), result.truth(target.name)
    copies = [
        (video, f"{video} copy {copy}")
        for video, times in zip(sorted(truth), weights, strict=True)
        for copy in range(int(times))
    ]
    scores = score_frames(target, {new: logits[old] for old, new in copies}, {new: truth[old] for old, new in copies})
    return scores[target.primary]


@pytest.mark.parametrize("task", ["cholec80_phase", "cholec80_tool", "cholect50_triplet"])
def test_every_resample_is_the_metric_on_the_drawn_videos(task, tmp_path):
    """F1 per video, pooled AP and triplet AP per class, three against two runs: computed anew from the logits."""
    one, other = (encoder.results[task, "frozen"] for encoder in pair(tmp_path, task, runs=(3, 2), videos=5))
    target = load_task(task).targets[0]
    score, weights = paired_score(one, other, target.name, "linear"), bootstrap_weights(5, 3, seed=4)
    nothing = np.zeros_like(weights)
    for result, runs, both in (
        (one, 3, np.hstack([weights, nothing])),
        (other, 2, np.hstack([nothing, weights])),
    ):
        expected = [np.mean([drawn(result, target, run, row) for run in range(runs)]) for row in weights]
        np.testing.assert_allclose(score(both), expected, atol=1e-9)


def test_a_video_of_one_encoder_is_swapped_for_the_same_video_of_the_other(tmp_path):
    """Video k of one encoder and all others of the other: the mean of exactly those values per video."""
    one, other = (encoder.results["cholec80_phase", "frozen"] for encoder in pair(tmp_path, videos=4))
    score = paired_score(one, other, "phase", "linear")
    values = np.array(
        [
            [
                [run["scores"]["per_video"][v]["f1_b"] for v in result.test_videos]
                for run in result.runs("phase", "linear")
            ]
            for result in (one, other)
        ]
    ).mean(axis=1)  # [encoder, video]
    for swapped in range(4):
        weights = np.ones((1, 8))
        weights[0, swapped], weights[0, 4:] = 0, np.eye(4)[swapped]
        expected = (values[0].sum() - values[0, swapped] + values[1, swapped]) / 4
        assert score(weights)[0] == pytest.approx(expected, abs=1e-12)


def test_a_clear_difference_and_none(tmp_path):
    better, worse = pair(tmp_path / "far")
    [row] = compare_encoders(better, worse, resamples=500)
    assert (row.task, row.protocol, row.metric, row.head) == ("cholec80_phase", "frozen", "f1_b_video_mean", "linear")
    assert row.found.difference.low > 0 and row.adjusted_p == row.found.p_value < 0.01
    assert row.verdict == f"a is better by {row.found.difference.value:.3f}"
    assert row.found.first == pytest.approx(row.first_seeds.mean) and len(row.first_seeds.values) == 2
    stored = better.results["cholec80_phase", "frozen"].primary["value"]
    assert row.found.first == pytest.approx(stored, abs=1e-12)
    [back] = compare_encoders(worse, better, resamples=500)
    assert back.found.difference.value == pytest.approx(-row.found.difference.value)
    assert back.found.p_value == row.found.p_value and back.verdict == row.verdict
    [row] = compare_encoders(*pair(tmp_path / "near", skills=(1.0, 1.0)), resamples=500)
    least = row.found.minimum_detectable_difference
    assert row.verdict == f"no difference found; would need >= {least:.3f}" and least > 0


def test_p_values_are_adjusted_over_all_tasks_and_protocols_of_a_pair(tmp_path):
    cells = [("cholec80_phase", "frozen"), ("cholec80_phase", "few_shot"), ("m2cai16_phase", "frozen")]
    for seed, name in enumerate("ab"):
        for task, protocol in cells:
            folder = tmp_path / name / task / protocol
            write_result(folder, task, protocol, model=name, skill=2.0 - seed, seed=seed + 1, videos=9, runs=1)
    shutil.rmtree(tmp_path / "b" / "cholec80_phase" / "few_shot")
    one, other = encoders = load_encoders([tmp_path / "a", tmp_path / "b"])
    rows = compare_encoders(one, other, resamples=300)
    assert [(row.task, row.protocol) for row in rows] == [("cholec80_phase", "frozen"), ("m2cai16_phase", "frozen")]
    small, large = sorted(rows, key=lambda row: row.found.p_value)
    assert small.adjusted_p == pytest.approx(2 * small.found.p_value)
    assert large.adjusted_p == pytest.approx(max(large.found.p_value, small.adjusted_p))
    assert not_compared(encoders) == ["a alone, not b: cholec80_phase few_shot"]


def test_the_head_that_counts_or_the_one_asked_for(tmp_path):
    one, other = pair(tmp_path / "two", heads=("linear", "ms_tcn"))
    assert compare_encoders(one, other, resamples=50)[0].head == "linear"
    [row] = compare_encoders(one, other, head="ms_tcn", resamples=50)
    stored = one.results["cholec80_phase", "frozen"].summary["targets"]["phase"]["heads"]["ms_tcn"]["value"]
    assert row.head == "ms_tcn" and row.found.first == pytest.approx(stored)
    with pytest.raises(ValueError, match="no head 'attentive' for target 'phase'; it has linear, ms_tcn"):
        compare_encoders(one, other, head="attentive")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"split": "cholec80_40_40"}, "the split differs: a split in .*, cholec80_40_40 in "),
        ({"split_sha256": "1" * 64}, f"the SHA-256 of the split differs: {'0' * 64} in .*, {'1' * 64} in "),
        ({"fingerprint": "e" * 64}, f"the dataset fingerprint differs: {'f' * 64} in .*, {'e' * 64} in "),
        ({"videos": 9}, "the test videos differs: video49, .*video58 in .*, video49, .*video57 in "),
    ],
)
def test_what_is_not_alike_is_not_compared(changed, message, tmp_path):
    folders = [write_result(tmp_path / "a", model="a"), write_result(tmp_path / "b", model="b", **changed)]
    with pytest.raises(ValueError, match=message):
        compare_encoders(*load_encoders(folders))


def change(folder, how):
    path = folder / "summary.json"
    summary = json.loads(path.read_text())
    how(summary, summary["targets"]["phase"]["heads"])
    path.write_text(json.dumps(summary))


def test_another_way_from_frame_to_pixels_is_not_compared(tmp_path):
    folders = [write_result(tmp_path / name, model=name) for name in "ab"]
    change(folders[1], lambda summary, _: summary.update(frame_to_pixels="another"))
    with pytest.raises(ValueError, match="way from frame to pixels differs: made up in .*a, another in .*b"):
        compare_encoders(*load_encoders(folders))


def test_trunks_trained_with_other_settings_are_not_compared(tmp_path):
    folders = [write_result(tmp_path / name, protocol="lora", model=name, heads=("linear", "ms_tcn")) for name in "ab"]

    def set_epochs(folder, last):
        def how(_, heads):  # the last run of one head alone; the temporal head says nothing of the trunk
            for run in heads["linear"]["runs"]:
                run["chosen"] = [{"settings": {"epochs": 5, "rank": 16}}]
            heads["linear"]["runs"][-1]["chosen"][0]["settings"]["epochs"] = last

        change(folder, how)

    set_epochs(folders[0], 5)
    assert compare_encoders(*load_encoders(folders), resamples=50)  # an untrained baseline has none
    set_epochs(folders[1], 5)
    assert compare_encoders(*load_encoders(folders), resamples=50)
    set_epochs(folders[1], 1)
    with pytest.raises(ValueError, match="settings of training differ: epochs 5 in .*, epochs 1 in"):
        compare_encoders(*load_encoders(folders))


def test_dense_heads_trained_with_other_settings_are_not_compared(tmp_path):
    """The number of steps of a frozen head counts, where its maps were cached does not."""
    folders = [write_result(tmp_path / name, "grasp_insseg", model=name, videos=3, runs=1) for name in "ab"]

    def compared(**changed):
        for folder, settings in zip(
            folders, ({"steps": 100, "cache_bytes": 1}, {"steps": 100, "cache_bytes": 1} | changed), strict=True
        ):
            summary = json.loads((folder / "summary.json").read_text())
            for head in summary["targets"]["instances"]["heads"].values():
                for run in head["runs"]:
                    run["chosen"] = [{"settings": settings}]
            (folder / "summary.json").write_text(json.dumps(summary))
        return compare_encoders(*load_encoders(folders), resamples=100)

    assert compared(cache_bytes=2)
    with pytest.raises(ValueError, match="settings of training differ: steps 100 in .*, steps 300 in"):
        compared(steps=300)


def test_few_shot_runs_on_other_training_videos_are_not_compared(tmp_path):
    heads = ("linear@1", "linear@2")
    folders = [
        write_result(tmp_path / name, protocol="few_shot", model=name, heads=heads, runs=runs)
        for name, runs in (("a", 2), ("b", 3))
    ]

    def set_videos(folder, second):
        def how(_, heads):
            for size, head in enumerate(heads.values(), start=1):
                for number, run in enumerate(head["runs"]):
                    run["run"], run["chosen"] = f"subset {number}", [{"videos": ["x", "y"][:size]}]
            heads["linear@2"]["runs"][1]["chosen"] = [{"videos": second}]

        change(folder, how)

    set_videos(folders[0], ["x", "z"])
    set_videos(folders[1], ["z", "x"])  # in another order; the third subset of b has no counterpart
    assert compare_encoders(*load_encoders(folders), resamples=50)
    set_videos(folders[1], ["x", "w"])
    with pytest.raises(
        ValueError, match=r"training videos of linear@2 subset 1 differ: \[\['x', 'z'\]\] in .*'w', 'x'"
    ):
        compare_encoders(*load_encoders(folders))


def test_other_seeds_and_picture_sizes_are_said(tmp_path):
    folders = [write_result(tmp_path / name, model=name, runs=runs) for name, runs in (("a", 2), ("b", 1))]
    change(folders[1], lambda summary, _: summary.update(image_size=448))
    assert not_compared(load_encoders(folders)) == [
        "cholec80_phase, frozen: different seeds: 0, 1 (a), 0 (b)",
        "cholec80_phase, frozen: different image sizes: 224 px (a), 448 px (b)",
    ]
    assert not_compared(load_encoders(folders[:1]) * 2) == []


def test_other_metrics_or_tasks_are_not_compared(tmp_path):
    one, other = pair(tmp_path)
    result = other.results["cholec80_phase", "frozen"]
    result.summary["primary"]["name"] = "accuracy_video_mean"
    with pytest.raises(
        ValueError, match="primary metric differs: f1_b_video_mean of phase in .*, accuracy_video_mean"
    ):
        compare_encoders(one, other)
    tool = load_encoders([write_result(tmp_path / "tool", "cholec80_tool", model="c")])[0]
    with pytest.raises(ValueError, match="a and c have no task and protocol in common: cholec80_phase frozen against"):
        compare_encoders(one, tool)


def test_encoders_of_folders(tmp_path):
    a = write_result(tmp_path / "runs" / "a", model="zen")
    write_result(a / "baselines" / "raw_pixels", model="raw_pixels", skill=0.2)
    b = write_result(tmp_path / "runs" / "b", model="zen")
    assert [encoder.name for encoder in load_encoders([a, b])] == [str(a), str(b)]  # same model: told apart by folder
    names = [encoder.name for encoder in load_encoders([a], with_baselines=True)]
    assert names == ["zen", "raw_pixels (baseline)"]
    assert [e.name for e in load_encoders([b, a / "baselines" / "raw_pixels"])] == ["zen", "raw_pixels"]
    with pytest.raises(ValueError, match="two results of task cholec80_phase under protocol frozen"):
        load_encoders([tmp_path / "runs"])
    write_result(tmp_path / "runs" / "c", model="other")
    with pytest.raises(ValueError, match=r"holds several encoders \(other, zen\)"):
        load_encoders([tmp_path / "runs"])
    with pytest.raises(ValueError, match="the same folder is given twice"):
        load_encoders([a, a])
    assert read_results([a])[1].baseline == "raw_pixels"


def test_ranks_per_protocol_over_common_tasks(tmp_path):
    for skill, name in ((3.0, "a"), (1.5, "b"), (0.3, "c")):
        for task in ("cholec80_phase", "m2cai16_phase", "cholec80_tool"):
            write_result(tmp_path / name / task, task, model=name, skill=skill, videos=4, runs=1)
        write_result(tmp_path / name / "few", "cholec80_tool", "few_shot", model=name, videos=4, runs=1)
    encoders = load_encoders([tmp_path / name for name in "abc"])
    ranking = rank_all(encoders)["frozen"]
    assert ranking.mean_ranks == {"a": 1, "b": 2, "c": 3} and ranking.tasks == 3
    assert set(rank_all(encoders)) == {"frozen"} and rank_all(encoders[:2]) == {}


def test_verdicts():
    interval = Interval(-0.2, -0.3, -0.1, 0.95, "percentile", 9, 10, 0, 0.05, None)
    found = Comparison(0.5, 0.7, interval, 0.01, True, 0.1, 0.8)
    assert verdict("a", "b", found, 0.01) == "b is better by 0.200"
    assert verdict("a", "b", found, 0.05) == "no difference found; would need >= 0.100"
    alone = Comparison(0.5, 0.7, interval, 1.0, True, None, 0.8)
    assert verdict("a", "b", alone, 1.0) == "no difference found; one test video cannot show any"
    assert verdict("a", "b", found, 0.01, lower_is_better=True) == "a is better by 0.200"


def test_errors_are_better_when_lower(tmp_path):
    """Relative error of depth: a, who errs less, is better, and ranks first."""
    for skill, name in ((9.0, "a"), (1.0, "b"), (0.1, "c")):
        for task in ("hamlyn_depth", "cholec80_tool"):
            write_result(tmp_path / name / task, task, model=name, skill=skill, videos=9, runs=1)
    encoders = load_encoders([tmp_path / name for name in "abc"])
    depth = next(row for row in compare_encoders(*encoders[:2], resamples=300) if row.task == "hamlyn_depth")
    assert depth.lower_is_better and depth.found.first < depth.found.second
    assert depth.verdict == f"a is better by {depth.found.second - depth.found.first:.3f}"
    assert rank_all(encoders)["frozen"].mean_ranks == {"a": 1, "b": 2, "c": 3}


@pytest.mark.parametrize("task", ["cholecseg8k_semseg", "grasp_insseg", "endovis18_vqa"])
def test_dense_predictions_and_answers_are_compared(task, tmp_path):
    """Masks, instances (whose pooled AP is computed from the stored predictions again) and answers, paired by video."""
    one, other = pair(tmp_path, task, skills=(9.0, 0.0), runs=(1, 1), videos=4)
    [row] = compare_encoders(one, other, resamples=50)
    stored = [encoder.results[task, "frozen"].primary["value"] for encoder in (one, other)]
    assert (row.found.first, row.found.second) == pytest.approx(tuple(stored)) and row.found.first > row.found.second


def test_regret_of_errors_is_the_other_way_round():
    def row(second, first_score, second_score, lower):
        found = SimpleNamespace(first=first_score, second=second_score)
        return SimpleNamespace(
            task="t", protocol="frozen", metric="m", second=second, found=found, lower_is_better=lower
        )

    (regret,) = regrets([row("a", 0.2, 0.1, True), row("b", 0.2, 0.3, True)])
    assert (regret.best, regret.value) == ("a", pytest.approx(0.1))
    (regret,) = regrets([row("a", 0.2, 0.1, False), row("b", 0.2, 0.15, False)])
    assert (regret.best, regret.value) == ("b", pytest.approx(-0.05))
