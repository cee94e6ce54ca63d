# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A trunk, a text encoder and a fusion that answer questions about frames; and the folder that they are kept in.

trunk/                     the whole trunk, or its adapter as PEFT writes it
fusion.safetensors         the fusion
answers.json               the answers in the order of the logits, and where trunk and text encoder come from
README.md                  written last
"""

import json
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import datasets
import numpy as np
import torch
from peft import PeftModel
from transformers.image_processing_base import ImageProcessingMixin

from zen_hf.modeling.frame_encoder import FrameEncoder
from zen_hf.modeling.pretrained_encoder import load_pretrained

from ..feature_cache import decode_ahead, pool_tokens, undecoded
from ..tuning.adapters import name_magnitudes, write_json
from .fusion import Fusion, FusionHead
from .question_encoder import EncodedQuestions, QuestionEncoder
from .questions import AskedVideo, QuestionRows

FORMAT = "zen-hf answers 1"


@dataclass(frozen=True)
class AnswerModel:
    """Answers closed questions about frames.

    Args:
        encoder: the trunk, whose patch tokens are looked at; adapters are merged into it.
        fusion: of its tokens with those of the question.
        answers: in the order of the logits.
        image_size: side of its square frames, in pixels.
        batch_size: frames per forward pass.
    """

    encoder: FrameEncoder
    fusion: Fusion
    answers: tuple[str, ...]
    image_size: int
    batch_size: int = 16

    def logits(self, frames: datasets.Dataset, rows: QuestionRows, questions: EncodedQuestions) -> np.ndarray:
        """Scores of every answer, [rows, answers] float32.

        Args:
            frames: rows with the column `image`.
            rows: which frame and which question every row is about.
            questions: states of the questions by the text encoder that the fusion was trained with.
        """
        with closing(decode_ahead(undecoded(frames), self.image_size, self.batch_size)) as batches:
            tokens = tokens_of(self.encoder, batches)
        return FusionHead(self.fusion, questions).logits(AskedVideo("", rows, tokens))

    @classmethod
    def from_pretrained(cls, folder: Path, trust_remote_code: bool = False) -> tuple["AnswerModel", QuestionEncoder]:
        """Load what `save_answers` wrote, with the text encoder that it was trained with.

        Args:
            folder: as written.
            trust_remote_code: whether code that lies beside the trunk's weights may run.

        Raises:
            FileNotFoundError: if the folder, the trunk or the text encoder is missing.
            ValueError: if the folder is of another kind, or the text encoder is not the one of the training.
        """
        folder = Path(folder)
        if not (folder / "answers.json").is_file():
            raise FileNotFoundError(
                f"{folder}: no answers.json; expected a folder of a tuned question-answering model."
            )
        said = json.loads((folder / "answers.json").read_text())
        if said.get("format") != FORMAT:
            raise ValueError(f"{folder}: its format is {said.get('format')!r}; expected {FORMAT!r}.")
        text = QuestionEncoder.from_pretrained(said["text_encoder"], said["text_revision"])
        if text.fingerprint != said["text_fingerprint"]:
            raise ValueError(
                f"{folder} was trained with the text encoder {said['text_encoder']}, whose weights or tokenizer are "
                "others now; put the ones of the training back."
            )
        is_adapter = (folder / "trunk" / "adapter_config.json").is_file()
        source = said["base"] if is_adapter else str(folder / "trunk")
        revision = said["revision"] if is_adapter else None
        model, settings = load_pretrained(source, revision, trust_remote_code=trust_remote_code)
        if is_adapter:
            model = PeftModel.from_pretrained(model, folder / "trunk").merge_and_unload()
        encoder = FrameEncoder(model, **settings)
        return cls(
            encoder, Fusion.load(folder / "fusion.safetensors"), tuple(said["answers"]), said["image_size"]
        ), text


@torch.no_grad()
def tokens_of(encoder: FrameEncoder, batches: Iterable[torch.Tensor]) -> np.ndarray:
    """Pooled patch tokens of batches of pixels, [frames, tokens, channels] float16 as in the cache of features."""
    features = (encoder(pixels) for pixels in batches)
    return torch.cat([pool_tokens(found.patches, found.grid).half().cpu() for found in features]).numpy()


def save_answers(
    trunk,
    fusion: Fusion,
    answers: tuple[str, ...],
    text: QuestionEncoder,
    base: str,
    image_size: int,
    folder: Path,
    revision: str | None = None,
) -> None:
    """Write a tuned question-answering model.

    Args:
        trunk: a `PeftModel`, of which the adapter is written, or a whole model.
        fusion: trained with it.
        answers: in the order of the logits.
        text: the text encoder; it is named, not copied.
        base: Hub id or folder of the checkpoint that the trunk was made from.
        image_size: side of the square frames, in pixels.
        folder: where to write; made if absent.
        revision: of the base, on the Hub.
    """
    place, is_adapter = Path(folder) / "trunk", isinstance(trunk, PeftModel)
    place.mkdir(parents=True, exist_ok=True)
    trunk.save_pretrained(place, **({"save_embedding_layers": False} if is_adapter else {}))
    if is_adapter:
        name_magnitudes(place / "adapter_model.safetensors")
    processing = ImageProcessingMixin.get_image_processor_dict(base, revision=revision)[0]
    write_json(place / "preprocessor_config.json", processing)
    fusion.save(Path(folder) / "fusion.safetensors")
    said = {
        "format": FORMAT,
        "answers": list(answers),
        "base": base,
        "revision": revision,
        "image_size": image_size,
        "text_encoder": text.name,
        "text_revision": text.revision,
        "text_fingerprint": text.fingerprint,
    }
    write_json(Path(folder) / "answers.json", said)
    (Path(folder) / "README.md").write_text(
        CARD.format(base=base, text=text.name, count=len(answers), size=image_size)
    )


CARD = """---
tags: [visual-question-answering, surgery]
---
# {base}, tuned to answer questions

Trained with zen-hf on {count} answers, on whole frames resized to {size} x {size} pixels. Questions are read by the frozen
text encoder {text}, which is not part of this folder.

```python
from zen_hf.benchmark.vqa.answer_model import AnswerModel

model, text = AnswerModel.from_pretrained(".")  # this folder
```
"""
