# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""`import zen_hf` is light, and Auto classes know ZEN afterwards whatever was imported first and however."""

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
    """Folder of a tiny ZEN classifier and its image processor, saved with the library."""
    from transformers import AutoImageProcessor
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    folder = tmp_path_factory.mktemp("zen")
    config = zen_hf.ZenConfig(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, image_size=32, num_labels=3)
    zen_hf.ZenForImageClassification(config).save_pretrained(folder)
    ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    assert AutoImageProcessor.from_pretrained(folder).size["height"] == 32
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


USES = {
    "AutoConfig": "print(type(transformers.AutoConfig.from_pretrained(folder)).__module__)",
    "AutoModel": "print(type(transformers.AutoModel.from_pretrained(folder)).__module__)",
    "AutoModelForImageClassification": (
        "print(type(transformers.AutoModelForImageClassification.from_pretrained(folder)).__module__)"
    ),
    "AutoBackbone": (
        "config = transformers.AutoConfig.from_pretrained(folder);"
        "print(type(transformers.AutoBackbone.from_config(config)).__module__)"
    ),
    # A folder without a processor of its own: the class comes from the registered mapping.
    "AutoImageProcessor": (
        "from pathlib import Path; Path(folder, 'preprocessor_config.json').write_text('{}');"
        "import zen_hf.modeling; print(zen_hf.modeling.__name__, type(transformers.AutoImageProcessor.from_pretrained(folder)))"
    ),
    "pipeline": (
        "pipe = transformers.pipeline('image-classification', model=folder);print(type(pipe.model).__module__)"
    ),
}
ORDERS = {
    "zen first": "import sys; folder = sys.argv[1]; import zen_hf; import transformers;",
    "transformers first": "import sys; folder = sys.argv[1]; import transformers; import zen_hf;",
    "name first": "import sys; folder = sys.argv[1]; from transformers import {name}; import transformers; import zen_hf;",
    "zen, then name": "import sys; folder = sys.argv[1]; import zen_hf; from transformers import {name}; import transformers;",
    "class first": "import sys; folder = sys.argv[1]; from zen_hf import ZenModel; import transformers;",
    "deep first": "import sys; folder = sys.argv[1]; import zen_hf.modeling.modeling_zen; import transformers;",
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", USES)
def test_auto_classes_know_zen_in_every_import_order(zen_folder, tmp_path, name, order):
    folder = tmp_path / "zen"
    folder.mkdir()
    for file in zen_folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    printed = python(ORDERS[order].format(name=name) + USES[name], folder)
    assert printed.startswith("zen_hf.modeling"), printed
    if name == "AutoImageProcessor":
        assert "ViTImageProcessor" in printed


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
