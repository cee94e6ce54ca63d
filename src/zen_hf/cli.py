# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The command line: `zen-hf quickstart | distill | benchmark | extract | ...`, a recipe each."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from zen_hf import film_commands

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


app.command()(film_commands.curate)
app.command()(film_commands.extract)
app.command()(film_commands.search)


def _message(error: Exception) -> str:
    """Return what an error says on one line, without the number that Python puts before an operating system's error."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename is not None else error.strerror
    return " ".join(text.split())


if __name__ == "__main__":  # torchrun -m zen_hf.cli distill ...
    sys.exit(main())
