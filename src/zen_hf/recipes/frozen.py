# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""`zen-hf benchmark --protocol frozen`: what the features of an untouched encoder say about unseen patients."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from zen_hf.benchmark.feature_cache import require_fitting_size, require_readable
from zen_hf.benchmark.protocols.frozen import CACHE_DIR, evaluate_frozen
from zen_hf.benchmark.task import load_task
from zen_hf.modeling.frame_encoder import FrameEncoder
from zen_hf.run_directory import RunDirectory


def frozen(
    model: str,
    task: str,
    data: Path,
    out: Path,
    seed: int = 0,
    image_size: int | None = None,
    cache_dir: Path = CACHE_DIR,
) -> dict:
    """Judge one encoder on one task by a linear head on its frozen features, and write `summary.json`.

    Args:
        model: Hub id or folder of a ZEN or any `AutoModel` for pictures.
        task: name of the task, such as "cholect50_tool".
        data: the task's dataset as its authors hand it out.
        out: folder of the run; an interrupted run of the same settings goes on.
        seed: stored in the result; this protocol draws no random number.
        image_size: side of the square frames in pixels; the model's own by default.
        cache_dir: where features are kept for later runs.

    Returns:
        The result, as in `summary.json`; see `evaluate_frozen`.

    Raises:
        FileNotFoundError: if the model, the data or a part of it is missing.
        FileExistsError: if `out` holds a finished run, or an unfinished one with other settings.
        ValueError: if the task is unknown, the data or checkpoint is incomplete, or the image size does not fit.
    """
    chosen = load_task(task)
    dataset = chosen.read(data)
    require_readable(dataset)
    encoder = FrameEncoder.from_pretrained(model)
    image_size = encoder.default_image_size if image_size is None else image_size
    require_fitting_size(encoder, image_size)

    config = {"model": model, "task": task, "protocol": "frozen", "data": str(data), "image_size": image_size}
    run = RunDirectory.create(Path(out), config, seed, resume=True)
    run.log(event="start", frames=len(dataset), encoder_fingerprint=encoder.fingerprint)
    result = {"model": model} | evaluate_frozen(
        encoder,
        chosen,
        dataset,
        split=chosen.split_in(data),
        image_size=image_size,
        cache_dir=cache_dir,
        seed=seed,
    )
    for name, target in result["targets"].items():
        run.log(event="scored", target=name, score=target["scores"][target["primary"]])
    run.finish(result)
    print_scores(result)
    return result


def print_scores(result: dict) -> None:
    """Print one row per target and baseline: every held-out patient, their mean and their spread."""
    patients = [video for fold in result["split"]["held_out"] for video in fold]
    table = Table(
        "target", "predicted from", *patients, "mean", "spread", title=f"{result['model']}: {result['task']}"
    )
    for name, target in result["targets"].items():
        title = f"{name} ({target['primary']})"
        for source, scores in (
            ("features", target["scores"]),
            (target["baseline"]["name"], target["baseline"]["scores"]),
        ):
            cells = [scores["per_video"][patient][target["score"]] for patient in patients]
            mean, spread = scores[target["primary"]], scores[f"{target['score']}_video_std"]
            table.add_row(title, source, *("-" if cell is None else f"{cell:.3f}" for cell in (*cells, mean, spread)))
            title = ""
    Console(width=max(80, 44 + 10 * (len(patients) + 2))).print(table)
