# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Captions of synthetic surgery from its labels, which pictures each of them is true of, and a tokenizer of their words."""

import random
from dataclasses import dataclass

import numpy as np
import torch
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

from zen_hf.data.synthetic_surgery import INSTRUMENTS, PHASES, PROCEDURES, SEMANTIC_CLASSES, SceneFrame
from zen_hf.data.synthetic_surgery.labels import visible_pixels

# how captions call what they state, the fact first
PHASE_WORDS = {
    "preparation": ("preparation", "preparation of the field", "a first look around"),
    "mobilisation": ("mobilisation", "mobilisation of the organ", "freeing the organ from its neighbours"),
    "dissection": ("dissection", "dissection of duct and artery", "exposing the vessels"),
    "clipping_and_cutting": ("clipping and cutting", "clipping of the duct", "closing the artery with clips"),
    "detachment": ("detachment", "detachment of the organ", "taking the organ off its bed"),
    "coagulation": ("coagulation", "coagulation of the bed", "stopping the bleeding"),
    "suturing": ("suturing", "suturing of the organ", "sewing with needle and thread"),
    "washing": ("washing", "washing of the field", "rinsing with water"),
}
INSTRUMENT_WORDS = {
    "grasper": ("grasper", "grasping forceps"),
    "bipolar": ("bipolar", "bipolar forceps"),
    "hook": ("hook", "electric hook"),
    "scissors": ("scissors", "pair of scissors"),
    "clipper": ("clipper", "clip applier"),
    "irrigator": ("irrigator", "suction tube"),
    "needle_driver": ("needle driver", "needle holder"),
}
ORGANS = ("fat", "connective", "liver", "gallbladder", "bowel", "kidney", "uterus", "duct", "artery", "vein", "bed")
ORGAN_WORDS = {organ: (organ,) for organ in ORGANS} | {"connective": ("connective tissue",), "bed": ("raw bed",)}
BARE = "bare"  # the fact that no instrument is in view
FACTS = (*PROCEDURES, *PHASES, *INSTRUMENTS, *ORGANS, BARE)

OPENINGS = ("", "a view of", "a frame of", "an endoscopic picture of", "this is")
PHASE_FORMS = ("{}", "the phase of {}", "during {}", "the surgeons are at {}", "it shows {}")
INSTRUMENT_FORMS = ("a {}", "a {} is in view", "a {} at work", "there is a {}", "with a {}", "{} visible")
ORGAN_FORMS = ("the {}", "the {} can be seen", "on the {}", "tissue : {}")
PROCEDURE_FORMS = ("{}", "a {}", "in a {}", "a laparoscopic {}")
BARE_FORMS = ("bare tissue", "tissue alone", "all instruments are out of view")
NEUTRAL = (
    "a laparoscopic picture",
    "a view of the operating field",
    "a frame of an operation",
    "tissue in the abdomen",
)


@dataclass(frozen=True)
class Caption:
    """A text and what it states: indices in `FACTS`; a picture of which all are true fits it."""

    text: str
    facts: tuple[int, ...]


def facts_of(scene: SceneFrame) -> np.ndarray:
    """Which facts are true of a frame, [facts] of bool."""
    counts = np.bincount(scene.semantic_mask.ravel(), minlength=len(SEMANTIC_CLASSES))
    enough = visible_pixels(*scene.semantic_mask.shape)
    true = {PROCEDURES[scene.procedure], PHASES[scene.phase]} | {INSTRUMENTS[number] for number in scene.instruments}
    true |= {organ for organ in ORGANS if counts[SEMANTIC_CLASSES.index(organ)] >= enough}
    if not scene.instruments:
        true.add(BARE)
    return np.array([fact in true for fact in FACTS])


def caption(facts: np.ndarray, generator: random.Random) -> Caption:
    """Words for some of a frame's facts, drawn anew with every call.

    Args:
        facts: of the frame, [facts] of bool.
        generator: draws what is said, and how.
    """
    true = {FACTS[index] for index in np.flatnonzero(facts)}
    said: list[tuple[str, str]] = []  # fact, words

    def say(fact: str, words: tuple[str, ...], forms: tuple[str, ...]) -> None:
        said.append((fact, generator.choice(forms).format(generator.choice(words))))

    if generator.random() < 0.6:
        phase = next(name for name in PHASES if name in true)
        say(phase, PHASE_WORDS[phase], PHASE_FORMS)
    if generator.random() < 0.7:
        present = [name for name in INSTRUMENTS if name in true]
        for name in generator.sample(present, generator.randint(1, len(present)) if present else 0):
            say(name, INSTRUMENT_WORDS[name], INSTRUMENT_FORMS)
        if not present:
            say(BARE, ("",), BARE_FORMS)
    if generator.random() < 0.25:
        procedure = next(name for name in PROCEDURES if name in true)
        say(procedure, (procedure,), PROCEDURE_FORMS)
    if generator.random() < 0.25:
        organs = [name for name in ORGANS if name in true]
        for name in generator.sample(organs, min(len(organs), generator.randint(1, 2))):
            say(name, ORGAN_WORDS[name], ORGAN_FORMS)
    if not said:
        return Caption(generator.choice(NEUTRAL), ())
    generator.shuffle(said)
    text = " , ".join(words for _, words in said)
    return Caption(f"{generator.choice(OPENINGS)} {text}".strip(), tuple(FACTS.index(fact) for fact, _ in said))


def fits(captions: list[Caption], facts: torch.Tensor) -> torch.Tensor:
    """Which frames each caption is true of: [captions, frames] of bool.

    Args:
        captions: of any frames.
        facts: of the frames, [frames, facts] of bool.
    """
    stated = torch.zeros(len(captions), len(FACTS), dtype=torch.bool)
    for row, one in enumerate(captions):
        stated[row, list(one.facts)] = True
    return (stated[:, None] <= facts[None]).all(dim=2)


def caption_tokenizer(max_length: int = 64) -> PreTrainedTokenizerFast:
    """A tokenizer of whole words, which knows those of the captions and no others."""
    forms = (*OPENINGS, *PHASE_FORMS, *INSTRUMENT_FORMS, *ORGAN_FORMS, *PROCEDURE_FORMS, *BARE_FORMS, *NEUTRAL, ",")
    words = [
        word for group in (PHASE_WORDS, INSTRUMENT_WORDS, ORGAN_WORDS) for texts in group.values() for word in texts
    ]
    known = sorted({word for text in (*forms, *words, *PROCEDURES) for word in text.replace("{}", " ").split()})
    special = ["[PAD]", "[UNK]", "[BOS]", "[EOS]"]
    tokenizer = Tokenizer(WordLevel({word: index for index, word in enumerate(special + known)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    ends = [(token, special.index(token)) for token in ("[BOS]", "[EOS]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[BOS] $A [EOS]", special_tokens=ends)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        bos_token="[BOS]",
        eos_token="[EOS]",
        model_max_length=max_length,
    )
