# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What the sentences of a report say of readings: an alarm, retention, regret."""

from zen_hf.distillation.report_tables import encoder_table, label_words, resolution_words


def test_a_mode_switch_is_called_an_alarm():
    readings = {
        "a/resolution_ratio@48": 1.0,
        "a/resolution_ratio@96": 2.34,
        "a/resolution_alarms": 1.0,
        "b/resolution_ratio@48": 1.2,
        "b/resolution_ratio@96": 1.0,
        "b/resolution_alarms": 0.0,
    }
    words = resolution_words(readings, ["a", "b"], [48, 96])
    assert "Alarm: a's patch FVU at 96 px is 2.34 times that at 48 px, above 1.5" in words
    assert "b's patch FVU at 48 px is 1.20 times that at 96 px: no alarm" in words
    assert resolution_words(readings, ["a", "b"], [48]) == ""


def test_retention_and_regret_in_words():
    assert label_words({"rank_me/student": 3.0}) == ""
    behind = label_words({"regret/knn": 0.1, "retention/knn": 0.75})
    assert "0.100 behind the best teacher" in behind and "keeps 75% of that teacher's lead" in behind
    ahead = label_words({"regret/linear": -0.02})
    assert "0.020 ahead of the best teacher" in ahead and "no teacher leads the untrained trunk" in ahead


def test_the_best_label_score_is_bold():
    names = ("student", "untrained", "a")
    readings = {f"rank_me/{name}": 9.0 for name in names} | {f"knn/{name}": 0.1 * i for i, name in enumerate(names)}
    table = encoder_table(readings, ["a"])
    assert table.count("class=own") == 1 and "<td class=own>0.200</td>" in table and "linear" not in table
