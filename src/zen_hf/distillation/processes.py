# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""How a run is spread over processes: one; one per GPU, each with the whole student; or with a shard of it (FSDP2)."""

import copy
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType, InitProcessGroupKwargs
from torch.distributed.fsdp import CPUOffloadPolicy
from torch.distributed.tensor import DTensor

from zen_hf.distillation.optimisation import OptimizerSpec
from zen_hf.distillation.student import StudentSpec
from zen_hf.distillation.trackers import require_trackers
from zen_hf.distillation.training_spec import TrainingSpec, mixed_precision
from zen_hf.modeling.modeling_zen_distillation import ZenForDistillation

# The main process reads monitors and exports alone while the others wait; torch would give up after 10 minutes. A
# process that dies is noticed at once by torchrun, not by this.
PATIENCE = timedelta(hours=3)


def build_accelerator(training: TrainingSpec, folder: Path) -> Accelerator:
    """Joins the processes that `torchrun` or `accelerate launch` started.

    Precision is the recipe's, whatever `accelerate launch` was told.

    Args:
        training: The recipe's precision and trackers.
        folder: Where trackers write.

    Raises:
        ValueError: A tracker that does not exist, or whose package is not installed; or processes that were started
            together and would each run alone.
    """
    require_trackers(training.trackers)
    accelerator = Accelerator(
        mixed_precision=mixed_precision(training.precision),
        log_with=training.trackers or None,
        project_dir=str(folder),
        kwargs_handlers=[InitProcessGroupKwargs(timeout=PATIENCE)],
    )
    started = int(os.environ.get("WORLD_SIZE", 1))
    if started != accelerator.num_processes:
        raise ValueError(
            f"{started} processes were started, and each would run alone, as torch sees no GPU here: check the driver "
            "(python -c 'import torch; print(torch.cuda.is_available())'), or set ACCELERATE_USE_CPU=true"
        )
    return accelerator


def prepare_sharding(accelerator: Accelerator, optimizer: OptimizerSpec, student: StudentSpec) -> None:
    """Refuses what cannot be spread in the way that was asked for, and sets FSDP2 to compute what DDP computes.

    Raises:
        ValueError: DeepSpeed or another scheme that the loop does not know, or a setting that FSDP2 would get wrong.
    """
    kind = accelerator.distributed_type
    if kind in (DistributedType.DEEPSPEED, DistributedType.MEGATRON_LM, DistributedType.XLA):
        raise ValueError(f"accelerate was set to {kind.value}; expected DDP or FSDP2 (see docs/scaling.md)")
    if kind != DistributedType.FSDP:
        if accelerator.num_processes > 1 and os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true":
            raise ValueError(
                f"FSDP was asked for, and accelerate made it {kind.value}: it shards on GPUs alone; use DDP"
            )
        return
    plugin = accelerator.state.fsdp_plugin
    refused = [
        (plugin.fsdp_version != 2, f"fsdp_version is {plugin.fsdp_version}; set it to 2"),
        (
            plugin.cpu_ram_efficient_loading,
            "fsdp_cpu_ram_efficient_loading is true, which would leave the teachers of all processes but the first "
            "without weights; set it to false",
        ),
        (
            isinstance(plugin.cpu_offload, CPUOffloadPolicy),
            "fsdp_offload_params is true, which is not supported; set it to false",
        ),
        (
            plugin.activation_checkpointing,
            "fsdp_activation_checkpointing is true; set training.checkpoint_activations of the recipe instead",
        ),
        (
            optimizer.name == "muon",
            "optimizer.name is muon, which orthogonalises whole matrices, and every process has only some of their "
            "rows; set it to adamw, or use DDP",
        ),
        (
            student.whiten_patches,
            "student.whiten_patches is true, and every process has only some rows of the patch embedding; set it to "
            "false, or use DDP",
        ),
        (
            student.pretrained,
            "student.pretrained has its adaptors rewritten before the first step, of which every process has only "
            "some rows; use DDP",
        ),
    ]
    for applies, reason in refused:
        if applies:
            raise ValueError(f"FSDP: {reason} (docs/scaling.md)")
    # by Accelerate's default it shards embeddings within embeddings, which torch refuses
    plugin.transformer_cls_names_to_wrap = ["ZenLayer"]
    # parameters and gradients travel in float32 and the forward pass computes under autocast, both as in DDP
    plugin.mixed_precision_policy = None


def spread(accelerator: Accelerator, views: int) -> dict[str, Any]:
    """How the run is spread, for the log.

    Args:
        accelerator: Device, precision and processes.
        views: Views that a process sees in one step.
    """
    return {
        "processes": accelerator.num_processes,
        "device": str(accelerator.device.type),
        "precision": {"no": "float32"}.get(accelerator.mixed_precision, accelerator.mixed_precision),
        "sharded": accelerator.is_fsdp2,
        "views_per_step": views * accelerator.num_processes,
    }


def whole_tensor(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor that may lie in shards, whole; every process has to ask for it."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def whole_student(accelerator: Accelerator, student: torch.nn.Module) -> ZenForDistillation | None:
    """The student as one module; every process has to ask for it.

    Returns:
        The student itself, or in FSDP2 a copy in the main process and None in the others.
    """
    if not accelerator.is_fsdp2:
        return accelerator.unwrap_model(student)
    weights = accelerator.get_state_dict(student)
    if not accelerator.is_main_process:
        return None
    with torch.random.fork_rng(devices=[]):  # or its random weights would shift what is drawn in training
        whole = ZenForDistillation(copy.deepcopy(student.config))
    whole.load_state_dict(weights)
    return whole.to(accelerator.device)
