# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Decisions at a probability of one half, and the probabilities themselves, of several labels per frame."""
