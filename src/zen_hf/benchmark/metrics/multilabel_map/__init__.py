# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Mean average precision of several labels per frame (instruments in view, criteria of safety), per video and pooled."""
