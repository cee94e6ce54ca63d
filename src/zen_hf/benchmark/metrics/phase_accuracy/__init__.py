# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Accuracy and macro-F1 of the surgical phase, per video."""
