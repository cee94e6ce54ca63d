# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The command line: `zen-hf quickstart | distill | benchmark | extract | ...`, a recipe each."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

INTERRUPTED = 130  # exit code after Ctrl-C

app = typer.Typer(
    help="ZEN: distil, use and measure a vision foundation model for minimally invasive surgery.",
    epilog="--debug anywhere on the line, or ZEN_DEBUG=1, shows the traceback of an error.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def main() -> int:
    """Run the command line; an error that a user can mend is one line on stderr, any other keeps its traceback."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    debug = len(arguments) < len(sys.argv[1:]) or os.environ.get("ZEN_DEBUG", "0") not in ("", "0")
    try:
        app(args=arguments, prog_name="zen-hf")
    # what the library raises for bad input, bad files and full disks, and where an extra is not installed
    except (ValueError, OSError, ImportError) as error:
        if debug or getattr(error, "name", None) is not None:  # Python names the module that it does not find
            raise
        print(f"error: {_message(error)}", file=sys.stderr)
        return 1
    except SystemExit as end:
        if end.code == INTERRUPTED:
            print("stopped", file=sys.stderr)
        raise
    return 0


@app.command()
def quickstart(
    out: Annotated[Path, typer.Option(help="Folder for the run; must not hold a finished one.")] = Path(
        "zen-quickstart"
    ),
    seed: Annotated[int, typer.Option(help="Seed of data, training and evaluation.")] = 0,
    single_teachers: Annotated[
        bool, typer.Option("--single-teachers", help="Also distil a student from each teacher alone; twice as long.")
    ] = False,
) -> None:
    """Show the whole path on synthetic surgery, in minutes, without network.

    Renders scenes, trains three tiny teachers, distils a student without labels, probes it, writes a report.

    \b
    Example:
      zen-hf quickstart --out my-first-zen
    """
    from zen_hf.recipes.quickstart import quickstart

    quickstart(out=out, seed=seed, single_teachers=single_teachers)


@app.command()
def distill(
    recipe: Annotated[Path, typer.Argument(help="YAML file; its keys are explained in docs/recipes.md.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Override keys of the recipe.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the run, in place of the recipe's `output`.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the unfinished run in that folder.")] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Print size, memory, time and cost, and run nothing.")] = False,
    gpu: Annotated[str, typer.Option(help="Kind of GPU to plan for.")] = "H100-SXM",
    gpus: Annotated[int, typer.Option(help="Number of GPUs to plan for.")] = 1,
    frames: Annotated[
        int | None, typer.Option(help="Views to plan for; by default those of the recipe's steps.")
    ] = None,
    utilisation: Annotated[float, typer.Option(help="Share of the GPU's peak rate to plan with.")] = 0.4,
    price: Annotated[float | None, typer.Option(help="Of one GPU for one hour, to plan with.")] = None,
) -> None:
    """Distil teachers into a ZEN student, as a recipe says.

    \b
    Example:
      zen-hf distill recipe.yaml optimizer.lr=1e-3 teachers.0.source=facebook/dinov2-small --out runs/first
      zen-hf distill recipe.yaml --plan --gpu A100-80 --gpus 8 --price 2
    """
    output = [f"output={json.dumps(str(out))}"] if out is not None else []  # quoted: any path is a valid YAML string
    if plan:
        from zen_hf.recipes.plan import plan_distillation

        words = plan_distillation(
            recipe=recipe,
            overrides=[*(overrides or []), *output],
            gpu=gpu,
            gpus=gpus,
            frames=frames,
            utilisation=utilisation,
            price=price,
        )
        print(words)
        return
    from zen_hf.recipes.distill import distill

    distill(recipe=recipe, overrides=[*(overrides or []), *output], resume=resume)


@app.command()
def benchmark(
    model: Annotated[
        str,
        typer.Option(
            help="Folder or Hub id of a ZEN or any AutoModel, or a timm name; {held_out} in a path: one model per fold."
        ),
    ],
    data: Annotated[Path, typer.Option(help="Folder of the task's data, or of one folder per dataset.")],
    out: Annotated[Path, typer.Option(help="Folder for the results; the same command goes on where it was stopped.")],
    task: Annotated[list[str] | None, typer.Option(help="Task, for instance cholec80_phase; may be repeated.")] = None,
    suite: Annotated[
        Literal["workflow", "zen20"] | None, typer.Option(help="All tasks of a suite, in place of --task.")
    ] = None,
    protocol: Annotated[
        list[str] | None,
        typer.Option(
            help="frozen (the default), few_shot, lora, dora, full, zero_shot, or all (those but dora); may be repeated."
        ),
    ] = None,
    split: Annotated[str | None, typer.Option(help="Another split of the task.")] = None,
    seed: Annotated[int, typer.Option(help="First seed of the heads.")] = 0,
    seeds: Annotated[int, typer.Option(help="Number of seeds.", min=1)] = 3,
    image_size: Annotated[
        int | None, typer.Option(help="Side of the frames in pixels; by default that of the model.")
    ] = None,
    head: Annotated[
        list[str] | None, typer.Option(help="Head to score; may be repeated. By default those of the task.")
    ] = None,
    revision: Annotated[str | None, typer.Option(help="Commit, tag or branch of the model on the Hub.")] = None,
    trained_on: Annotated[
        Path | None, typer.Option(help="File that says what the model was trained on; see docs/leakage.md.")
    ] = None,
    baselines: Annotated[
        bool, typer.Option(help="Raw pixels and the untrained architecture beside the model.")
    ] = True,
    tuning: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Setting of lora, dora and full, for instance epochs=10; repeatable."),
    ] = None,
    dense: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Setting of dense heads, for instance steps=500; repeatable."),
    ] = None,
    text_encoder: Annotated[
        str | None, typer.Option(help="Folder or Hub id (ID@REVISION) of what reads the questions of VQA tasks.")
    ] = None,
    prompts: Annotated[
        Path | None,
        typer.Option(help="Your own prompts for zero_shot by text: a JSON file, or a folder with <task>.json."),
    ] = None,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Let code that lies beside the model's weights run.")
    ] = False,
    processes: Annotated[
        int | None, typer.Option(help="Processes that share the datasets; by default one per GPU.", min=1)
    ] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder of cached features; by default below HF_HOME.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what is found, what is missing and the hours, and stop.")
    ] = False,
) -> None:
    """Measure a model on tasks under protocols, with its baselines.

    \b
    Example:
      zen-hf benchmark --model zen-quickstart/student --task cholect50_tool --protocol frozen \\
        --data cholect50-val --out results/frozen
      zen-hf benchmark --model zen-quickstart/student --suite workflow --protocol all --data datasets --out results
      zen-hf benchmark --model zen-quickstart/student --suite zen20 --protocol all --data datasets --out results \\
        --text-encoder google-bert/bert-base-uncased --dry-run
    """
    if bool(task) == bool(suite):
        raise typer.BadParameter("give --task (once or more) or --suite, one of the two.")
    from zen_hf.recipes.benchmark import benchmark, plan_benchmark

    plan = plan_benchmark(
        model=model,
        data=data,
        out=out,
        tasks=task,
        suite=suite,
        protocols=protocol or ["frozen"],
        split=split,
        seed=seed,
        seeds=seeds,
        image_size=image_size,
        heads=head,
        revision=revision,
        trained_on=trained_on,
        baselines=baselines,
        tuning=tuning,
        dense=dense,
        text_encoder=text_encoder,
        prompts=prompts,
        trust_remote_code=trust_remote_code,
        processes=processes,
        cache_dir=cache,
    )
    if dry_run:
        from zen_hf.recipes.benchmark_plan import print_plan

        print_plan(plan)
        return
    benchmark(plan)


@app.command()
def compare(
    results: Annotated[list[Path], typer.Argument(help="One folder per encoder: a result, or a suite of results.")],
    head: Annotated[str | None, typer.Option(help="Head to compare; by default the one that counts.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for comparison.json and comparison.md; must not exist.")
    ] = None,
    with_baselines: Annotated[
        bool, typer.Option("--with-baselines", help="Also compare with the baselines in the first folder.")
    ] = False,
) -> None:
    """Compare the first encoder with each of the others, task by task: is the difference more than chance?

    \b
    Example:
      zen-hf compare results/zen results/dinov2 --out comparison
    """
    from zen_hf.recipes.compare import compare

    compare(results=results, head=head, out=out, with_baselines=with_baselines)


@app.command()
def report(
    paths: Annotated[
        list[Path], typer.Argument(help="Folder of a zen-hf distill run, or results of zen-hf benchmark.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Of benchmark results: folder to write to.  [default: report]")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Of benchmark results: the datasets, to show frames and questions on the page."),
    ] = None,
    frames: Annotated[
        int | None, typer.Option(help="Of a distill run: frames to fit on, and to test on, at most.  [default: 120]")
    ] = None,
) -> None:
    """Write a page about a distillation (into its run), or about benchmark results (with Markdown and metadata).

    \b
    Example:
      zen-hf report runs/first
      zen-hf report results/zen-small results/dinov2-small --out report
    """
    from zen_hf.run_directory import is_distillation

    if len(paths) == 1 and is_distillation(paths[0]):
        if out is not None or data is not None:
            raise typer.BadParameter(
                f"--out and --data are for benchmark results; the page about {paths[0]} goes into its folder."
            )
        from zen_hf.recipes.report import report

        report(run=paths[0], frames=120 if frames is None else frames)
        return
    if frames is not None:
        raise typer.BadParameter("--frames is for a distill run; benchmark results take --data.")
    from zen_hf.recipes.results_report import results_report

    results_report(results=paths, out=out or Path("report"), data=data)


@app.command()
def doctor(
    task: Annotated[str, typer.Argument(help="Task, for instance cholec80_phase.")],
    data: Annotated[Path, typer.Option(help="Folder of the task's data, or a miniature.")],
    split: Annotated[str | None, typer.Option(help="Another split of the task.")] = None,
) -> None:
    """Examine the data of a task; exit code 1 if something must be mended.

    \b
    Example:
      zen-hf doctor cholec80_phase --data cholec80
    """
    from zen_hf.recipes.doctor import doctor

    if any(finding.severity == "error" for finding in doctor(task=task, data=data, split=split)):
        raise typer.Exit(1)


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
def miniature(
    name: Annotated[str, typer.Argument(help="Task, for instance cholec80_phase, or a suite: workflow, zen20.")],
    out: Annotated[Path, typer.Option(help="Folder to make; must be empty or absent.")],
    seconds: Annotated[int, typer.Option(help="Length of every video.")] = 24,
    size: Annotated[int, typer.Option(help="Edge of the frames in pixels, even.")] = 64,
    seed: Annotated[int, typer.Option(help="Chooses the operations.")] = 0,
) -> None:
    """Write synthetic operations in the exact layout of a task's dataset, or of all datasets of a suite.

    \b
    Example:
      zen-hf miniature cholec80_phase --out mini
      zen-hf miniature zen20 --out datasets
    """
    from zen_hf.recipes.miniature import miniature

    miniature(name=name, out=out, seconds=seconds, size=size, seed=seed)


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


def _message(error: Exception) -> str:
    """Return what an error says on one line, without the number that Python puts before an operating system's error."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename is not None else error.strerror
    return " ".join(text.split())


if __name__ == "__main__":  # torchrun -m zen_hf.cli distill ...
    sys.exit(main())
