# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Tasks whose answer is a picture: masks, instances, depth. Heads, their training, and what is kept of predictions."""
