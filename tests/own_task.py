# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The task over patients of one's own that `docs/add-a-task.md` shows, laid beside those that ship."""

import json
import re
from pathlib import Path

import pytest

import zen_hf.benchmark.known_patients as known_patients_module
import zen_hf.benchmark.miniatures.write as write_module
import zen_hf.benchmark.task as task_module
from zen_hf.benchmark import tasks
from zen_hf.benchmark.split import load_split, split_hash
from zen_hf.benchmark.task import Task, load_task

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "add-a-task.md"


def add_hospital_phase(folder: Path, patch: pytest.MonkeyPatch) -> Task:
    """The task `hospital_phase`, whose patients are hospital:case01 to hospital:case12, with four to be tested on."""
    shown = DOCUMENT.read_text()
    split = json.loads(re.search(r"```json\n(.*?)```", shown, re.DOTALL).group(1))
    (folder / f"{split['name']}.json").write_text(json.dumps(split | {"sha256": split_hash(split)}))
    code = re.search(r"```python\n(.*?)```", shown, re.DOTALL).group(1)
    (folder / "hospital_phase.py").write_text(code.replace("from ..", "from zen_hf.benchmark."))
    patch.setattr(tasks, "__path__", [*tasks.__path__, str(folder)])

    def load(name: str):
        return load_split(name, folder if name == split["name"] else None)

    for module in (task_module, write_module, known_patients_module):
        patch.setattr(module, "load_split", load)
    return load_task("hospital_phase")
