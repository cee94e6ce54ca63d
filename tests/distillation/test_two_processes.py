"""Two processes take the step of one process with the double batch, whole or sharded (gloo, CPU)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from datasets import Image
from safetensors.torch import load_file

TRUNK = {
    "patch_size": 16,
    "hidden_size": 24,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}
SCRIPT = """
import os
import signal
import sys
from pathlib import Path
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, DistributedType, PartialState
from accelerate.utils import FullyShardedDataParallelPlugin
from zen_hf.distillation import processes
from zen_hf.distillation.trainer import Distillation
from zen_hf.recipes.distill import distill

recipe, die_in_step, sharded = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "sharded"

if die_in_step >= 0:  # the second process dies in this step, as if it had been killed
    step = Distillation.step

    def dying_step(self, number, *arguments):
        if number == die_in_step and self.accelerator.process_index == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(self, number, *arguments)

    Distillation.step = dying_step

class ShardingAccelerator(Accelerator):
    # Accelerate turns FSDP2 into DDP where there is no GPU, although torch can shard there; this turns it back
    def __init__(self, **arguments):
        plugin = FullyShardedDataParallelPlugin(fsdp_version=2, auto_wrap_policy="transformer_based_wrap")
        super().__init__(cpu=True, fsdp_plugin=plugin, **arguments)
        for state in (AcceleratorState._shared_state, PartialState._shared_state):
            state["distributed_type"] = DistributedType.FSDP
        AcceleratorState._shared_state["fsdp_plugin"] = plugin

if sharded:
    processes.Accelerator = ShardingAccelerator
folder = distill(recipe, resume=True)
if torch.distributed.is_initialized():
    (folder.parent / f"rank{torch.distributed.get_rank()}").write_text(str(torch.distributed.get_world_size()))
"""


def start(
    tmp_path: Path, config: dict, processes: int, die_in_step: int = -1, sharded: bool = False
) -> subprocess.CompletedProcess:
    """Runs a recipe in a number of processes; in one of them not beyond a step."""
    name = Path(config["output"]).name
    recipe, script = tmp_path / f"{name}.yaml", tmp_path / "train.py"
    recipe.write_text(yaml.safe_dump(config))
    script.write_text(SCRIPT)
    launch = [sys.executable]
    if processes > 1:
        launch += ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    command = [*launch, str(script), str(recipe), str(die_in_step), "sharded" if sharded else "whole"]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def finish(tmp_path: Path, config: dict, processes: int = 2, sharded: bool = False) -> dict[str, torch.Tensor]:
    """Runs a recipe to its end, and returns the exported weights."""
    done = start(tmp_path, config, processes, sharded=sharded)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[:6000]
    return load_file(Path(config["output"]) / "model" / "model.safetensors")


def logged(config: dict) -> list[dict]:
    """The lines of a run's log."""
    return list(map(json.loads, (Path(config["output"]) / "log.jsonl").read_text().splitlines()))


def values(config: dict, key: str) -> dict[int, float]:
    """A logged value by step; after a resume the later line counts."""
    return {line["step"]: line[key] for line in logged(config) if key in line}


def recipe(tmp_path: Path, name: str, frames_folder, teachers, batch_size: int, **changes) -> dict:
    training = {"steps": 2, "batch_size": batch_size, "workers": 0, "precision": "no", "log_every": 1}
    return {
        "output": str(tmp_path / name),
        "frames": [{"path": str(frames_folder)}],
        "teachers": [{"name": key, "source": str(source)} for key, source in teachers.items()],
        "student": {"config": TRUNK, "adaptor_size": 16},
        "standardisation": {"patches": "channel", "summary": "channel", "views": 8},
        "views": {"image_size": 32, "fixed": 2},
        "training": training,
    } | changes


def run(tmp_path: Path, name: str, frames_folder, teachers, batch_size: int, processes: int, **changes) -> list[dict]:
    """Two steps, and the lines of their log."""
    config = recipe(tmp_path, name, frames_folder, teachers, batch_size, **changes)
    finish(tmp_path, config, processes)
    return [line for line in logged(config) if "lr" in line]


FRESH = {
    "views": {"image_size": 32},
    "balancing": {"method": "adaloss"},
    "training": {
        "steps": 5,
        "batch_size": 2,
        "workers": 1,
        "precision": "no",
        "log_every": 1,
        "checkpoint_every": 2,
        "ema_decay": 0.9,
    },
}


@pytest.fixture(scope="session")
def stream_folder(tmp_path_factory, frames):
    """The frames as two Parquet files with row groups of one frame."""
    folder = tmp_path_factory.mktemp("stream")
    for name, rows in (("a", range(8)), ("b", range(8, 12))):
        part = frames.select(rows).select_columns(["image", "video_id"]).cast_column("image", Image())
        part.to_parquet(folder / f"{name}.parquet", batch_size=1)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("stream", [False, True], ids=["frames", "stream"])
def test_a_killed_process_costs_no_bit_of_the_result(
    tmp_path, frames_folder, stream_folder, vit_teacher, cnn_teacher, stream
):
    """Fresh views from workers, adaptive balancing and averaged weights all go on where they were."""
    teachers = {"vit": vit_teacher, "cnn": cnn_teacher}
    changes = dict(FRESH)
    if stream:
        changes["frames"] = [{"path": str(stream_folder), "streaming": True}]
        changes["training"] = FRESH["training"] | {"workers": 2}
    whole, torn = (recipe(tmp_path, name, frames_folder, teachers, 2, **changes) for name in ("whole", "torn"))
    expected = finish(tmp_path, whole)
    assert start(tmp_path, torn, 2, die_in_step=3).returncode != 0
    assert not (tmp_path / "torn" / "model").exists()
    resumed = finish(tmp_path, torn)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in resumed.items())


@pytest.mark.slow
def test_shards_compute_what_whole_students_compute(tmp_path, frames_folder, vit_teacher, cnn_teacher):
    """FSDP2, killed and resumed, equals DDP: steps, averaged weights, readings of the untrained and the trained."""
    teachers = {"vit": vit_teacher, "cnn": cnn_teacher}
    changes = FRESH | {"training": FRESH["training"] | {"accumulate": 2, "workers": 0}}
    changes |= {"hold_out": ["C"], "monitor": {"every": 5, "frames": 8}}
    whole, shards = (recipe(tmp_path, name, frames_folder, teachers, 2, **changes) for name in ("whole", "shards"))
    expected = finish(tmp_path, whole)
    assert start(tmp_path, shards, 2, die_in_step=3, sharded=True).returncode != 0
    resumed = finish(tmp_path, shards, sharded=True)
    for key in ("loss", "gradient_norm"):
        assert values(shards, key) == pytest.approx(values(whole, key), rel=1e-4)
    for key in ("rank_me/untrained", "vit/ridge_patch_fvu@32"):
        assert values(shards, key) == pytest.approx(values(whole, key), rel=1e-3)
    for name, tensor in expected.items():
        torch.testing.assert_close(resumed[name], tensor, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_two_processes_equal_one_with_the_double_batch(tmp_path, frames_folder, vit_teacher, cnn_teacher):
    teachers = {"vit": vit_teacher, "cnn": cnn_teacher}
    one = run(tmp_path, "one", frames_folder, teachers, batch_size=4, processes=1)
    two = run(tmp_path, "two", frames_folder, teachers, batch_size=2, processes=2)
    half = run(tmp_path, "half", frames_folder, teachers, batch_size=2, processes=1)
    assert [(tmp_path / "two" / f"rank{rank}").read_text() for rank in (0, 1)] == ["2", "2"]  # it really was two
    # the gradient of the first step, taken at the same weights: Adam would turn rounding into full steps later
    assert two[0]["gradient_norm"] == pytest.approx(one[0]["gradient_norm"], rel=1e-4)
    assert half[0]["gradient_norm"] != pytest.approx(one[0]["gradient_norm"], rel=1e-2)
    # the learning rate at step n does not depend on the number of processes
    assert [line["lr"] for line in two] == [line["lr"] for line in one]


@pytest.mark.slow
def test_two_processes_balance_as_one(tmp_path, frames_folder, vit_teacher, cnn_teacher):
    teachers = {"vit": vit_teacher, "cnn": cnn_teacher}
    one = run(tmp_path, "one", frames_folder, teachers, 4, 1, balancing={"method": "dropping"})
    two = run(tmp_path, "two", frames_folder, teachers, 2, 2, balancing={"method": "dropping"})
    assert two[0]["gradient_norm"] == pytest.approx(one[0]["gradient_norm"], rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("adaptor", ["transformer", "ladder"])
def test_two_processes_sample_the_same_teachers(tmp_path, frames_folder, vit_teacher, cnn_teacher, adaptor):
    """Adaptors of teachers that were not drawn would stall processes that wait for their gradients."""
    teachers = {"vit": vit_teacher, "cnn": cnn_teacher}
    student = {"config": TRUNK, "adaptor_size": 16, "adaptor": adaptor}
    lines = run(tmp_path, "two", frames_folder, teachers, 2, 2, balancing={"method": "sampling"}, student=student)
    assert len(lines) == 2
