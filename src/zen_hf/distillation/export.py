# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The end of a run: a folder that AutoModel loads, whose adaptors speak in their teachers' spaces."""

import copy
from pathlib import Path

from zen_hf.distillation.calibration import Calibration
from zen_hf.modeling.image_processor_zen import zen_image_processor
from zen_hf.modeling.modeling_zen_distillation import ZenForDistillation
from zen_hf.run_directory import atomic_folder


def export(student: ZenForDistillation, calibrations: dict[str, Calibration], folder: Path) -> None:
    """Writes trunk, adaptors and image processor; `AutoModel.from_pretrained(folder)` loads the trunk.

    Args:
        student: Trained trunk and adaptors. Not changed.
        calibrations: Statistics whose inverse is folded into the adaptors.
        folder: Written as a whole or not at all.

    Raises:
        FileExistsError: If the folder exists.
    """
    student = copy.deepcopy(student).to("cpu").float().eval()
    for name, adaptor in student.adaptors.items():
        calibrations[name].summary.fold_into(adaptor.summary.down_proj)
        calibrations[name].patches.fold_into(adaptor.patches.down_proj)
    with atomic_folder(folder) as temporary:
        student.save_pretrained(temporary)
        zen_image_processor(student.config).save_pretrained(temporary)
