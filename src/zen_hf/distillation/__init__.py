# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Multi-teacher distillation: teachers, standardised targets, losses and the training loop."""
