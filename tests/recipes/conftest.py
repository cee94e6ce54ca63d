# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A small recipe that distils two tiny teachers in seconds."""

import pytest
import yaml


@pytest.fixture
def recipe(tmp_path, frames_folder, vit_teacher, cnn_teacher):
    config = {
        "output": str(tmp_path / "run"),
        "frames": [{"path": str(frames_folder), "licence": "CC0-1.0"}],
        "hold_out": ["B"],
        "teachers": [
            {"name": "vit", "source": str(vit_teacher), "licence": "Apache-2.0"},
            {"name": "cnn", "source": str(cnn_teacher)},
        ],
        "student": {
            "config": {
                "patch_size": 16,
                "hidden_size": 24,
                "intermediate_size": 48,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
            },
            "adaptor_size": 16,
        },
        "standardisation": {"views": 8},
        "views": {"image_size": 32, "fixed": 2},
        "training": {"steps": 4, "batch_size": 4, "log_every": 2, "workers": 0},
    }
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(config))
    return path
