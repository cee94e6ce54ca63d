# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The whole report of a folder of results."""

import json

import pytest
from result_folders import write_result

from zen_hf.recipes.results_report import results_report


def test_files_of_a_report(tmp_path):
    write_result(tmp_path / "suite" / "a", model="org/zen", videos=3)
    write_result(tmp_path / "suite" / "b", "cholec80_tool", model="org/zen", videos=3, split="a split (miniature)")
    for _ in range(2):  # again over its own files
        page = results_report([tmp_path / "suite"], tmp_path / "out")
    found = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert found == [
        "hub/org--zen/.eval_results/cholec80_phase_frozen_a--split.yaml",
        "hub/org--zen/model-index.yaml",
        "index.html",
        "report.md",
    ]
    assert page == tmp_path / "out" / "index.html"
    assert "cholec80_tool" not in (tmp_path / "out" / "hub" / "org--zen" / "model-index.yaml").read_text()


def test_miniatures_alone_make_no_metadata(tmp_path, capsys):
    write_result(tmp_path / "a", videos=3, split="a split (miniature)")
    results_report([tmp_path / "a"], tmp_path / "out")
    assert not (tmp_path / "out" / "hub").exists()
    assert "no model-index" in capsys.readouterr().out


def test_an_unknown_format_is_named_with_its_file(tmp_path):
    folder = write_result(tmp_path / "a", videos=3)
    summary = json.loads((folder / "summary.json").read_text())
    (folder / "summary.json").write_text(json.dumps(summary | {"format": "zen-hf result 9"}))
    with pytest.raises(ValueError, match=r"a/summary.json: format is 'zen-hf result 9'"):
        results_report([folder], tmp_path / "out")
    assert not (tmp_path / "out").exists()
