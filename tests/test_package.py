# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The package's shell: a light import, Auto classes that know ZEN whatever was imported first, README, card template."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import jinja2
import pytest
import yaml
from huggingface_hub import ModelCard, ModelCardData

import zen_hf
from zen_hf.auto_registration import call_after_import

ROOT = Path(__file__).resolve().parents[1]


def python(code: str, *arguments: object) -> str:
    """Run code in a fresh interpreter and return what it printed."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def zen_folder(tmp_path_factory) -> Path:
    """Folder of a tiny ZEN classifier, with an image processor that names no class."""
    folder = tmp_path_factory.mktemp("zen")
    config = zen_hf.ZenConfig(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, image_size=32, num_labels=3)
    zen_hf.ZenForImageClassification(config).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text('{"size": {"height": 32, "width": 32}}')
    return folder


def test_import_is_light():
    code = (
        "import sys, time; start = time.process_time(); import zen_hf; seconds = time.process_time() - start;"
        "print(seconds, [name for name in ('torch', 'transformers', 'numpy', 'PIL') if name in sys.modules])"
    )
    seconds, loaded = python(code).split(maxsplit=1)
    assert loaded == "[]"
    assert float(seconds) < 0.3  # of the processor, so that a busy machine does not fail it


def test_public_names():
    assert zen_hf.ZenModel.config_class is zen_hf.ZenConfig
    assert set(zen_hf.__all__) <= set(dir(zen_hf))
    for name in zen_hf.__all__:
        assert getattr(zen_hf, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'ZenNothing'"):
        zen_hf.ZenNothing  # noqa: B018


def test_frames_are_there_after_one_import():
    code = "import zen_hf, sys; assert 'zen_hf.data' not in sys.modules; print(zen_hf.data.frames.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "frames\n"


LOAD = {
    "AutoConfig": "loaded = AutoConfig.from_pretrained(folder)",
    "AutoModel": "loaded = AutoModel.from_pretrained(folder)",
    # The folder holds no class name of a processor: it comes from the registered mapping.
    "AutoImageProcessor": "loaded = AutoImageProcessor.from_pretrained(folder)",
    "pipeline": "loaded = pipeline('image-classification', model=folder).model",
}
ORDERS = {
    "zen first": "import zen_hf; from transformers import {name}",
    "transformers first": "from transformers import {name}; import zen_hf",
    "a zen file first": "import zen_hf.modeling.modeling_zen; from transformers import {name}",
    "layers first": "import zen_hf; import transformers.modeling_layers; from transformers import {name}",
}
CASES = [
    *[("zen first", name) for name in LOAD],
    *[("transformers first", name) for name in ("AutoConfig", "AutoModel", "AutoImageProcessor")],
    *[(order, "AutoModel") for order in ("a zen file first", "layers first")],
]

# Torch and what else takes seconds is imported once; each case then forks from a process without transformers and zen_hf.
RUN_CASES = """
import json, os, sys, traceback
import accelerate, huggingface_hub, PIL.Image, scipy.stats, tokenizers, torch._dynamo, torch.distributed.tensor
assert not {"transformers", "zen_hf"} & set(sys.modules)
folder, cases = sys.argv[1], json.loads(sys.argv[2])
for case in cases:
    sys.stdout.flush()
    if os.fork() == 0:
        try:
            exec(case)
            print(type(loaded).__module__, "zen_hf.modeling.modeling_zen" in sys.modules, flush=True)
        except BaseException:
            traceback.print_exc(file=sys.stdout)
            sys.stdout.flush()
        os._exit(0)
    os.wait()
    print("----", flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks a process per import order")
def test_auto_classes_know_zen_in_every_import_order(zen_folder):
    codes = [ORDERS[order].format(name=name) + "; " + LOAD[name] for order, name in CASES]
    printed = python(RUN_CASES, zen_folder, json.dumps(codes)).split("----")
    homes = {"AutoImageProcessor": "transformers.models.vit.image_processing"}
    for code, (_, name), output in zip(codes, CASES, printed, strict=False):
        assert output.strip().startswith(homes.get(name, "zen_hf.modeling.")), f"{code}\n{output}"
        if name == "AutoConfig":  # the light case stays light: a config is registered without its model classes
            assert output.strip().endswith("False"), f"{code}\n{output}"
    assert len(printed) == len(codes) + 1


def write_package(folder: Path, **modules: str) -> None:
    (folder / "probe").mkdir()
    for name, code in {"__init__": "", **modules}.items():
        (folder / "probe" / f"{name}.py").write_text(code)


def test_callback_waits_for_the_outermost_import(tmp_path, monkeypatch):
    """`auto` is imported in the middle of `layers`, and the callback for it needs `layers` whole."""
    write_package(tmp_path, layers="import probe.auto; Layer = 1", auto="Auto = 2", late="")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    finders, seen = len(sys.meta_path), []

    def register() -> None:
        from probe.layers import Layer

        seen.append(Layer)

    call_after_import({"probe.auto": register, "probe.late": lambda: seen.append("late")}, packages=("probe",))
    import probe

    assert seen == []
    import probe.layers

    assert seen == [1]
    assert Path(probe.layers.__spec__.loader.get_filename()).name == "layers.py"
    import probe.late

    assert seen == [1, "late"]
    assert len(sys.meta_path) == finders  # nothing left to watch
    call_after_import({"probe.late": lambda: seen.append("at once")}, packages=("probe",))
    assert seen == [1, "late", "at once"] and len(sys.meta_path) == finders
    for name in ("probe", "probe.auto", "probe.layers", "probe.late"):
        del sys.modules[name]


def test_failed_import_stays_an_error_and_calls_nothing(tmp_path, monkeypatch):
    write_package(tmp_path, auto="raise RuntimeError('broken')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    seen = []
    call_after_import({"probe.auto": lambda: seen.append(1)}, packages=("probe",))
    with pytest.raises(RuntimeError, match="broken"):
        import probe.auto
    with pytest.raises(ModuleNotFoundError):
        import probe.absent  # noqa: F401
    (tmp_path / "probe" / "auto.py").write_text("")
    import probe.auto  # noqa: F401

    assert seen == [1]
    del sys.modules["probe"], sys.modules["probe.auto"]


CARD = {
    "model_name": "zen-tiny-synthetic",
    "repo_id": "someone/zen-tiny-synthetic",
    "variant": "tiny",
    "parameters": "5.5 M",
    "image_size": 96,
    "patch_size": 16,
    "frames": 4000,
    "teachers": [
        {"name": "dino", "source": "facebook/dinov2-small", "revision": "ed25f3a", "licence": "apache-2.0"},
        {"name": "cnn", "source": "teachers/cnn", "revision": None, "licence": "bsd-3-clause"},
    ],
    "sources": [{"path": "synthetic surgery", "frames": 4000, "licence": "apache-2.0"}],
    "strictest_licence": "apache-2.0",
    "licence": "apache-2.0",
    "zen_hf_version": "0.1.0",
    "seed": 0,
    "steps": 100,
    "recipe_yaml": "optimizer:\n  lr: 0.001\n",
    "results": [
        {
            "task": "tool presence",
            "protocol": "frozen",
            "metric": "mAP",
            "score": 0.51234,
            "interval": "0.48 to 0.54",
            "videos": 4,
            "leakage": "none",
        }
    ],
    "held_out_videos": ["VID68", "VID70"],
}


def render_card(**changes: object) -> str:
    values = {**CARD, **changes}
    data = ModelCardData(license="apache-2.0", library_name="transformers", pipeline_tag="image-feature-extraction")
    # Strict: a variable that the template wants and these values lack is an error, so the two cannot drift apart.
    template = jinja2.Template((ROOT / "model_card.md").read_text(), undefined=jinja2.StrictUndefined)
    strict = template.render(card_data=data.to_yaml(), **values)
    card = ModelCard.from_template(data, template_path=str(ROOT / "model_card.md"), **values)
    assert card.content.strip() == strict.strip()
    assert card.data.to_dict()["pipeline_tag"] == "image-feature-extraction"
    return card.content


def test_model_card_renders():
    content = render_card()
    assert yaml.safe_load(content.split("---")[1])["license"] == "apache-2.0"
    assert "{{" not in content and "{%" not in content
    tables = [block for block in content.split("\n\n") if block.startswith("|")]
    assert [block.count("\n") for block in map(str.strip, tables)] == [3, 2, 2]  # heading, rule, rows
    for block in tables:
        assert len({line.count("|") for line in block.strip().splitlines()}) == 1
    assert "| cnn | teachers/cnn | not recorded | bsd-3-clause |" in content
    assert "| tool presence | frozen | mAP | 0.512 | 0.48 to 0.54 | 4 | none |" in content
    assert "kept out of distillation: VID68, VID70." in content
    assert "Not a medical device" in content


def test_model_card_of_an_unmeasured_model_says_so():
    content = render_card(results=[], held_out_videos=[])
    assert "This checkpoint has not been measured." in content
    assert "No video was deliberately kept out of distillation." in content


def test_readme_opens_with_two_commands_that_exist():
    readme = (ROOT / "README.md").read_text()
    commands = re.findall(r"```bash\n(.*?)```", readme, flags=re.DOTALL)
    assert len(commands) == 2
    assert ".venv/bin/pip install ." in commands[0] and ".venv/bin/zen-hf quickstart" in commands[0]
    assert '.venv/bin/pip install -e ".[test]"' in commands[1] and "-m pytest" in commands[1]
    assert len(readme.splitlines()) < 120
    for link in re.findall(r"\]\(([^)#:]+)\)", readme + (ROOT / "docs" / "README.md").read_text()):
        assert (ROOT / link).exists() or (ROOT / "docs" / link).exists(), link


def test_metadata_can_be_read_without_torch():
    """The build reads the version as a plain literal, and the dependencies are what the code imports."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "zen_hf.__version__"}
    assert f'__version__ = "{zen_hf.__version__}"' in (ROOT / "src" / "zen_hf" / "__init__.py").read_text()
    assert project["project"]["scripts"] == {"zen-hf": "zen_hf.cli:main"}
    names = {"sklearn": "scikit-learn", "PIL": "pillow", "yaml": "pyyaml", "faster_coco_eval": "faster-coco-eval"}
    declared = {re.split(r"[<>=~]", line)[0] for line in project["project"]["dependencies"]}
    imported = set().union(*(imported_packages(path) for path in (ROOT / "src").rglob("*.py")))
    optional = {"zen_hf", "timm", "ray"}  # for encoders of that library, and for clusters
    assert {names.get(name, name) for name in imported - sys.stdlib_module_names - optional} == declared


def imported_packages(path: Path) -> set[str]:
    packages = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            packages |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            packages.add(node.module.partition(".")[0])
    return packages
