# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Training of the trunk itself: LoRA, DoRA and full fine-tuning."""
