# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Encoders are told apart, and baselines stand beside what they belong to."""

import pytest
from result_folders import write_result

from zen_hf.benchmark.report.entries import entries_of
from zen_hf.benchmark.result_files import read_results


def names(paths):
    return [entry.encoder for entry in entries_of(read_results(paths))]


def test_order_and_baselines(results):
    entries = entries_of(read_results([results / "zen", results]))  # some come twice
    assert [(entry.task, entry.protocol, entry.encoder) for entry in entries] == [
        ("cholec80_phase", "frozen", "zen"),
        ("cholec80_phase", "frozen", "other"),
        ("cholec80_phase", "few_shot", "zen"),
        ("cholec80_phase", "few_shot", "other"),
        ("cholec80_tool", "frozen", "zen"),
        ("cholect50_triplet", "frozen", "zen"),
    ]
    assert [sorted(entry.baselines) for entry in entries] == [["random_trunk", "raw_pixels"]] * 2 + [[]] * 4


def test_a_baseline_alone_is_a_result(results):
    assert names([results / "zen" / "cholec80_phase" / "frozen" / "baselines" / "raw_pixels"]) == ["raw pixels"]


def test_encoders_of_one_name(tmp_path, summary_change):
    first, second = write_result(tmp_path / "a", videos=3), write_result(tmp_path / "b", videos=3)
    with pytest.raises(ValueError, match=r"a and .*b both hold zen on cholec80_phase under frozen"):
        names([tmp_path])
    summary_change(second, lambda summary: summary.update(image_size=336))
    assert names([tmp_path]) == ["zen (224 px)", "zen (336 px)"]
    summary_change(first, lambda summary: summary["model"].update(fingerprint="1234567890"))
    assert names([tmp_path]) == ["zen (12345678)", "zen (0)"]


def test_a_size_for_each_task_makes_no_other_encoder(tmp_path, summary_change):
    write_result(tmp_path / "a", videos=3)
    second = write_result(tmp_path / "b", "m2cai16_phase", videos=3)
    summary_change(second, lambda summary: summary.update(image_size=336))
    assert names([tmp_path]) == ["zen", "zen"]


def test_results_on_other_videos_are_not_mixed(tmp_path):
    write_result(tmp_path / "a", videos=3)
    write_result(tmp_path / "b", videos=4)
    first, second = entries_of(read_results([tmp_path]))
    assert first.tested_on != second.tested_on
