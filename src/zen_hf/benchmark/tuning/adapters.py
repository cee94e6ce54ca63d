# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""LoRA and DoRA adapters: where they go, and folders that PEFT and transformers load."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from torch import nn
from transformers.image_processing_base import ImageProcessingMixin

from ..task import Target
from .classifier import Classifier, class_names
from .settings import TuningSettings

# Projections of attention, as the models of transformers (and timm) call them.
PROJECTIONS = {"qkv_proj", "qkv", "q_proj", "k_proj", "v_proj", "o_proj", "out_proj", "query", "key", "value"}


def adapter_targets(trunk: nn.Module, prefix: str) -> str:
    """Regular expression of the modules that get an adapter.

    The projections of attention; in an architecture without any, all linear maps; without these, all convolutions that
    mix channels.

    Args:
        trunk: the part that encodes.
        prefix: its name in the whole model.

    Raises:
        ValueError: if there is none of these.
    """
    linear = [name for name, module in trunk.named_modules() if isinstance(module, nn.Linear)]
    projections = sorted({name.rpartition(".")[2] for name in linear} & PROJECTIONS)
    if projections:
        return rf"{re.escape(prefix)}\..*\.({'|'.join(projections)})"
    mixing = [name for name, module in trunk.named_modules() if isinstance(module, nn.Conv2d) and module.groups == 1]
    if not (linear or mixing):
        raise ValueError(
            f"{type(trunk).__name__} has neither linear maps nor convolutions that an adapter could change."
        )
    return rf"{re.escape(prefix)}\.({'|'.join(map(re.escape, linear or mixing))})"


def add_adapters(
    classifier: Classifier, settings: TuningSettings, dora: bool, revision: str | None = None
) -> PeftModel:
    """Freeze the trunk and put adapters into it; the classifier is trained whole.

    Args:
        classifier: the model; it is changed.
        settings: rank, alpha and dropout.
        dora: whether magnitude and direction are trained apart (DoRA, arXiv:2402.09353).
        revision: of the base, which the adapter's configuration names.
    """
    trunk = classifier.encoder.model
    prefix = next(name for name, module in classifier.model.named_modules() if module is trunk)
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        use_dora=dora,
        target_modules=adapter_targets(trunk, prefix),
        modules_to_save=[classifier.head],
        revision=revision,
    )
    return get_peft_model(classifier.model, config)


def save_tuned(
    model, base: str, targets: Sequence[Target], image_size: int, folder: Path, revision: str | None = None
) -> None:
    """Write an adapter, or a whole model, with all that is needed to use it.

    Beside the weights lie `labels.json` (the classes in the order of the logits), `preprocessor_config.json` (which makes
    the pixels that were trained on) and a README.

    Args:
        model: a `PeftModel`, of which the adapter is written, or a whole model.
        base: Hub id or folder of the checkpoint that it was made from.
        targets: what it predicts.
        image_size: side of its square frames, in pixels.
        folder: where to write; made if absent.
        revision: of the base, on the Hub.
    """
    folder.mkdir(parents=True, exist_ok=True)
    is_adapter = isinstance(model, PeftModel)
    model.save_pretrained(folder, **({"save_embedding_layers": False} if is_adapter else {}))
    if is_adapter:
        name_magnitudes(folder / "adapter_model.safetensors")
    processing = ImageProcessingMixin.get_image_processor_dict(base, revision=revision)[0]
    processing = {name: value for name, value in processing.items() if name != "crop_size"} | {
        "do_convert_rgb": True,
        "do_resize": True,
        "do_center_crop": False,
        "size": {"height": image_size, "width": image_size},
        "resample": 3,  # bicubic
    }
    write_json(folder / "preprocessor_config.json", processing)
    write_json(folder / "labels.json", {str(index): label for index, label in class_names(targets).items()})
    text = ADAPTER_CARD if is_adapter else MODEL_CARD
    (folder / "README.md").write_text(
        text.format(base=base, size=image_size, targets=", ".join(t.name for t in targets))
    )


def name_magnitudes(path: Path) -> None:
    """Give the magnitudes of DoRA the names that all readers know.

    PEFT (0.21) saves them without ".weight". It reads them with it as well; transformers (5.23) reads them only so, and
    leaves them untrained otherwise.

    Args:
        path: file of an adapter; it is written anew.
    """
    tensors = load_file(path)
    named = {f"{name}.weight" if name.endswith("lora_magnitude_vector") else name: t for name, t in tensors.items()}
    save_file(named, path, metadata={"format": "pt"})


def write_json(path: Path, content: dict) -> None:
    """Write a file as the libraries of Hugging Face do."""
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")


ADAPTER_CARD = """---
library_name: peft
tags: [image-classification, surgery]
---
# Adapter of {base}

Trained with zen-hf on the targets {targets}, on whole frames resized to {size} x {size} pixels.

```python
import json
from transformers import AutoImageProcessor, AutoModelForImageClassification

folder = "."  # this folder
labels = json.load(open(f"{{folder}}/labels.json"))
model = AutoModelForImageClassification.from_pretrained(folder, num_labels=len(labels), ignore_mismatched_sizes=True)
processor = AutoImageProcessor.from_pretrained(folder)
```

Import `zen_hf` first if the trunk is a ZEN. The number of classes has to be given: an adapter's folder holds no
`config.json`.
"""

MODEL_CARD = """---
tags: [image-classification, surgery]
---
# {base}, fine-tuned

Trained with zen-hf on the targets {targets}, on whole frames resized to {size} x {size} pixels. Load it with
`AutoModelForImageClassification.from_pretrained` and `AutoImageProcessor.from_pretrained`; import `zen_hf` first if the
trunk is a ZEN.
"""
