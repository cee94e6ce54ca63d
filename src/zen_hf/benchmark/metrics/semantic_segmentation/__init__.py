# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Masks of classes: Dice, IoU and the distance of boundaries, per image and class, and pooled."""
