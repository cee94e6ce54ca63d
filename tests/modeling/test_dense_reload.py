# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Dense models come back from their folders: by transformers' classes, as an adapter, merged, and by their own code."""

import json
import os
import subprocess
import sys

import peft
import pytest
import torch
from transformers import (
    AutoModelForDepthEstimation,
    AutoModelForSemanticSegmentation,
    AutoModelForUniversalSegmentation,
    Dinov2Config,
    Dinov2Model,
    MobileNetV2Config,
    MobileNetV2Model,
)

from zen_hf import ZenConfig, ZenModel
from zen_hf.modeling.dense_models import dense_model, dense_output, head_modules, trunk_module

PLAIN = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2}
PLAIN |= {"image_size": 32, "patch_size": 8}
TRUNKS = {
    "zen": (lambda: ZenModel(ZenConfig(**PLAIN)), "qkv_proj|o_proj"),
    "dinov2": (lambda: Dinov2Model(Dinov2Config(**PLAIN)), "q_proj|v_proj"),
    "mobilenet": (
        lambda: MobileNetV2Model(MobileNetV2Config(depth_multiplier=0.35, initializer_range=0.2, tf_padding=False)),
        "expand_1x1.convolution",
    ),
}
PAIRS = {
    ("segmentation", "linear"): AutoModelForSemanticSegmentation,
    ("segmentation", "dpt"): AutoModelForSemanticSegmentation,
    ("partial", "upernet"): AutoModelForSemanticSegmentation,
    ("instances", "mask2former"): AutoModelForUniversalSegmentation,
    ("depth", "linear"): AutoModelForDepthEstimation,
    ("depth", "dpt"): AutoModelForDepthEstimation,
}


def build(name: str, kind: str, head: str):
    """A tiny dense model; the same every time."""
    torch.manual_seed(0)
    labels = () if kind == "depth" else ("a", "b", "c")
    sizes = {"width": 32, "queries": 5, "decoder_layers": 2, "encoder_layers": 1, "depth_scale": 60.0}
    return dense_model(TRUNKS[name][0]().eval(), head, kind, labels, seed=1, **sizes)


def outputs_of(model, kind: str) -> torch.Tensor:
    """What a model in evaluation mode predicts for fixed pixels."""
    pixels = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        if kind == "instances":
            return model(pixel_values=pixels).masks_queries_logits
        return dense_output(model, kind, pixels)


def check_equal(found: torch.Tensor, expected: torch.Tensor, tolerance: float = 1e-5) -> None:
    """Equal but for rounding: tensors of another layout in memory are summed in another order."""
    torch.testing.assert_close(found, expected, rtol=0, atol=tolerance * expected.abs().max().item())


def disturb(model) -> None:
    """Move every weight that is trained, and the statistics of batch norms outside the trunk, from where they began."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for key, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if tensor.requires_grad or (key.endswith("running_mean") and ".trunk." not in key):
                tensor.add_(0.05 * torch.randn(tensor.shape, generator=generator))


CASES = [("zen", *pair) for pair in PAIRS]
CASES += [("dinov2", "segmentation", "linear"), ("dinov2", "depth", "dpt"), ("dinov2", "instances", "mask2former")]
CASES += [("mobilenet", "segmentation", "linear"), ("mobilenet", "depth", "dpt"), ("mobilenet", "partial", "upernet")]


@pytest.mark.parametrize("name, kind, head", CASES)
def test_folder_loads_by_its_auto_class(name, kind, head, tmp_path):
    model = build(name, kind, head)
    disturb(model)
    expected = outputs_of(model, kind)
    model.save_pretrained(tmp_path)
    again, report = PAIRS[kind, head].from_pretrained(tmp_path, output_loading_info=True)
    assert type(again) is type(model)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    check_equal(outputs_of(again.eval(), kind), expected)
    if kind != "depth":
        assert again.config.id2label == {0: "a", 1: "b", 2: "c"}
    assert (again.config.problem_type == "multi_label_classification") == (kind == "partial")


@pytest.mark.parametrize("name, kind, head", CASES)
def test_adapter_and_merged_model_load(name, kind, head, tmp_path):
    base = build(name, kind, head)
    prefix = trunk_module(base)[0]
    config = peft.LoraConfig(
        r=2,
        target_modules=rf"{prefix}\..*\.({TRUNKS[name][1]})",
        modules_to_save=head_modules(base),
    )
    model = peft.get_peft_model(base, config)
    disturb(model)
    expected = outputs_of(model.eval(), kind)
    trained = [key for key, parameter in model.named_parameters() if parameter.requires_grad]
    assert all("lora_" in key or "modules_to_save" in key for key in trained)
    assert any(f"{prefix}." in key for key in trained)
    model.save_pretrained(tmp_path / "adapter")
    again = peft.PeftModel.from_pretrained(build(name, kind, head), tmp_path / "adapter").eval()
    check_equal(outputs_of(again, kind), expected)
    assert (outputs_of(build(name, kind, head), kind) - expected).abs().max() > 1e-3
    merged = again.merge_and_unload()
    merged.save_pretrained(tmp_path / "merged")
    alone = PAIRS[kind, head].from_pretrained(tmp_path / "merged").eval()
    check_equal(outputs_of(alone, kind), outputs_of(merged, kind))
    check_equal(outputs_of(alone, kind), expected, tolerance=1e-3)


WITHOUT_THE_LIBRARY = """
import sys


class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "zen_hf":
            raise ModuleNotFoundError(f"{name} is blocked", name=name)


sys.meta_path.insert(0, Blocker())
import json

import torch
from transformers import AutoModelForDepthEstimation, AutoModelForSemanticSegmentation

pixels = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
found, homes = {}, set()
for folder in sys.argv[2:]:
    auto = AutoModelForDepthEstimation if "depth" in folder else AutoModelForSemanticSegmentation
    model = auto.from_pretrained(folder, trust_remote_code=True).eval()
    homes.add(type(model).__module__.partition(".")[0])
    with torch.no_grad():
        found[folder] = list(model(pixels).values())[0]
torch.save(found, sys.argv[1])
print(json.dumps([sorted(homes), "zen_hf" in sys.modules]))
"""


def test_our_own_classes_load_without_the_library(tmp_path):
    """A fresh process that cannot import zen_hf computes the same, from the folder's own code."""
    expected = {}
    for name, kind, head in [
        ("zen", "segmentation", "dpt"),
        ("mobilenet", "depth", "linear"),
    ]:
        model = build(name, kind, head)
        folder = str(tmp_path / f"{name}-{kind}-{head}")
        model.save_pretrained(folder)
        expected[folder] = outputs_of(model, kind)
    script = tmp_path / "script.py"
    script.write_text(WITHOUT_THE_LIBRARY)
    environment = os.environ | {"HF_MODULES_CACHE": str(tmp_path / "modules"), "HF_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-I", script, tmp_path / "outputs.pt", *expected],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [["transformers_modules"], False]
    found = torch.load(tmp_path / "outputs.pt")
    for folder, values in expected.items():
        values = values[:, 0] if "depth" in folder else values
        check_equal(found[folder], values)
