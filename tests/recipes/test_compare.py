# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""`zen-hf compare`: what is printed, what is written, what is warned of."""

import json

import pytest
from result_folders import write_result

from zen_hf.recipes.compare import compare


@pytest.fixture
def suites(tmp_path):
    for skill, name in ((3.0, "a"), (1.5, "b"), (0.3, "c")):
        for task in ("cholec80_phase", "m2cai16_phase"):
            flag = "seen_unlabelled" if name == "b" and task == "cholec80_phase" else "clean"
            folder = tmp_path / name / task / "frozen"
            write_result(folder, task, model=f"model [{name}]", skill=skill, videos=8, leakage=flag)
            write_result(folder / "baselines" / "random_trunk", task, model="random", skill=0.1, videos=8)
    return [tmp_path / name for name in "abc"]


def test_table_files_and_ranks(suites, tmp_path, capsys):
    content = compare(suites, out=tmp_path / "out", with_baselines=True, resamples=300)
    printed = capsys.readouterr().out
    assert "model [a] (first) against model [b] (second)" in printed and "random_trunk (baseline)" in printed
    assert "model [a] is better" in printed and "seen_unlabelled" in printed
    assert "frozen: mean rank over 2 tasks: model [a] 1.00" in " ".join(printed.split())
    assert "cholec80_phase, frozen: leakage of model [b]: seen_unlabelled" in " ".join(printed.split())
    assert json.loads((tmp_path / "out" / "comparison.json").read_text()) == json.loads(json.dumps(content))
    assert content["format"] == "zen-hf comparison 1" and len(content["rows"]) == 3 * 2
    page = (tmp_path / "out" / "comparison.md").read_text()
    assert page.count("## model [a] (first) against") == 3 and "<br>seen_unlabelled |" in page
    table = [line for line in page.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in table} == {7}
    with pytest.raises(FileExistsError, match="exists already"):
        compare(suites, out=tmp_path / "out")


def test_few_videos_and_missing_tasks_are_said(tmp_path, capsys):
    a, b = (write_result(tmp_path / name / "tool", "cholec80_tool", model=name, videos=5) for name in "ab")
    write_result(tmp_path / "a" / "phase", model="a")
    content = compare([a.parent, b.parent], resamples=100)
    printed = " ".join(capsys.readouterr().out.split())
    assert "5 test videos: fewer than 8" in printed and "a alone, not b: cholec80_phase frozen" in printed
    assert content["rankings"] == {} and len(content["rows"]) == 1


def test_nothing_to_compare_with(tmp_path):
    with pytest.raises(ValueError, match="alone has nothing to be compared with"):
        compare([write_result(tmp_path / "a")], with_baselines=True)


def test_regret_is_against_the_best_of_the_others(suites, capsys):
    """The weakest encoder first: on each task it loses what the first of the others is ahead, by the rows' own numbers."""
    content = compare([suites[2], *suites[:2]], resamples=100)
    for regret in content["regrets"]:
        ahead = [
            row["found"]["second"] - row["found"]["first"] for row in content["rows"] if row["task"] == regret["task"]
        ]
        assert len(ahead) == 2 and regret["value"] == max(ahead) > 0
        assert regret["best"] == "model [a]"
    assert f"regret of model [c] {content['regrets'][0]['value']:+.3f}" in " ".join(capsys.readouterr().out.split())
