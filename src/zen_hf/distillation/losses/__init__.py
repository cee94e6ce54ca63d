# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""One loss per file, each with its paper; all return one value per frame, so that the caller can weigh and log them."""
