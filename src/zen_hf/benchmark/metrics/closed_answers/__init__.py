# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Answers from a fixed list to closed questions."""
