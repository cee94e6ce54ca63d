# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""ZEN passes transformers' own common tests: `ModelTesterMixin`, `ConfigTester` and `BackboneTesterMixin`.

They are not part of the installed package, only of its source distribution:
`export ZEN_TRANSFORMERS_TESTS=$(python tests/modeling/fetch_transformers_tests.py build)` unpacks those of the
installed version; without it this module is skipped.
"""

import importlib
import os
import sys
import unittest
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import pytest
from torch import nn
from transformers.models.auto import modeling_auto

from zen_hf import ZenBackbone, ZenConfig, ZenForDistillation, ZenForImageClassification, ZenModel

FOLDER = Path(os.environ.get("ZEN_TRANSFORMERS_TESTS", ""))
if not (FOLDER / "test_modeling_common.py").is_file():
    pytest.skip(
        "needs transformers' common tests: set ZEN_TRANSFORMERS_TESTS to what "
        "`python tests/modeling/fetch_transformers_tests.py build` prints",
        allow_module_level=True,
    )


def add_module(name: str, path: Path | None = None, **attributes) -> None:
    module = ModuleType(name)
    if path is not None:
        module.__path__ = [str(path)]
    vars(module).update(attributes)
    sys.modules[name] = module


# The common tests import each other relatively, and three modules that the source distribution leaves out:
# text generation and graph export, which do not concern a vision encoder's common tests, and a table of settings.
add_module("transformers_tests", FOLDER)
for empty in ("exporters", "generation", "utils"):
    add_module(f"transformers_tests.{empty}", FOLDER)
add_module("transformers_tests.exporters.test_export", ExportTesterMixin=type("ExportTesterMixin", (), {}))
add_module("transformers_tests.generation.test_utils", GenerationTesterMixin=type("GenerationTesterMixin", (), {}))
add_module(
    "transformers_tests.utils.test_configuration_utils",
    config_common_kwargs={
        "return_dict": False,
        "output_hidden_states": True,
        "dtype": "float16",
        "chunk_size_feed_forward": 5,
        "architectures": ["BertModel"],
        "id2label": {0: "label"},
        "label2id": {"label": "0"},
        "problem_type": "regression",
    },
)
with patch("transformers.utils.direct_transformers_import", lambda path: importlib.import_module("transformers")):
    from transformers_tests.test_backbone_common import BackboneTesterMixin
    from transformers_tests.test_configuration_common import ConfigTester
    from transformers_tests.test_modeling_common import ModelTesterMixin, floats_tensor


class ZenModelTester:
    """The sizes and inputs that the common tests ask for, as small as they allow."""

    batch_size = 2
    image_size = 30
    patch_size = 6
    num_channels = 3
    hidden_size = 32
    num_hidden_layers = 2
    num_attention_heads = 4
    num_register_tokens = 2
    mask_length = (image_size // patch_size) ** 2
    num_masks = mask_length // 2
    seq_length = 1 + num_register_tokens + mask_length

    def __init__(self, is_training: bool, settings: dict):
        self.is_training = is_training
        self.settings = settings

    def get_config(self) -> ZenConfig:
        return ZenConfig(
            image_size=self.image_size,
            patch_size=self.patch_size,
            num_channels=self.num_channels,
            hidden_size=self.hidden_size,
            num_hidden_layers=self.num_hidden_layers,
            num_attention_heads=self.num_attention_heads,
            intermediate_size=37,
            num_register_tokens=self.num_register_tokens,
            out_indices=[0, 1],
            **self.settings,
        )

    def prepare_config_and_inputs_for_common(self):
        pixel_values = floats_tensor([self.batch_size, self.num_channels, self.image_size, self.image_size])
        return self.get_config(), {"pixel_values": pixel_values}


class CommonTests(ModelTesterMixin):
    test_resize_embeddings = False  # no vocabulary
    settings: dict = {}
    is_training = True

    def setUp(self):
        self.model_tester = ZenModelTester(self.is_training, self.settings)
        self.config_tester = ConfigTester(self, config_class=ZenConfig, has_text_modality=False, hidden_size=37)
        # these tables, which only know the library's own models, tell the common tests what a class is for
        for table, name in [
            (modeling_auto.MODEL_MAPPING_NAMES, "ZenModel"),
            (modeling_auto.MODEL_FOR_BACKBONE_MAPPING_NAMES, "ZenBackbone"),
            (modeling_auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES, "ZenForImageClassification"),
        ]:
            known = patch.dict(table, {"zen": name})
            known.start()
            self.addCleanup(known.stop)

    def test_config(self):
        self.config_tester.run_common_tests()

    def test_model_get_set_embeddings(self):
        # the common test expects a table of token embeddings; a vision model embeds patches by a convolution
        for model_class in self.all_model_classes:
            model = model_class(self.model_tester.get_config())
            self.assertIsInstance(model.get_input_embeddings(), nn.Conv2d)
            self.assertIsNone(model.get_output_embeddings())

    @unittest.skip("a vision model has no inputs_embeds")
    def test_inputs_embeds(self):
        pass

    @unittest.skip("ZEN does not chunk its feed-forward layers")
    def test_feed_forward_chunking(self):
        pass


class ZenCommonTest(CommonTests, unittest.TestCase):
    all_model_classes = (ZenModel, ZenBackbone, ZenForImageClassification)


class ZenLearnedPositionsCommonTest(CommonTests, unittest.TestCase):
    all_model_classes = (ZenModel,)
    settings = {"position_embedding": "learned", "use_gated_mlp": True, "hidden_act": "silu"}


class ZenForDistillationCommonTest(CommonTests, unittest.TestCase):
    all_model_classes = (ZenForDistillation,)
    is_training = False  # its loss belongs to the recipe
    settings = {
        "adaptors": [
            {"name": "first", "hidden_size": 16, "summary_size": 12, "patch_size": 8},
            {"name": "second", "kind": "transformer", "summary_size": 4, "patch_size": 8},
            {"name": "third", "kind": "ladder", "hidden_size": 16, "summary_size": 4, "patch_size": 8},
        ]
    }


class ZenBackboneCommonTest(BackboneTesterMixin, unittest.TestCase):
    all_model_classes = (ZenBackbone,)
    config_class = ZenConfig

    def setUp(self):
        self.model_tester = ZenModelTester(is_training=False, settings={})
