# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""One short declarative file per task; its name is the name of the task."""
