"""What cannot be spread over processes is refused by name; a checkpoint goes on in as many processes as wrote it."""

import json
from importlib.resources import files
from types import SimpleNamespace

import pytest
import torch
import yaml
from accelerate import Accelerator
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.utils import DistributedType, FullyShardedDataParallelPlugin

from zen_hf.distillation.checkpoints import load_latest_checkpoint, save_checkpoint
from zen_hf.distillation.optimisation import OptimizerSpec
from zen_hf.distillation.processes import build_accelerator, prepare_sharding, whole_student
from zen_hf.distillation.student import StudentSpec
from zen_hf.distillation.training_spec import TrainingSpec


def sharding(version=2, **changes):
    """What the loop asks of an accelerator, with a plugin as `accelerate launch` makes it."""
    plugin = FullyShardedDataParallelPlugin(
        fsdp_version=version, auto_wrap_policy="transformer_based_wrap", **({"reshard_after_forward": True} | changes)
    )
    return SimpleNamespace(distributed_type=DistributedType.FSDP, state=SimpleNamespace(fsdp_plugin=plugin))


@pytest.mark.parametrize(
    ("accelerator", "optimizer", "student", "named"),
    [
        ({}, {"name": "muon"}, {}, "optimizer.name is muon"),
        ({}, {}, {"whiten_patches": True}, "student.whiten_patches"),
        ({}, {}, {"pretrained": "zen"}, "student.pretrained"),
        ({"cpu_ram_efficient_loading": True}, {}, {}, "fsdp_cpu_ram_efficient_loading"),
        ({"activation_checkpointing": True}, {}, {}, "training.checkpoint_activations"),
        ({"cpu_offload": True}, {}, {}, "fsdp_offload_params"),
        ({"version": 1, "reshard_after_forward": "FULL_SHARD"}, {}, {}, "fsdp_version is 1"),
    ],
)
def test_what_shards_would_get_wrong_is_refused(monkeypatch, accelerator, optimizer, student, named):
    monkeypatch.setenv("FSDP_CPU_RAM_EFFICIENT_LOADING", "false")  # which the plugin sets
    with pytest.raises(ValueError, match=named):
        prepare_sharding(sharding(**accelerator), OptimizerSpec(**optimizer), StudentSpec(**student))


def test_other_schemes_are_refused():
    with pytest.raises(ValueError, match="DEEPSPEED; expected DDP or FSDP2"):
        prepare_sharding(SimpleNamespace(distributed_type=DistributedType.DEEPSPEED), OptimizerSpec(), StudentSpec())


def test_processes_that_do_not_see_each_other_are_refused(tmp_path, monkeypatch):
    """On a machine without GPUs, `torchrun` alone would start two runs in one folder."""
    assert build_accelerator(TrainingSpec(precision="no"), tmp_path).num_processes == 1
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="2 processes were started, and each would run alone"):
        build_accelerator(TrainingSpec(precision="no"), tmp_path)


def test_shards_that_become_whole_students_are_refused(monkeypatch):
    """Accelerate does so without a word where there is no GPU."""
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    accelerator = SimpleNamespace(distributed_type=DistributedType.MULTI_CPU, num_processes=2)
    with pytest.raises(ValueError, match="FSDP was asked for, and accelerate made it MULTI_CPU"):
        prepare_sharding(accelerator, OptimizerSpec(), StudentSpec())


def test_shipped_launch_configurations_are_accepted():
    folder = files("zen_hf") / "recipes" / "launch"
    for name in ("ddp.yaml", "fsdp2.yaml"):
        load_config_from_file(str(folder / name))  # refuses unknown keys
    settings = yaml.safe_load((folder / "fsdp2.yaml").read_text())["fsdp_config"]
    assert settings["fsdp_version"] == 2 and not settings["fsdp_cpu_ram_efficient_loading"]
    assert yaml.safe_load((folder / "ddp.yaml").read_text())["distributed_type"] == "MULTI_GPU"
    accelerator = sharding()
    prepare_sharding(accelerator, OptimizerSpec(), StudentSpec())
    plugin = accelerator.state.fsdp_plugin
    assert plugin.transformer_cls_names_to_wrap == [settings["fsdp_transformer_layer_cls_to_wrap"]]


def test_a_student_in_one_process_is_itself():
    accelerator, student = Accelerator(cpu=True), torch.nn.Linear(2, 2)
    assert whole_student(accelerator, accelerator.prepare(student)) is student


@pytest.mark.parametrize("change", [{"processes": 2}, {"sharded": True}])
def test_a_checkpoint_of_other_processes_is_refused(tmp_path, change):
    accelerator = Accelerator(cpu=True)
    accelerator.prepare(torch.nn.Linear(2, 2))
    save_checkpoint(accelerator, tmp_path, 3, keep=1, data="frames")
    assert load_latest_checkpoint(accelerator, tmp_path, "frames") == 3
    path = tmp_path / "checkpoints" / "step-0000003" / "step.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match="step-0000003 was written by .* processes by .*, and this run has 1"):
        load_latest_checkpoint(accelerator, tmp_path, "frames")
