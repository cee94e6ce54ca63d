# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The end of a run: a folder that AutoModel loads, whose adaptors speak in their teachers' spaces."""

import copy
import json
from pathlib import Path

from zen_hf.atomic_files import atomic_folder
from zen_hf.distillation.calibration import Calibration
from zen_hf.modeling.image_processor_zen import zen_image_processor
from zen_hf.modeling.modeling_zen_distillation import ZenForDistillation


def export(
    student: ZenForDistillation,
    calibrations: dict[str, Calibration],
    folder: Path,
    training_data: dict | None = None,
) -> None:
    """Writes trunk, adaptors and image processor; `AutoModel.from_pretrained(folder)` loads the trunk.

    Adaptors of teachers of clips stay behind: what is exported is a model of frames. Without another adaptor, the folder
    holds a plain `ZenModel`.

    Args:
        student: Trained trunk and adaptors. Not changed.
        calibrations: Statistics whose inverse is folded into the adaptors.
        folder: Written as a whole or not at all.
        training_data: What the student was trained on, ready for JSON; becomes `training_data.json`, from which the
            benchmark knows whether the student saw its test patients.

    Raises:
        FileExistsError: If the folder exists.
    """
    student = copy.deepcopy(student).to("cpu").float().eval()
    config = student.config
    kept = [adaptor for adaptor in config.adaptors if adaptor.get("kind") != "temporal"]
    for adaptor in config.adaptors:
        if adaptor not in kept:
            del student.adaptors[adaptor["name"]]
    config.adaptors = kept or None
    for name, adaptor in student.adaptors.items():
        summary, patches = adaptor.last_layers
        calibrations[name].summary.fold_into(*summary)
        calibrations[name].patches.fold_into(*patches)
    with atomic_folder(folder) as temporary:
        (student if kept else student.model).save_pretrained(temporary)
        zen_image_processor(config).save_pretrained(temporary)
        if training_data is not None:
            (temporary / "training_data.json").write_text(json.dumps(training_data, indent=1) + "\n")
