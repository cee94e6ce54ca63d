# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Mean average precision of the instruments in view, per video."""
