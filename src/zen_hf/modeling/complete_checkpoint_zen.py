# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""Refuses checkpoints that would leave random weights in a model, where transformers only warns."""


def refuse_incomplete(name: str, report: dict) -> None:
    """Raises unless a checkpoint filled every weight of the model.

    Args:
        name: What the message calls the checkpoint.
        report: The second result of `from_pretrained(..., output_loading_info=True, ignore_mismatched_sizes=True)`.

    Raises:
        ValueError: Naming the first weight that is missing or has another size.
    """
    missing = sorted(report["missing_keys"])
    mismatched = sorted(report["mismatched_keys"], key=str)
    if missing:
        raise ValueError(
            f"{name} lacks {len(missing)} weights of its own architecture (first: {missing[0]}), "
            "which would be random; get the complete checkpoint"
        )
    if mismatched:
        raise ValueError(
            f"{name} holds {len(mismatched)} weights of another size than its config.json says (first, with the size "
            f"found and the size expected: {mismatched[0]}); get the configuration that belongs to the weights"
        )


__all__ = ["refuse_incomplete"]
