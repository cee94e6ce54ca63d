# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""`import zen_hf` is light, and Auto classes know ZEN afterwards whatever was imported first and however."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import zen_hf
from zen_hf.auto_registration import call_after_import

ROOT = Path(__file__).resolve().parents[1]


def python(code: str, *arguments: object) -> str:
    """Run code in a fresh interpreter and return what it printed."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
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
        "import sys, time; start = time.perf_counter(); import zen_hf; seconds = time.perf_counter() - start;"
        "print(seconds, [name for name in ('torch', 'transformers', 'numpy', 'PIL') if name in sys.modules])"
    )
    seconds, loaded = python(code).split(maxsplit=1)
    assert loaded == "[]"
    assert float(seconds) < 0.3


def test_public_names():
    assert zen_hf.ZenModel.config_class is zen_hf.ZenConfig
    assert set(zen_hf.__all__) <= set(dir(zen_hf))
    for name in zen_hf.__all__:
        assert getattr(zen_hf, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'ZenNothing'"):
        zen_hf.ZenNothing  # noqa: B018


LOAD = {
    "AutoConfig": "loaded = AutoConfig.from_pretrained(folder)",
    "AutoModel": "loaded = AutoModel.from_pretrained(folder)",
    "AutoBackbone": "loaded = AutoBackbone.from_config(zen_hf.ZenConfig.from_pretrained(folder))",
    # The folder holds no class name of a processor: it comes from the registered mapping.
    "AutoImageProcessor": "loaded = AutoImageProcessor.from_pretrained(folder)",
    "pipeline": "loaded = pipeline('image-classification', model=folder).model",
}
ORDERS = {
    "zen first": "import zen_hf; from transformers import {name}",
    "transformers first": "from transformers import {name}; import zen_hf",
    "a zen name first": "from zen_hf import ZenModel; import zen_hf; from transformers import {name}",
    "a zen file first": "import zen_hf.modeling.modeling_zen; from transformers import {name}",
    "layers first": "import zen_hf; import transformers.modeling_layers; from transformers import {name}",
}
CASES = [
    *[("zen first", name) for name in LOAD],
    *[("transformers first", name) for name in ("AutoConfig", "AutoModel", "AutoImageProcessor", "pipeline")],
    *[(order, "AutoModel") for order in ("a zen name first", "a zen file first", "layers first")],
]

# Torch and what else takes seconds is imported once; each case then forks from a process without transformers and zen_hf.
RUN_CASES = """
import json, os, sys, traceback
import accelerate, scipy.stats, torch._dynamo, torch.distributed.tensor
assert not {"transformers", "zen_hf"} & set(sys.modules)
folder, cases = sys.argv[1], json.loads(sys.argv[2])
for case in cases:
    sys.stdout.flush()
    if os.fork() == 0:
        try:
            exec(case)
            print(type(loaded).__module__, flush=True)
        except BaseException:
            traceback.print_exc(file=sys.stdout)
            sys.stdout.flush()
        os._exit(0)
    os.wait()
    print("----", flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks a process per import order")
def test_auto_classes_know_zen_in_every_import_order(zen_folder):
    codes = [ORDERS[order].format(name=name) + "; " + LOAD[name] for order, name in CASES]
    printed = python(RUN_CASES, zen_folder, json.dumps(codes)).split("----")
    homes = {"AutoImageProcessor": "transformers.models.vit.image_processing"}
    for code, (_, name), output in zip(codes, CASES, printed, strict=False):
        assert output.strip().startswith(homes.get(name, "zen_hf.modeling.")), f"{code}\n{output}"
    assert len(printed) == len(codes) + 1


def test_auto_config_alone_imports_no_torch():
    """The light case stays light: a config is registered without its model classes."""
    code = (
        "import sys, zen_hf; from transformers import AutoConfig; print('zen_hf.modeling.modeling_zen' in sys.modules)"
    )
    assert python(code) == "False"


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
