# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""One class per frame (a phase, step or gesture), video by video."""
