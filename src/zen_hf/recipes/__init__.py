# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""One linear module per recipe, with its YAML files beside it."""
