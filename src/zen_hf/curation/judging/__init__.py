# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What is measured of frames and films, and what is refused or masked for it."""
