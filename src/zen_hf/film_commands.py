# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The commands for one's own films: `zen-hf curate | extract | search`."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer


def curate(
    context: typer.Context,
    videos: Annotated[
        list[str] | None,
        typer.Argument(help="Files, folders, globs, or a CSV table (video, procedure, hospital, patient)."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the dataset; the same command goes on where it was stopped.")
    ] = None,
    recipe: Annotated[Path | None, typer.Option(help="YAML file; its keys are explained in docs/curate.md.")] = None,
    override: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the recipe; repeatable.")
    ] = None,
    fps: Annotated[float | None, typer.Option(help="Frames looked at per second of video.  [default: 1]")] = None,
    procedure: Annotated[
        str | None, typer.Option(help="Procedure of all videos for which no table names one.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="AutoModel that finds duplicates across videos, and clusters of frames.")
    ] = None,
    engine: Annotated[Literal["local", "ray"], typer.Option(help="What runs the workers.")] = "local",
    address: Annotated[str | None, typer.Option(help="Of a running Ray cluster, for instance auto.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that decode, a video each.", min=1)] = None,
    gpus: Annotated[int | None, typer.Option(help="Processes that encode, a GPU each; by default all.", min=0)] = None,
    shard: Annotated[str | None, typer.Option(help="Share of the videos, i/n with i from 0; see --merge.")] = None,
    merge: Annotated[
        bool, typer.Option("--merge", help="Check that all shares are there, and write the dataset.")
    ] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Print hours and bytes by a sample, and write nothing.")
    ] = False,
    hours: Annotated[float | None, typer.Option(help="Hours of video to plan for; by default those given.")] = None,
    nodes: Annotated[int, typer.Option(help="Machines to plan for.", min=1)] = 1,
) -> None:
    """Make a frame dataset of surgical videos: sampled, filtered, cropped, without names.

    \b
    Example:
      zen-hf curate videos --out frames --procedure cholecystectomy
      zen-hf curate videos.csv --out frames --model facebook/dinov2-small --set frames.fps=0.5
    """
    refuse_idle_options(given_options(context))
    if out is None and recipe is None and not any(key.startswith("output=") for key in override or []):
        raise typer.BadParameter("give --out, the folder of the dataset.")
    given = {"output": out and str(out), "frames.fps": fps, "inputs.procedure": procedure, "encoder.model": model}
    given["inputs.paths"] = videos or None
    overrides = [f"{key}={json.dumps(value)}" for key, value in given.items() if value is not None]
    settings = [*overrides, *(override or [])]
    from zen_hf.engines.shards import Shard
    from zen_hf.engines.workers import engine_named, workers_here
    from zen_hf.recipes.curate import curate as run_curation
    from zen_hf.recipes.curate import print_plan

    hands = workers_here(workers, gpus)
    if plan:
        print_plan(recipe, settings, hands, nodes, hours)
        return
    part = None if shard is None else Shard.parse(shard)
    run_curation(engine_named(engine, address), recipe, settings, hands, part, merge)


def extract(
    context: typer.Context,
    model: Annotated[str, typer.Option(help="Folder or Hub id of a ZEN or any AutoModel, or a timm name.")],
    out: Annotated[Path, typer.Option(help="Folder for the features; the same command goes on where it was stopped.")],
    videos: Annotated[list[str] | None, typer.Option(help="Film, or folder of films; may be repeated.")] = None,
    frames: Annotated[
        list[str] | None, typer.Option(help="Folder of pictures, or of curated frames; may be repeated.")
    ] = None,
    split: Annotated[str, typer.Option(help="Of curated frames, for instance train; by default all.")] = "all",
    fps: Annotated[float, typer.Option(help="Frames per second of film.")] = 1.0,
    features: Annotated[Literal["summary", "patches", "both"], typer.Option(help="What is kept.")] = "summary",
    layer: Annotated[
        list[int] | None, typer.Option(help="Hidden layer that is kept as well, 0 is the first's input; repeatable.")
    ] = None,
    dtype: Annotated[Literal["float32", "bfloat16", "float16"], typer.Option(help="Type in the files.")] = "float32",
    format: Annotated[Literal["safetensors", "parquet"], typer.Option(help="Of the files.")] = "safetensors",
    image_size: Annotated[
        int | None, typer.Option(help="Side of the frames in pixels; by default that of the model.")
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Frames that the model sees at once.", min=1)] = 32,
    bf16: Annotated[bool, typer.Option("--bf16", help="Compute in bfloat16.")] = False,
    revision: Annotated[str | None, typer.Option(help="Commit, tag or branch of the model on the Hub.")] = None,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Let code that lies beside the model's weights run.")
    ] = False,
    engine: Annotated[Literal["local", "ray"], typer.Option(help="What runs the workers.")] = "local",
    address: Annotated[str | None, typer.Option(help="Of a running Ray cluster, for instance auto.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that decode.", min=1)] = None,
    gpus: Annotated[int | None, typer.Option(help="Processes that encode, a GPU each; by default all.", min=0)] = None,
    shard: Annotated[str | None, typer.Option(help="Share of the videos, i/n with i from 0; see --merge.")] = None,
    merge: Annotated[bool, typer.Option("--merge", help="Check that all shares are there, and finish.")] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Print hours and bytes by a sample, and write nothing.")
    ] = False,
    hours: Annotated[float | None, typer.Option(help="Hours of film to plan for; by default those given.")] = None,
    nodes: Annotated[int, typer.Option(help="Machines to plan for.", min=1)] = 1,
    task: Annotated[
        str | None, typer.Option(help="Fill --out as the --cache of zen-hf benchmark for this task, with --data.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of the task's data.")] = None,
) -> None:
    """Extract features of films or frames: one vector per frame, or per patch, with the times.

    \b
    Example:
      zen-hf extract --model zen-quickstart/student --videos films --out features
      zen-hf extract --model zen-quickstart/student --task cholec80_phase --data cholec80 --out cache
    """
    from zen_hf.engines.workers import engine_named, workers_here
    from zen_hf.recipes.extract import (
        EncoderSource,
        ExtractRecipe,
        FeatureSettings,
        FrameSource,
        extract_task,
        print_plan,
    )
    from zen_hf.recipes.extract import extract as run_extraction

    source, given = EncoderSource(model, revision, trust_remote_code), given_options(context)
    if (task is None) != (data is None):
        raise typer.BadParameter("--task and --data go together.")
    if task is not None:
        taken = {"model", "out", "task", "data", "image_size", "batch_size", "revision", "trust_remote_code"}
        if given - taken:
            raise typer.BadParameter(
                f"--task fills the cache as the benchmark does, without {flags(given - taken)}; it takes {flags(taken)}."
            )
        extract_task(source, task, data, out, image_size or 0, batch_size)
        return
    refuse_idle_options(given)
    if not videos and not frames:
        raise typer.BadParameter("give --videos, films or folders of films, or --frames, or --task with --data.")
    for option, inputs in (("split", "frames"), ("fps", "videos")):
        if option in given and inputs not in given:
            raise typer.BadParameter(f"--{option} is for --{inputs}, which is not there.")
    config = ExtractRecipe(
        output=str(out),
        encoder=source,
        videos=videos or [],
        frames=[FrameSource(path, split=split) for path in frames or []],
        features=FeatureSettings(features, layer or [], dtype, bf16, image_size or 0, batch_size, format),
        fps=fps,
    )
    hands = workers_here(workers, gpus)
    if plan:
        print_plan(config, hands, hours, nodes)
        return
    run_extraction(config, engine_named(engine, address), hands, shard, merge)


def search(
    image: Annotated[Path, typer.Option(help="Picture to search with.")],
    features: Annotated[Path, typer.Option(help="What zen-hf extract wrote.")],
    top: Annotated[int, typer.Option(help="Number of moments, at most.", min=1)] = 12,
    out: Annotated[Path | None, typer.Option(help="HTML page to write, with thumbnails.")] = None,
    videos: Annotated[
        list[Path] | None, typer.Option(help="Films for thumbnails, where they are no longer where they were.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="The model, where it is no longer where it was.")] = None,
    apart: Annotated[float, typer.Option(help="Moments of a film nearer than this, in s, are one.", min=0)] = 10.0,
) -> None:
    """Find the moments of films that look most like a picture.

    \b
    Example:
      zen-hf search --image frame.jpg --features features --out nearest.html
    """
    if videos and out is None:
        raise typer.BadParameter("--videos is for the thumbnails of --out, which is not there.")
    from zen_hf.recipes.search import search

    search(image=image, features=features, top=top, out=out, videos=videos, model=model, apart_s=apart)


def given_options(context: typer.Context) -> set[str]:
    """Names of the options that the command line has."""
    return {name for name in context.params if context.get_parameter_source(name).name == "COMMANDLINE"}


def flags(names: set[str]) -> str:
    """Options as they are written."""
    return ", ".join(f"--{name.replace('_', '-')}" for name in sorted(names))


def refuse_idle_options(given: set[str]) -> None:
    """Refuses options of curate and extract that would do nothing beside the others."""
    idle = given & {"shard", "merge", "engine", "address"}
    if "plan" in given and idle:
        raise typer.BadParameter(
            f"--plan measures a sample on this machine and runs nothing; leave {flags(idle)} out."
        )
    if "plan" not in given and given & {"hours", "nodes"}:
        raise typer.BadParameter("--hours and --nodes belong to --plan.")
    if {"shard", "merge"} <= given:
        raise typer.BadParameter("--merge comes alone, when all shares are finished; leave --shard out.")
