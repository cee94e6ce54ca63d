# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""`zen-hf miniature` and `zen-hf doctor` as a user runs them."""

import pytest

from zen_hf.recipes.doctor import doctor
from zen_hf.recipes.miniature import miniature


def test_miniature_then_doctor(tmp_path, capsys):
    written = miniature("endoscapes_cvs", tmp_path / "mini", seconds=6)
    assert written == {str(tmp_path / "mini"): ["1", "2", "3", "121", "162", "163"]}
    assert "6 synthetic videos in the layout of Endoscapes-CVS201" in capsys.readouterr().out
    found = doctor("endoscapes_cvs", tmp_path / "mini")
    assert not [finding for finding in found if finding.severity == "error"]
    assert "endoscapes_cvs: 0 errors, 0 warnings; fit for use." in capsys.readouterr().out
    (tmp_path / "mini" / "train" / "1_125.jpg").unlink()
    assert [finding for finding in doctor("endoscapes_cvs", tmp_path / "mini") if finding.severity == "error"]
    assert "mend the errors first" in capsys.readouterr().out
    with pytest.raises(FileExistsError, match="is not empty"):
        miniature("endoscapes_cvs", tmp_path / "mini")


def test_unknown_names(tmp_path):
    with pytest.raises(ValueError, match="unknown task 'endoscape_cvs'"):
        doctor("endoscape_cvs", tmp_path)
    with pytest.raises(ValueError, match="has no split"):
        doctor("endoscapes_cvs", tmp_path, split="ours")
