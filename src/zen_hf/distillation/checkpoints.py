# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of a run: whole or absent, the last one found by itself, the old ones removed."""

import errno
import json
import shutil
from pathlib import Path

from accelerate import Accelerator

from zen_hf.atomic_files import flush_to_disk


def save_checkpoint(accelerator: Accelerator, run: Path, step: int, keep: int, data: str) -> None:
    """Writes `run/checkpoints/step-XXXXXXX` with all that a run goes on from, and keeps the newest `keep`.

    Weights, optimisers, averages, the balancer's state, the random states of every process, the resolved
    configuration and the teachers' statistics; where the data stands follows from the step. The folder gets its name
    when all processes have written and the disk has it: what bears the name is whole.

    Args:
        accelerator: Holds the prepared model and optimisers.
        run: Folder of the run.
        step: Steps done.
        keep: Checkpoints to keep.
        data: Fingerprint of frames and teachers.

    Raises:
        OSError: The disk is full; older checkpoints are untouched and what was written is removed.
    """
    path = run / "checkpoints" / f"step-{step:07d}"
    spread = {"processes": accelerator.num_processes, "sharded": accelerator.is_fsdp2}
    temporary = path.with_name(f".tmp-{path.name}")
    accelerator.wait_for_everyone()
    if path.exists():
        return
    accelerator.wait_for_everyone()  # all have looked before one of them writes
    try:
        temporary.mkdir(parents=True, exist_ok=True)
        accelerator.save_state(str(temporary))
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            for name in ("config.yaml", "calibration.safetensors"):
                if (run / name).exists():
                    shutil.copy2(run / name, temporary / name)
            (temporary / "step.json").write_text(json.dumps({"step": step, "data": data} | spread))
            flush_to_disk(temporary)
            temporary.rename(path)
            remove(sorted(path.parent.glob("step-*"))[:-keep])
    except BaseException as error:
        free = shutil.disk_usage(run).free  # before what was written goes: torch says "unexpected pos" of a full disk
        shutil.rmtree(temporary, ignore_errors=True)
        if free < 2**20 and isinstance(error, (OSError, RuntimeError)):
            text = (
                f"no space left on the disk for the checkpoint of step {step}; the older ones are whole: free space, "
                "then go on with --resume"
            )
            raise OSError(errno.ENOSPC, text, str(path)) from error
        raise
    accelerator.wait_for_everyone()


def remove(folders: list[Path]) -> None:
    """Removes checkpoints; one that is removed halfway does not look whole."""
    for folder in folders:
        hidden = folder.with_name(f".tmp-{folder.name}")
        folder.rename(hidden)
        shutil.rmtree(hidden, ignore_errors=True)  # what a network disk holds back goes at the next start


def load_latest_checkpoint(accelerator: Accelerator, run: Path, data: str) -> int:
    """Loads the newest whole checkpoint, and removes what a killed process left half written.

    Args:
        accelerator: Holds the prepared model and optimisers.
        run: Folder of the run.
        data: Fingerprint of frames and teachers.

    Returns:
        Steps done; 0 if there is no checkpoint yet.

    Raises:
        ValueError: The checkpoint is of another number of processes, other frames or teachers, or was sharded and the
            run is not.
    """
    folder = run / "checkpoints"
    if accelerator.is_main_process:
        for torn in folder.glob(".tmp-*"):
            shutil.rmtree(torn, ignore_errors=True)
    accelerator.wait_for_everyone()
    whole = sorted(path for path in folder.glob("step-*") if (path / "step.json").exists())
    if not whole:
        return 0
    written = json.loads((whole[-1] / "step.json").read_text())
    was, now = (written["processes"], written["sharded"]), (accelerator.num_processes, accelerator.is_fsdp2)
    if was != now:
        (before, after) = (
            f"{processes} processes by {'FSDP2' if sharded else 'DDP'}" for processes, sharded in (was, now)
        )
        raise ValueError(
            f"{whole[-1]} was written by {before}, and this run has {after}: batches, their order and every process's "
            "random state would not go on where they were; start it as it was, or choose another output folder"
        )
    if written["data"] != data:
        raise ValueError(
            f"{whole[-1]} was written with other frames or other weights of a teacher than there are now: batches would not "
            "go on where they were; restore them, or choose another output folder"
        )
    accelerator.load_state(str(whole[-1]))
    return written["step"]
