# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""From video to frames: curation, the streaming mixture and synthetic surgery."""
