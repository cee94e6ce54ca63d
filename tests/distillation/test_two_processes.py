"""Two processes take the step of one process with the double batch (gloo, CPU)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
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
from zen_hf.distillation.trainer import Distillation
from zen_hf.recipes.distill import distill

if len(sys.argv) > 2:  # the second process dies in this step, as if it had been killed
    step = Distillation.step

    def dying_step(self, number, *arguments):
        if number == int(sys.argv[2]) and self.accelerator.process_index == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(self, number, *arguments)

    Distillation.step = dying_step
folder = distill(Path(sys.argv[1]), resume=True)
if torch.distributed.is_initialized():
    (folder.parent / f"rank{torch.distributed.get_rank()}").write_text(str(torch.distributed.get_world_size()))
"""


def start(tmp_path: Path, config: dict, processes: int, die_in_step: int | None = None) -> subprocess.CompletedProcess:
    """Runs a recipe in a number of processes; in one of them not beyond a step."""
    name = Path(config["output"]).name
    recipe, script = tmp_path / f"{name}.yaml", tmp_path / "train.py"
    recipe.write_text(yaml.safe_dump(config))
    script.write_text(SCRIPT)
    launch = [sys.executable]
    if processes > 1:
        launch += ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    command = [*launch, str(script), str(recipe), *([] if die_in_step is None else [str(die_in_step)])]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


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


def run(
    tmp_path: Path, name: str, frames_folder, teachers, batch_size: int, processes: int, balancing: str = "equal"
) -> list[dict]:
    """Two steps, and the lines of their log."""
    changes = {"balancing": {"method": balancing}}
    done = start(tmp_path, recipe(tmp_path, name, frames_folder, teachers, batch_size, **changes), processes)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[:6000]
    lines = (tmp_path / name / "log.jsonl").read_text().splitlines()
    return [line for line in map(json.loads, lines) if "lr" in line]


@pytest.mark.slow
def test_a_killed_process_costs_no_bit_of_the_result(tmp_path, frames_folder, vit_teacher, cnn_teacher):
    """Fresh views from workers, adaptive balancing and averaged weights all go on where they were."""
    teachers = {"vit": vit_teacher, "cnn": cnn_teacher}
    changes = {
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
    whole, torn = (recipe(tmp_path, name, frames_folder, teachers, 2, **changes) for name in ("whole", "torn"))
    assert start(tmp_path, whole, 2).returncode == 0
    assert start(tmp_path, torn, 2, die_in_step=3).returncode != 0
    assert not (tmp_path / "torn" / "model").exists()
    done = start(tmp_path, torn, 2)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[:6000]
    expected, resumed = (load_file(tmp_path / name / "model" / "model.safetensors") for name in ("whole", "torn"))
    assert all(torch.equal(tensor, expected[name]) for name, tensor in resumed.items())


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
    one = run(tmp_path, "one", frames_folder, teachers, 4, 1, "dropping")
    two = run(tmp_path, "two", frames_folder, teachers, 2, 2, "dropping")
    assert two[0]["gradient_norm"] == pytest.approx(one[0]["gradient_norm"], rel=1e-4)


@pytest.mark.slow
def test_two_processes_sample_the_same_teachers(tmp_path, frames_folder, vit_teacher, cnn_teacher):
    """Adaptors of teachers that were not drawn would stall processes that wait for their gradients."""
    teachers = {"vit": vit_teacher, "cnn": cnn_teacher}
    lines = run(tmp_path, "two", frames_folder, teachers, 2, 2, "sampling")
    assert len(lines) == 2
