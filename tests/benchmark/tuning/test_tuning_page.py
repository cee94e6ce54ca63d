# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The code of docs/tuning.md runs as it stands, on a miniature and a tiny ZEN."""

import re
import shutil
from pathlib import Path

import numpy as np
import torch

from zen_hf.benchmark.feature_cache import frame_to_pixels, undecoded
from zen_hf.benchmark.miniatures.write import write_miniature
from zen_hf.benchmark.task import load_task

PAGE = Path(__file__).resolve().parents[3] / "docs" / "tuning.md"


def test_the_page_runs(checkpoints, tmp_path, monkeypatch):
    write_miniature(
        load_task("cholect50_tool"), tmp_path / "data/cholect50", train=3, val=1, test=1, seconds=8, size=32
    )
    shutil.copytree(checkpoints["zen"], tmp_path / "zen")
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(block, names)
    tuned, frames = names["tuned"], names["exam"].frames.select(names["rows"])
    pixels = torch.stack([frame_to_pixels(row, 224) for row in undecoded(frames)])
    with torch.no_grad():
        logits = names["merged"].eval()(pixel_values=tuned.encoder.normalise(pixels)).logits
    expected = np.concatenate([tuned.logits(frames)[target.name] for target in tuned.targets], axis=1)
    np.testing.assert_allclose(logits.numpy(), expected, atol=1e-5)
