# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What a distillation makes of faults: kills, a full disk, damaged data, a failing teacher.

    python perf/faults.py                 # everything, about 20 minutes on two cores
    python perf/faults.py --kills 5       # fewer kills
    python perf/faults.py --only corrupt  # one fault

Every fault is done to a real run of two processes (torchrun) on a stream of synthetic surgery, and the result compared
with a run that nothing happened to. The table that it prints stands in docs/reliability.md. The full disk is a small
file system in memory, for which Linux wants root; elsewhere that fault is left out, and the table says so.
"""

import argparse
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import datasets
import psutil
import torch
import yaml
from PIL import Image
from rich.console import Console
from rich.table import Table
from safetensors.torch import load_file
from transformers import Dinov2Config, Dinov2Model, ResNetConfig, ResNetModel, ViTImageProcessorPil

from zen_hf.data.synthetic_surgery import SyntheticSurgery

STEPS, CHECKPOINT_EVERY, BATCH = 120, 3, 4
TRUNK = {
    "patch_size": 16,
    "hidden_size": 96,
    "intermediate_size": 384,
    "num_hidden_layers": 4,
    "num_attention_heads": 3,
}
TRAIN = """
import sys
from pathlib import Path
from zen_hf.distillation.teachers import Teacher
from zen_hf.recipes.distill import distill

every = int(sys.argv[2])
if every:  # the first teacher fails in every so many calls
    answer, calls = Teacher.__call__, [0]

    def failing(self, images, grid):
        features = answer(self, images, grid)
        if self.name == "vit":
            calls[0] += 1
            if calls[0] % every == 0:
                features.patches[0, 0] = float("nan")
        return features

    Teacher.__call__ = failing
distill(Path(sys.argv[1]), resume=True)
"""


class Bench:
    """Frames, teachers and recipes in a temporary folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.frames, self.damaged = folder / "frames", folder / "damaged"
        write_frames(self.frames, corrupt=0.0)
        write_frames(self.damaged, corrupt=0.05)
        self.teachers = write_teachers(folder)
        (folder / "train.py").write_text(TRAIN)

    def recipe(self, name: str, frames: Path | None = None, output: Path | None = None, **frame_keys) -> Path:
        """Writes the recipe of a run called `name`."""
        config = {
            "output": str(output or self.folder / name),
            "frames": [{"path": str(frames or self.frames), "streaming": True} | frame_keys],
            "teachers": [{"name": key, "source": str(source)} for key, source in self.teachers.items()],
            "student": {"config": TRUNK, "adaptor_size": 64},
            "standardisation": {"patches": "channel", "summary": "channel", "views": 32},
            "views": {"image_size": 64},
            "balancing": {"method": "adaloss"},
            "training": {
                "steps": STEPS,
                "batch_size": BATCH,
                "workers": 1,
                "precision": "no",
                "log_every": 1,
                "checkpoint_every": CHECKPOINT_EVERY,
                "ema_decay": 0.9,
            },
        }
        path = self.folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(config))
        return path

    def start(self, recipe: Path, nan_every: int = 0) -> subprocess.Popen:
        """Starts a run of two processes in a process group of its own."""
        launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true", "HF_HUB_OFFLINE": "1"}
        log = open(recipe.with_suffix(".log"), "a")
        command = [*launch, str(self.folder / "train.py"), str(recipe), str(nan_every)]
        return subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)

    def finish(self, recipe: Path, nan_every: int = 0) -> tuple[int, str]:
        """Runs to the end; exit code and the run's last words."""
        code = self.start(recipe, nan_every).wait()
        return code, recipe.with_suffix(".log").read_text()


def write_frames(folder: Path, corrupt: float) -> None:
    """Eight Parquet files of synthetic surgery as JPEG, of which a share is cut off in the middle."""
    surgery, choice = SyntheticSurgery(seed=0, size=96, frames_per_video=20), random.Random(0)
    folder.mkdir()
    for video in range(8):
        rows = []
        for frame in surgery.video(video):
            stream = io.BytesIO()
            Image.fromarray(frame.image).save(stream, format="JPEG", quality=90)
            content = stream.getvalue()
            if choice.random() < corrupt:
                content = content[: len(content) // 3]
            rows.append({"image": {"bytes": content, "path": None}, "video_id": f"video{video}"})
        features = datasets.Features({"image": datasets.Image(), "video_id": datasets.Value("string")})
        datasets.Dataset.from_list(rows, features=features).to_parquet(folder / f"{video}.parquet", batch_size=5)


def write_teachers(folder: Path) -> dict[str, Path]:
    """Two untrained teachers; what they know does not matter here."""
    torch.manual_seed(0)
    vit = Dinov2Model(Dinov2Config(hidden_size=64, num_hidden_layers=3, num_attention_heads=2, image_size=56))
    cnn = ResNetModel(ResNetConfig(embedding_size=16, hidden_sizes=[32, 64], depths=[1, 1], layer_type="basic"))
    for name, model in (("vit", vit), ("cnn", cnn)):
        model.save_pretrained(folder / name)
        ViTImageProcessorPil(image_mean=[0.5] * 3, image_std=[0.25] * 3).save_pretrained(folder / name)
    return {"vit": folder / "vit", "cnn": folder / "cnn"}


def log_lines(folder: Path) -> list[dict]:
    """The lines of a run's log."""
    path = folder / "log.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")] if path.exists() else []


def steps_logged(folder: Path) -> int:
    """Lines about steps in a run's log."""
    return sum("step" in line for line in log_lines(folder))


def kill(process: subprocess.Popen) -> None:
    """Kills all processes of a run at once, as a power cut does; each has a process group of its own."""
    everyone = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    for one in everyone:
        one.suspend()  # or the others would notice, and say goodbye
    for one in everyone:
        one.kill()
    process.wait()
    psutil.wait_procs(everyone, timeout=10)


def difference(first: Path, second: Path) -> str:
    """How far the weights of two finished runs are apart, in words."""
    left, right = (load_file(folder / "model" / "model.safetensors") for folder in (first, second))
    different = [name for name, tensor in left.items() if not torch.equal(tensor, right[name])]
    return (
        f"{len(different)} of {len(left)} tensors differ" if different else f"all {len(left)} tensors equal to the bit"
    )


def wait_until(process: subprocess.Popen, condition: Callable[[], bool], seconds: float) -> bool:
    """Waits for a condition while a process lives."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        if condition():
            return True
        time.sleep(0.002)
    return False


def kills(bench: Bench, count: int) -> tuple[str, str]:
    """SIGKILL of the whole run at random moments, a third of them while a checkpoint is written."""
    chance, recipe = random.Random(1), bench.recipe("killed")
    output = bench.folder / "killed"
    moments = {"while starting": 0, "while training": 0, "inside a checkpoint": 0}
    while sum(moments.values()) < count:
        number = sum(moments.values())
        before = steps_logged(output)
        process = bench.start(recipe)
        if number % 10 == 9:
            time.sleep(chance.uniform(0.5, 6))
            moment = "while starting" if steps_logged(output) == before else "while training"
        elif number % 3 == 0:
            skip = chance.randint(0, 2)  # the first checkpoint of this attempt, or a later one
            wait_until(process, lambda before=before, skip=skip: steps_logged(output) > before + 3 * skip, 120)
            torn = wait_until(process, lambda: any((output / "checkpoints").glob(".tmp-step-*")), 60)
            time.sleep(chance.uniform(0, 0.02))
            moment = "inside a checkpoint" if torn else "while training"
        else:
            wait_until(process, lambda before=before: steps_logged(output) > before, 120)
            time.sleep(chance.uniform(0, 1.5))
            moment = "while training"
        if process.poll() is not None:
            break  # it finished before it could be killed
        kill(process)
        moments[moment] += 1
        print(f"kill {sum(moments.values())}: {moment}, {steps_logged(output)} steps logged", flush=True)
    code, text = bench.finish(recipe) if not (output / "summary.json").exists() else (0, "")
    if code:
        return f"{sum(moments.values())} kills", f"LOST: {text[-300:]}"
    leftovers = [path.name for path in (output / "checkpoints").glob(".tmp-*")]
    words = ", ".join(f"{number} {moment}" for moment, number in moments.items())
    return (
        f"SIGKILL of both processes, {sum(moments.values())} times ({words})",
        f"run finished; {difference(bench.folder / 'whole', output)}; {len(leftovers)} torn checkpoints left",
    )


def dead_rank(bench: Bench) -> tuple[str, str]:
    """One of the two processes dies."""
    recipe, output = bench.recipe("rank"), bench.folder / "rank"
    process = bench.start(recipe)
    wait_until(process, lambda: steps_logged(output) > 7, 120)
    ranks = psutil.Process(process.pid).children()
    next(rank for rank in ranks if rank.environ()["LOCAL_RANK"] == "1").kill()
    start = time.monotonic()
    code = process.wait()
    seconds = time.monotonic() - start
    resumed, text = bench.finish(recipe)
    end = difference(bench.folder / "whole", output) if not resumed else f"LOST: {text[-300:]}"
    return "SIGKILL of rank 1 alone", f"the other ended after {seconds:.0f} s, exit code {code}; resumed, {end}"


def full_disk(bench: Bench) -> tuple[str, str]:
    """No space left while a checkpoint is written."""
    disk = bench.folder / "disk"
    disk.mkdir()
    recipe = bench.recipe("full", output=disk / "run")
    whole = sum(file.stat().st_size for file in (bench.folder / "whole" / "checkpoints").rglob("*") if file.is_file())
    size = 64 * 2**20 + 4 * whole  # a run wants 64 MiB to start with
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        return "disk full during a checkpoint", "not tried: no right to mount a small disk"
    try:
        process = bench.start(recipe)
        # fills what is left but for one checkpoint and a half
        wait_until(process, lambda: any((disk / "run" / "checkpoints").glob("step-*")), 120)
        one = sum(f.stat().st_size for f in next((disk / "run" / "checkpoints").glob("step-*")).iterdir())
        filler = disk / "filler"
        with open(filler, "wb") as file:
            file.write(b"\0" * max(0, shutil.disk_usage(disk).free - int(1.5 * one)))
        code = process.wait()
        words = [
            line for line in recipe.with_suffix(".log").read_text().splitlines() if "no space left on the disk" in line
        ]
        left = sorted(path.name for path in (disk / "run" / "checkpoints").iterdir())
        filler.unlink()
        resumed, text = bench.finish(recipe)
        end = difference(bench.folder / "whole", disk / "run") if not resumed else f"LOST: {text[-300:]}"
        if not words:
            print(text[:9000])
        said = "'no space left on the disk for the checkpoint of step ...'" if words else "NOTHING said"
        return "disk full during a checkpoint", f"exit code {code}, {said}; left: {', '.join(left)}; resumed, {end}"
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


def truncated_file(bench: Bench) -> tuple[str, str]:
    """One Parquet file is cut off."""
    folder = bench.folder / "cut"
    shutil.copytree(bench.frames, folder)
    whole = (folder / "5.parquet").read_bytes()
    (folder / "5.parquet").write_bytes(whole[: len(whole) * 2 // 3])
    recipe = bench.recipe("truncated", folder)
    code, text = bench.finish(recipe)
    named = "named" if "5.parquet: not a whole Parquet file" in text else "NOT named"
    written = "something" if (bench.folder / "truncated").exists() else "nothing"
    return "a Parquet file cut off", f"exit code {code} before the first step; file {named}; {written} written"


def corrupt_frames(bench: Bench) -> tuple[str, str]:
    """5 % of the JPEGs are cut off."""
    strict, text = bench.finish(bench.recipe("strict", bench.damaged))
    named = "video and source named" if "cannot be decoded" in text and "(video video" in text else "NOT named"
    code, text = bench.finish(bench.recipe("skipping", bench.damaged, on_error="skip"))
    if code:
        return "5 % of JPEGs cut off", f"LOST: {text[-300:]}"
    replaced = sum(line.get("unreadable_frames", 0) for line in log_lines(bench.folder / "skipping"))
    seen = STEPS * BATCH
    return (
        "5 % of JPEGs cut off",
        f"on_error: raise: exit code {strict}, {named}; on_error: skip: run finished, {replaced} of the {seen} frames of "
        "the main process replaced and counted in the log",
    )


def failing_teacher(bench: Bench) -> tuple[str, str]:
    """A teacher answers with NaN in every 20th call."""
    code, text = bench.finish(bench.recipe("nan"), nan_every=20)
    if code:
        return "a teacher says NaN in every 20th step", f"LOST: {text[-300:]}"
    weights = load_file(bench.folder / "nan" / "model" / "model.safetensors")
    finite = all(tensor.isfinite().all() for tensor in weights.values())
    lines = [line for line in log_lines(bench.folder / "nan") if "step" in line]
    failed = sum(line["vit/patch_mse"] is None for line in lines)
    return (
        "a teacher says NaN in every 20th step",
        f"run finished; left out in {failed} of {len(lines)} steps, each with null in the log; weights "
        f"{'finite' if finite else 'NOT FINITE'}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--only", choices=["kills", "rank", "disk", "truncated", "corrupt", "nan"])
    arguments = parser.parse_args()
    datasets.disable_progress_bars()
    table = Table("fault", "what came of it", title="Faults done to a distillation of two processes")
    with tempfile.TemporaryDirectory(prefix="zen-faults-") as folder:
        bench = Bench(Path(folder))
        code, text = bench.finish(bench.recipe("whole"))
        if code:
            raise SystemExit(f"the run that nothing happens to failed:\n{text[:4000]}")
        faults = {
            "kills": lambda: kills(bench, arguments.kills),
            "rank": lambda: dead_rank(bench),
            "disk": lambda: full_disk(bench),
            "truncated": lambda: truncated_file(bench),
            "corrupt": lambda: corrupt_frames(bench),
            "nan": lambda: failing_teacher(bench),
        }
        for name, fault in faults.items():
            if arguments.only in (None, name):
                row = fault()
                print(*row, sep=": ", flush=True)
                table.add_row(*row)
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
