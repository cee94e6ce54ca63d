# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A student and its image-text teacher's text tower as one folder that classifies by text."""

import shutil
from pathlib import Path

from zen_hf.atomic_files import atomic_folder
from zen_hf.modeling.modeling_zen_zero_shot import ZenForZeroShotImageClassification
from zen_hf.modeling.text_tower_zen import load_tokenizer


def export_zero_shot(
    student: str | Path, teacher: str | Path, folder: Path, adaptor: str | None = None, revision: str | None = None
) -> None:
    """Writes what `pipeline("zero-shot-image-classification", model=folder)` needs.

    That is model, image processor and the teacher's tokenizer. `AutoModel` still loads the trunk alone, and what the student
    was trained on (`training_data.json`) goes along.

    Args:
        student: Folder of the distilled model, one of whose teachers had `summary: joint`.
        teacher: That teacher's folder or Hub id.
        folder: Written as a whole or not at all.
        adaptor: Name of that teacher's adaptor; may be left out where there is one of its size.
        revision: Commit, tag or branch of the teacher on the Hub.

    Raises:
        FileExistsError: If the folder exists.
        ValueError: If the teacher lacks a text tower or its tokenizer, or no adaptor leads into its space.

    Example:
        export_zero_shot("run/model", "google/siglip2-base-patch16-224", Path("zen-zero-shot"))
    """
    model = ZenForZeroShotImageClassification.from_distilled(str(student), str(teacher), adaptor, revision)
    tokenizer = load_tokenizer(str(teacher), revision)
    with atomic_folder(Path(folder)) as temporary:
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        processor = Path(student) / "preprocessor_config.json"
        training_data = Path(student) / "training_data.json"
        for file in (processor, training_data):
            if file.is_file():
                shutil.copyfile(file, temporary / file.name)
