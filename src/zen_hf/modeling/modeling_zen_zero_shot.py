# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

# ruff: noqa: D101, D102, D205, D212, D403, D412
# The docstrings have the form that transformers' `auto_docstring` completes.
"""Zero-shot classification by text: trunk, the adaptor of an image-text teacher, and that teacher's text tower."""

import copy
import inspect
import math
import os
from dataclasses import dataclass

import torch
from torch import nn
from transformers import initialization as init
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.processing_utils import Unpack
from transformers.utils import ModelOutput, TransformersKwargs, auto_docstring
from transformers.utils.generic import can_return_tuple

from .complete_checkpoint_zen import refuse_incomplete
from .configuration_zen import ZenConfig
from .modeling_zen_distillation import ZenForDistillation
from .text_tower_zen import (
    build_text_model,
    describe_text_tower,
    joint_size,
    load_image_text_teacher,
    load_tokenizer,
)

INITIAL_SCALE = math.log(1 / 0.07)  # Radford et al. (CLIP, 2021)


@auto_docstring(
    custom_intro="""
    Likeness of every image to every text.
    """
)
@dataclass
class ZenZeroShotOutput(ModelOutput):
    r"""
    logits_per_image (`torch.FloatTensor` of shape `(images, texts)`):
        `scale * cosine + bias`, with the teacher's scale and, where it has one, bias.
    logits_per_text (`torch.FloatTensor` of shape `(texts, images)`):
        The same, transposed.
    image_embeds (`torch.FloatTensor` of shape `(images, joint_size)`):
        Embeddings of the images in the teacher's joint space, of length 1.
    text_embeds (`torch.FloatTensor` of shape `(texts, joint_size)`):
        Those of the texts.
    """

    logits_per_image: torch.FloatTensor | None = None
    logits_per_text: torch.FloatTensor | None = None
    image_embeds: torch.FloatTensor | None = None
    text_embeds: torch.FloatTensor | None = None


@auto_docstring(
    custom_intro="""
    ZEN beside the text tower of a teacher that reads images and texts into one space, which ZEN's adaptor of that teacher
    was distilled into. Use it by `pipeline("zero-shot-image-classification", model=folder)`.
    """
)
class ZenForZeroShotImageClassification(ZenForDistillation):
    input_modalities = ("image", "text")

    def __init__(self, config: ZenConfig):
        if config.text_tower is None:
            raise ValueError(
                "ZenForZeroShotImageClassification needs config.text_tower; make such a model from a student and its "
                "image-text teacher: ZenForZeroShotImageClassification.from_distilled(student, teacher)"
            )
        super().__init__(config)
        tower = config.text_tower
        size = next(a["summary_size"] for a in config.adaptors if a["name"] == tower["adaptor"])
        self.text_model = build_text_model(tower["config"])
        self.text_projection = (
            nn.Linear(self.text_model.config.hidden_size, size, bias=False) if tower["projection"] else nn.Identity()
        )
        self.logit_scale = nn.Parameter(torch.tensor(INITIAL_SCALE))
        self.logit_bias = nn.Parameter(torch.tensor(0.0)) if tower["logit_bias"] else None
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, ZenForZeroShotImageClassification):
            init.constant_(module.logit_scale, INITIAL_SCALE)
            if module.logit_bias is not None:
                init.zeros_(module.logit_bias)

    @classmethod
    def from_distilled(
        cls,
        student: str | os.PathLike,
        teacher: str | os.PathLike,
        adaptor: str | None = None,
        revision: str | None = None,
        trust_remote_code: bool = False,
    ) -> "ZenForZeroShotImageClassification":
        """Joins a distilled student and the text tower of one of its teachers.

        Args:
            student: Folder or Hub id of a ZEN with adaptors, as `zen-hf distill` exports it.
            teacher: Folder or Hub id of the image-text teacher: CLIP, SigLIP, SigLIP 2 or any other model of transformers
                with a text tower, an image tower and a common space.
            adaptor: Name of that teacher's adaptor; may be left out where there is one adaptor of its size.
            revision: Commit, tag or branch of the teacher on the Hub.
            trust_remote_code: Whether code beside the teacher's weights may run.

        Raises:
            ValueError: If the teacher has no text tower or no tokenizer, a checkpoint is incomplete, or the adaptor does
                not exist or has another size than the teacher's joint space.
        """
        whole = {"dtype": torch.float32, "output_loading_info": True, "ignore_mismatched_sizes": True}
        distilled, report = ZenForDistillation.from_pretrained(student, **whole)
        refuse_incomplete(str(student), report)
        tokenizer = load_tokenizer(teacher, revision, trust_remote_code)
        model = load_image_text_teacher(teacher, revision, trust_remote_code)
        size = joint_size(model, tokenizer)
        config = copy.deepcopy(distilled.config)
        config.adaptors = [chosen_adaptor(config, adaptor, str(teacher), size)]
        config.text_tower = describe_text_tower(model, tokenizer) | {"adaptor": config.adaptors[0]["name"]}
        config.validate_text_tower()
        joined = cls(config)
        joined.model.load_state_dict(distilled.model.state_dict())
        name = config.text_tower["adaptor"]
        joined.adaptors[name].load_state_dict(distilled.adaptors[name].state_dict())
        joined.text_model.load_state_dict(model.text_model.state_dict())
        # CODEPATH: CLIP projects its texts, SigLIP does not.
        if config.text_tower["projection"]:
            joined.text_projection.load_state_dict(model.text_projection.state_dict())
        with torch.no_grad():
            joined.logit_scale.copy_(model.logit_scale.reshape(()))
            if joined.logit_bias is not None:
                joined.logit_bias.copy_(model.logit_bias.reshape(()))
        return joined.eval()

    @can_return_tuple
    @auto_docstring
    def get_image_features(
        self, pixel_values: torch.Tensor, **kwargs: Unpack[TransformersKwargs]
    ) -> tuple | BaseModelOutputWithPooling:
        r"""
        Returns:
            Tokens of the trunk, and for the pooled output the image in the teacher's joint space.
        """
        outputs = ZenForDistillation.forward(self, pixel_values, return_dict=True, **kwargs)
        return BaseModelOutputWithPooling(
            last_hidden_state=outputs.last_hidden_state,
            pooler_output=outputs.summaries[self.config.text_tower["adaptor"]],
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )

    @can_return_tuple
    @auto_docstring
    def get_text_features(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        **kwargs: Unpack[TransformersKwargs],
    ) -> tuple | BaseModelOutputWithPooling:
        r"""
        Returns:
            Tokens of the text tower, and for the pooled output the text in the teacher's joint space.
        """
        length = self.config.text_tower["padded_length"]
        if length is not None:
            # SigLIP reads the last token, which is mostly padding, and masks nothing; pipelines pad to the longest text.
            if input_ids.shape[1] > length:
                raise ValueError(f"texts have {input_ids.shape[1]} tokens; the text tower takes at most {length}")
            pad = self.config.text_tower["pad_token_id"]
            input_ids = nn.functional.pad(input_ids, (0, length - input_ids.shape[1]), value=pad)
            attention_mask = None
        inputs = {"attention_mask": attention_mask, "token_type_ids": token_type_ids}
        accepted = inspect.signature(self.text_model.forward).parameters
        inputs = {name: value for name, value in inputs.items() if name in accepted}
        outputs = self.text_model(input_ids=input_ids, return_dict=True, **inputs, **kwargs)
        pooled = outputs.pooler_output if outputs.pooler_output is not None else outputs.last_hidden_state[:, 0]
        return BaseModelOutputWithPooling(
            last_hidden_state=outputs.last_hidden_state,
            pooler_output=self.text_projection(pooled),
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )

    @can_return_tuple
    @auto_docstring
    def forward(
        self,
        input_ids: torch.LongTensor | None = None,
        pixel_values: torch.FloatTensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        **kwargs: Unpack[TransformersKwargs],
    ) -> ZenZeroShotOutput:
        if input_ids is None or pixel_values is None:
            raise ValueError(
                "texts (input_ids) and images (pixel_values) are compared: pass both, or call get_text_features or "
                "get_image_features for one alone"
            )
        images = self.get_image_features(pixel_values, **kwargs).pooler_output
        texts = self.get_text_features(input_ids, attention_mask, token_type_ids, **kwargs).pooler_output
        images, texts = (nn.functional.normalize(embeds, dim=-1) for embeds in (images, texts))
        logits = self.logit_scale.exp() * texts @ images.T
        if self.logit_bias is not None:
            logits = logits + self.logit_bias
        return ZenZeroShotOutput(
            logits_per_image=logits.T, logits_per_text=logits, image_embeds=images, text_embeds=texts
        )


def chosen_adaptor(config: ZenConfig, name: str | None, teacher: str, size: int) -> dict:
    """The adaptor into a teacher's joint space.

    Args:
        config: The student's.
        name: Of the adaptor; None where there is but one of the right size.
        teacher: How messages call the teacher.
        size: Length of its joint embeddings.

    Raises:
        ValueError: If there is none, or several without a name to choose by.
    """
    frames = [adaptor for adaptor in config.adaptors if adaptor.get("kind") != "temporal"]
    sizes = {adaptor["name"]: adaptor["summary_size"] for adaptor in frames}
    fitting = [adaptor for adaptor in frames if name in (None, adaptor["name"]) and adaptor["summary_size"] == size]
    if len(fitting) != 1:
        wish = f"named {name!r} " if name is not None else ""
        advice = "choose one by adaptor=..." if fitting else "distil that teacher with `summary: joint`"
        raise ValueError(
            f"{len(fitting)} adaptors {wish}have the size {size} of the joint space of {teacher} (summary sizes: "
            f"{sizes}); expected exactly one: {advice}"
        )
    return fitting[0]


__all__ = [
    "ZenForZeroShotImageClassification",
    "ZenZeroShotOutput",
]
