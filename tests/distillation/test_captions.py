# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Captions state what is true of their frame, `fits` says of which others, and every word is known to the tokenizer."""

import random

import numpy as np
import pytest
import torch

from zen_hf.data.synthetic_surgery import INSTRUMENTS, PHASES, PROCEDURES, SyntheticSurgery
from zen_hf.distillation.captions import BARE, FACTS, INSTRUMENT_WORDS, caption, caption_tokenizer, facts_of, fits


@pytest.fixture(scope="module")
def scenes():
    surgery = SyntheticSurgery(seed=0, size=32, frames_per_video=8)
    return [surgery.video(video)[frame] for video in range(4) for frame in range(8)]


def test_facts_are_the_labels(scenes):
    for scene in scenes:
        true = {name for name, holds in zip(FACTS, facts_of(scene), strict=True) if holds}
        assert true & set(PROCEDURES) == {PROCEDURES[scene.procedure]}
        assert true & set(PHASES) == {PHASES[scene.phase]}
        assert true & set(INSTRUMENTS) == {INSTRUMENTS[index] for index in scene.instruments}
        assert (BARE in true) == (not scene.instruments)


def test_captions_state_what_is_true_and_name_it(scenes):
    generator = random.Random(0)
    said = set()
    for scene in scenes * 8:
        facts = facts_of(scene)
        one = caption(facts, generator)
        assert facts[list(one.facts)].all()
        for index in one.facts:
            said.add(FACTS[index])
            if FACTS[index] in INSTRUMENT_WORDS:
                assert any(word in one.text for word in INSTRUMENT_WORDS[FACTS[index]])
        absent = set(INSTRUMENTS) - {INSTRUMENTS[index] for index in scene.instruments}
        for name in absent - {"grasper", "hook", "scissors"}:  # whose words are parts of other phrases
            assert not any(word in one.text for word in INSTRUMENT_WORDS[name])
    assert len(said) > 0.8 * len(FACTS)


def test_fits_against_a_loop(scenes):
    generator = random.Random(1)
    facts = torch.from_numpy(np.stack([facts_of(scene) for scene in scenes]))
    captions = [caption(row.numpy(), generator) for row in facts]
    found = fits(captions, facts)
    assert found.diagonal().all()  # each is true of its own frame
    for one, row in zip(captions, found, strict=True):
        assert row.tolist() == [all(facts[frame, index] for index in one.facts) for frame in range(len(scenes))]


def test_the_tokenizer_knows_every_word_of_a_caption(scenes):
    tokenizer, generator = caption_tokenizer(), random.Random(2)
    for scene in scenes * 20:
        ids = tokenizer(caption(facts_of(scene), generator).text)["input_ids"]
        assert tokenizer.unk_token_id not in ids and len(ids) <= tokenizer.model_max_length
        assert ids[0] == tokenizer.bos_token_id and ids[-1] == tokenizer.eos_token_id
    assert tokenizer.unk_token_id in tokenizer("an appendectomy")["input_ids"]
