# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Heads that are trained on cached features."""
