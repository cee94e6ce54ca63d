# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""ZEN: a vision foundation model for minimally invasive surgery, native to Hugging Face."""

__version__ = "0.1.0.dev0"
