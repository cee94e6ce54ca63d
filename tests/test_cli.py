# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The command line answers at once, hands its arguments to the recipes, and says what is wrong in one line."""

import errno
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from zen_hf.cli import main

COMMANDS = "quickstart distill report benchmark compare doctor miniature curate extract search".split()


@pytest.fixture
def zen_hf_command(monkeypatch):
    """Run `zen-hf` in this process with a shell-like line; returns the exit status."""

    def run(line: str) -> int:
        monkeypatch.setattr(sys, "argv", ["zen-hf", *shlex.split(line)])
        try:
            return main()
        except SystemExit as stop:  # how typer ends a command
            return stop.code or 0

    return run


@pytest.fixture
def recipe_calls(monkeypatch):
    """Replace the recipes; returns the list of (name, arguments) they are called with."""
    calls = []

    def fake(name, function):
        module = ModuleType(f"zen_hf.recipes.{name}")
        setattr(module, function, lambda **arguments: calls.append((name, arguments)) or [])
        monkeypatch.setitem(sys.modules, module.__name__, module)

    for name in ("quickstart", "distill", "report", "results_report", "compare", "doctor", "miniature", "search"):
        fake(name, name)
    fake("plan", "plan_distillation")
    curation = ModuleType("zen_hf.recipes.curate")
    curation.curate, curation.print_plan = lambda *arguments: calls.append(("curate", arguments)), lambda *_: None
    monkeypatch.setitem(sys.modules, curation.__name__, curation)
    extraction = ModuleType("zen_hf.recipes.extract")
    parts = "EncoderSource ExtractRecipe FeatureSettings FrameSource print_plan"
    for part in parts.split():
        setattr(extraction, part, lambda *_, **__: None)
    for name in ("extract", "extract_task"):
        setattr(extraction, name, lambda *arguments, name=name: calls.append((name, arguments)))
    monkeypatch.setitem(sys.modules, extraction.__name__, extraction)
    fake("benchmark", "plan_benchmark")
    sys.modules["zen_hf.recipes.benchmark"].benchmark = lambda plan: None
    planned = ModuleType("zen_hf.recipes.benchmark_plan")
    planned.print_plan = lambda plan: None  # plan_benchmark is counted
    monkeypatch.setitem(sys.modules, planned.__name__, planned)
    return calls


def raising(monkeypatch, error: Exception) -> None:
    def quickstart(**_):
        raise error

    module = ModuleType("zen_hf.recipes.quickstart")
    module.quickstart = quickstart
    monkeypatch.setitem(sys.modules, module.__name__, module)


def test_help_is_fast_and_imports_nothing_heavy():
    code = (
        "import sys, time, atexit; from zen_hf.cli import main; sys.argv = ['zen-hf', '--help'];"
        "heavy = ('torch', 'transformers', 'datasets', 'numpy', 'PIL', 'matplotlib', 'omegaconf');"
        "loaded = lambda: [name for name in heavy if name in sys.modules];"
        "atexit.register(lambda: print(time.process_time(), 'loaded:', loaded())); main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(command in done.stdout for command in COMMANDS)
    seconds, loaded = done.stdout.strip().splitlines()[-1].split(maxsplit=1)
    assert loaded == "loaded: []"
    assert float(seconds) < 1.0  # of the processor, start-up included, so that a busy machine does not fail it


def test_module_runs_as_the_command():
    """`torchrun -m zen_hf.cli` and machines without the script on their path use it."""
    done = subprocess.run([sys.executable, "-m", "zen_hf.cli", "--help"], capture_output=True, text=True, check=True)
    assert "Usage: zen-hf" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_example_in_help_is_a_line_that_runs(
    zen_hf_command, recipe_calls, capsys, command, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)  # the example of report expects a run there
    (tmp_path / "runs" / "first").mkdir(parents=True)
    (tmp_path / "runs" / "first" / "config.yaml").write_text("teachers: []\n")
    assert zen_hf_command(f"{command} --help") == 0
    text = capsys.readouterr().out
    examples = text.split("Example:")[1].split("\n\n")[0].replace("\\\n", " ").strip().splitlines()
    for number, example in enumerate(examples):
        assert example.strip().startswith(f"zen-hf {command} ")
        assert zen_hf_command(example.strip().removeprefix("zen-hf ")) == 0
        assert len(recipe_calls) == number + 1


def test_quickstart_arguments(zen_hf_command, recipe_calls):
    zen_hf_command("quickstart")
    zen_hf_command("quickstart --out there --seed 7 --single-teachers")
    assert recipe_calls == [
        ("quickstart", {"out": Path("zen-quickstart"), "seed": 0, "single_teachers": False}),
        ("quickstart", {"out": Path("there"), "seed": 7, "single_teachers": True}),
    ]


def test_distill_arguments(zen_hf_command, recipe_calls):
    zen_hf_command("distill r.yaml")
    zen_hf_command("distill r.yaml a.b=1 teachers.0.name=x --out 'odd: \"name\"' --resume")
    assert recipe_calls[0] == ("distill", {"recipe": Path("r.yaml"), "overrides": [], "resume": False})
    overrides = ["a.b=1", "teachers.0.name=x", r'output="odd: \"name\""']
    assert recipe_calls[1] == ("distill", {"recipe": Path("r.yaml"), "overrides": overrides, "resume": True})


def test_a_plan_runs_nothing(zen_hf_command, recipe_calls):
    zen_hf_command("distill r.yaml a.b=1 --plan --gpu L4 --gpus 3 --frames 9 --utilisation 0.3 --price 1.5")
    wanted = {"gpu": "L4", "gpus": 3, "frames": 9, "utilisation": 0.3, "price": 1.5}
    assert recipe_calls == [("plan", {"recipe": Path("r.yaml"), "overrides": ["a.b=1"]} | wanted)]


def test_out_of_distill_survives_as_written(zen_hf_command, recipe_calls):
    """The quoted override reads back as the very path, also where YAML would see a number or a mapping."""
    from dataclasses import dataclass

    from zen_hf.recipe_configuration import load_recipe

    @dataclass
    class Recipe:
        output: str = ""

    for name in ["3", "odd: name", "null", "C:\\runs\\a", "é {x}"]:
        zen_hf_command(f"distill r.yaml --out {shlex.quote(name)}")
        assert load_recipe(Recipe, None, recipe_calls[-1][1]["overrides"]).output == name


def test_report_goes_by_what_the_folder_is(zen_hf_command, recipe_calls, tmp_path):
    """A distillation's configuration names teachers; anything else is benchmark results."""
    (tmp_path / "config.yaml").write_text("teachers: [{name: a}]\n")
    assert zen_hf_command(f"report {tmp_path} --frames 7") == 0
    assert zen_hf_command(f"report {tmp_path}") == 0
    assert zen_hf_command("report results/a results/b --out there") == 0
    assert zen_hf_command("report results/a --data sets") == 0
    assert recipe_calls == [
        ("report", {"run": tmp_path, "frames": 7}),
        ("report", {"run": tmp_path, "frames": 120}),
        ("results_report", {"results": [Path("results/a"), Path("results/b")], "out": Path("there"), "data": None}),
        ("results_report", {"results": [Path("results/a")], "out": Path("report"), "data": Path("sets")}),
    ]
    for line in (
        f"report {tmp_path} --out there",
        f"report {tmp_path} --data d",
        "report results/a --frames 3",
    ):  # options that would do nothing
        assert zen_hf_command(line) == 2
    assert len(recipe_calls) == 4


def test_benchmark_arguments(zen_hf_command, recipe_calls):
    line = "benchmark --model m --task t --task u --protocol lora --data d --out o --seed 3 --image-size 64 --seeds 2"
    line += (
        " --head linear --revision r --trained-on f.json --no-baselines --tuning epochs=2 --tuning rank=4 --cache c"
    )
    line += " --dense steps=9 --text-encoder bert --prompts p.json --trust-remote-code --processes 2"
    assert zen_hf_command(line) == 0
    expected = {"model": "m", "data": Path("d"), "out": Path("o"), "tasks": ["t", "u"], "suite": None}
    expected |= {"protocols": ["lora"], "split": None, "seed": 3, "seeds": 2, "image_size": 64, "heads": ["linear"]}
    expected |= {"revision": "r", "trained_on": Path("f.json"), "baselines": False, "cache_dir": Path("c")}
    expected |= {"dense": ["steps=9"], "text_encoder": "bert", "prompts": Path("p.json")}
    expected |= {"trust_remote_code": True, "processes": 2}
    assert recipe_calls == [("benchmark", expected | {"tuning": ["epochs=2", "rank=4"]})]
    wrong = ["benchmark --model m --data d --out o", "benchmark --model m --data d --out o --task t --suite workflow"]
    for line in [*wrong, "benchmark --model m --data d --out o --suite zen"]:
        assert zen_hf_command(line) == 2  # a wrong use is typer's to explain
    assert len(recipe_calls) == 1


def test_compare_arguments(zen_hf_command, recipe_calls):
    assert zen_hf_command("compare a b --head linear --with-baselines --out c") == 0
    expected = {"results": [Path("a"), Path("b")], "head": "linear", "out": Path("c"), "with_baselines": True}
    assert recipe_calls == [("compare", expected)]


def test_doctor_and_miniature_arguments(zen_hf_command, recipe_calls):
    assert zen_hf_command("doctor t --data d --split s") == 0
    assert zen_hf_command("miniature t --out o --seconds 3 --size 32 --seed 5") == 0
    assert recipe_calls == [
        ("doctor", {"task": "t", "data": Path("d"), "split": "s"}),
        ("miniature", {"name": "t", "out": Path("o"), "seconds": 3, "size": 32, "seed": 5}),
    ]


def test_doctor_ends_with_1_where_something_must_be_mended(zen_hf_command, tmp_path, capsys):
    assert zen_hf_command(f"miniature autolaparo_phase --out {tmp_path / 'mini'} --seconds 4 --size 32") == 0
    assert zen_hf_command(f"doctor autolaparo_phase --data {tmp_path / 'mini'}") == 0
    assert "0 errors" in capsys.readouterr().out
    next((tmp_path / "mini").rglob("*.txt")).unlink()
    assert zen_hf_command(f"doctor autolaparo_phase --data {tmp_path / 'mini'}") == 1


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("sizes 3 and 4 differ"), "error: sizes 3 and 4 differ"),
        (OSError("no such model\n\nPass a token\n"), "error: no such model Pass a token"),
        (FileExistsError("runs/a holds a finished run"), "error: runs/a holds a finished run"),
        (OSError(errno.ENOSPC, "No space left on device", "runs/a"), "error: runs/a: No space left on device"),
        (OSError(errno.ENOSPC, "3 MB free"), "error: 3 MB free"),
    ],
)
def test_expected_error_is_one_line(zen_hf_command, monkeypatch, capsys, error, message):
    raising(monkeypatch, error)
    assert zen_hf_command("quickstart") == 1
    printed = capsys.readouterr()
    assert printed.err == message + "\n" and printed.out == ""


def test_debug_keeps_the_traceback(zen_hf_command, monkeypatch):
    raising(monkeypatch, ValueError("wrong"))
    for line in ("--debug quickstart", "quickstart --debug"):
        with pytest.raises(ValueError, match="wrong"):
            zen_hf_command(line)
    monkeypatch.setenv("ZEN_DEBUG", "1")
    with pytest.raises(ValueError, match="wrong"):
        zen_hf_command("quickstart")
    monkeypatch.setenv("ZEN_DEBUG", "0")
    assert zen_hf_command("quickstart") == 1


def test_unexpected_error_keeps_its_traceback(zen_hf_command, monkeypatch):
    raising(monkeypatch, KeyError("bug"))
    with pytest.raises(KeyError):
        zen_hf_command("quickstart")


def test_real_recipe_reports_a_missing_file(zen_hf_command, capsys):
    assert zen_hf_command("distill nowhere.yaml") == 1
    assert capsys.readouterr().err.strip() == "error: recipe nowhere.yaml is not a file; pass the path of a YAML file"


def test_extract_for_a_task_refuses_what_it_would_not_do(zen_hf_command, recipe_calls, capsys):
    task = "extract --model m --task cholec80_phase --data d --out cache"
    assert zen_hf_command(f"{task} --fps 1 --engine ray") == 2
    assert "without --engine, --fps" in " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert zen_hf_command(f"{task} --image-size 98 --batch-size 8") == 0
    assert [name for name, _ in recipe_calls] == ["extract_task"]


@pytest.mark.parametrize("command", ["curate films --out o", "extract --model m --videos films --out o"])
def test_what_belongs_to_a_plan_is_refused_without_one(zen_hf_command, recipe_calls, capsys, command):
    assert zen_hf_command(f"{command} --nodes 4") == zen_hf_command(f"{command} --hours 9") == 2
    assert "--hours and --nodes belong to --plan" in capsys.readouterr().err
    assert zen_hf_command(f"{command} --hours 9 --plan") == 0


IDLE = {
    "curate films": "give --out",
    "curate films --out o --plan --shard 0/2 --engine ray": "leave --engine, --shard out",
    "curate films --out o --shard 0/2 --merge": "leave --shard out",
    "extract --model m --out o": "give --videos, films or folders of films, or --frames",
    "extract --model m --videos films --out o --plan --merge": "leave --merge out",
    "extract --model m --videos films --out o --split train": "--split is for --frames",
    "extract --model m --frames f --out o --fps 2": "--fps is for --videos",
    "search --image i.jpg --features f --videos films": "--videos is for the thumbnails of --out",
}


@pytest.mark.parametrize("line", IDLE)
def test_options_that_would_do_nothing_are_refused(zen_hf_command, recipe_calls, capsys, line):
    assert zen_hf_command(line) == 2
    assert IDLE[line] in " ".join(capsys.readouterr().err.split())
    assert recipe_calls == []


def test_an_extra_that_is_not_installed_is_one_line_and_a_broken_import_a_traceback(
    zen_hf_command, monkeypatch, capsys
):
    raising(monkeypatch, ImportError("Ray is not installed; pip install 'zen-hf[ray]'"))
    assert zen_hf_command("quickstart") == 1
    assert capsys.readouterr().err == "error: Ray is not installed; pip install 'zen-hf[ray]'\n"
    raising(monkeypatch, ModuleNotFoundError("No module named 'nothing'", name="nothing"))
    with pytest.raises(ModuleNotFoundError):
        zen_hf_command("quickstart")


def test_ctrl_c_is_said(zen_hf_command, monkeypatch, capsys):
    raising(monkeypatch, KeyboardInterrupt())
    assert zen_hf_command("quickstart") == 130
    assert capsys.readouterr().err.strip().endswith("stopped")
