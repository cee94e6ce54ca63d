# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of a run: whole or absent, the last one found by itself, the old ones removed."""

import json
import shutil
from pathlib import Path

from accelerate import Accelerator

from zen_hf.run_directory import atomic_folder


def save_checkpoint(accelerator: Accelerator, folder: Path, step: int, keep: int) -> None:
    """Writes `folder/step-XXXXXXX` with weights, optimiser and random states, and keeps the newest `keep`.

    Args:
        accelerator: Holds the prepared model and optimiser.
        folder: The run's `checkpoints` folder.
        step: Steps done.
        keep: Checkpoints to keep.
    """
    accelerator.wait_for_everyone()
    path = folder / f"step-{step:07d}"
    if accelerator.num_processes > 1:
        # every process writes its own random state, so the folder is theirs together and renamed when all are done
        temporary = folder / f".tmp-{path.name}"
        if accelerator.is_main_process:
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(parents=True)
        accelerator.wait_for_everyone()
        accelerator.save_state(str(temporary))
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            (temporary / "step.json").write_text(json.dumps({"step": step}))
            temporary.rename(path)
    elif not path.exists():
        with atomic_folder(path) as temporary:
            accelerator.save_state(str(temporary))
            (temporary / "step.json").write_text(json.dumps({"step": step}))
    if accelerator.is_main_process:
        for old in sorted(folder.glob("step-*"))[:-keep]:
            shutil.rmtree(old)
    accelerator.wait_for_everyone()


def load_latest_checkpoint(accelerator: Accelerator, folder: Path) -> int:
    """Loads the newest whole checkpoint.

    Returns:
        Steps done; 0 if there is no checkpoint yet.
    """
    whole = sorted(path for path in folder.glob("step-*") if (path / "step.json").exists())
    if not whole:
        return 0
    accelerator.load_state(str(whole[-1]))
    return json.loads((whole[-1] / "step.json").read_text())["step"]
