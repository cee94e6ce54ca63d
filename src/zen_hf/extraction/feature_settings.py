# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What is extracted of every frame, by which encoder, and how it is kept."""

from dataclasses import dataclass, field

import torch
from omegaconf import MISSING

import zen_hf
from zen_hf.data.frame_pixels import FRAME_TO_PIXELS, to_unit_range
from zen_hf.modeling.frame_encoder import FrameEncoder, FrameFeatures

from .preconditions import require_fitting_size, versions_of

KINDS = {"summary": ("summary",), "patches": ("patches",), "both": ("summary", "patches")}
TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
FORMATS = ("safetensors", "parquet")
PACKAGES = ("av", "numpy", "pillow", "torch", "transformers")  # other versions may give other features
CHUNK_FRAMES = 128  # what a kill can lose; its pixels take 19 MB at 224 px


@dataclass
class EncoderSource:
    """Where the encoder comes from.

    Attributes:
        model: Folder or Hub id of a ZEN or any `AutoModel` for pictures, or a timm name.
        revision: Commit, tag or branch on the Hub.
        trust_remote_code: Whether code that lies beside the weights may run.
    """

    model: str = MISSING
    revision: str | None = None
    trust_remote_code: bool = False

    def load(self, device: str | None = None) -> FrameEncoder:
        """The encoder.

        Args:
            device: Where it computes, "cuda" or "cpu"; by default on the GPU if there is one.
        """
        encoder = FrameEncoder.from_pretrained(self.model, self.revision, trust_remote_code=self.trust_remote_code)
        return encoder.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))


@dataclass
class FeatureSettings:
    """What is kept of every frame.

    Attributes:
        kind: `"summary"` (one vector per frame), `"patches"` (one per patch) or `"both"`.
        layers: Hidden layers that are kept as well, such as `[5, 11]`: 0 is what enters the first block.
        dtype: Type in the files: `"float32"`, `"bfloat16"` or `"float16"`.
        bf16: Whether the encoder computes in bfloat16 (autocast); fast on GPUs and processors that have instructions for it.
        image_size: Side of the square that frames are resized to, in px; 0 for the encoder's own.
        batch_size: Frames that the encoder sees at once.
        file_format: `"safetensors"`, or `"parquet"`, which `datasets` loads.
    """

    kind: str = "summary"
    layers: list[int] = field(default_factory=list)
    dtype: str = "float32"
    bf16: bool = False
    image_size: int = 0
    batch_size: int = 32
    file_format: str = "safetensors"

    def __post_init__(self):
        for name, known in (("kind", KINDS), ("dtype", TYPES), ("file_format", FORMATS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}; expected one of {', '.join(known)}")
        if self.file_format == "parquet" and self.dtype == "bfloat16":
            raise ValueError(
                "dtype is 'bfloat16', which Parquet does not know; choose float16, float32 or safetensors"
            )
        if self.batch_size < 1 or self.image_size < 0:
            raise ValueError(
                f"batch_size is {self.batch_size} and image_size {self.image_size}; expected at least 1, and a side in px "
                "or 0"
            )
        if len(set(self.layers)) < len(self.layers):
            raise ValueError(f"layers are {self.layers}; expected each once")

    @property
    def chunk_frames(self) -> int:
        """Frames that are encoded and kept together: whole batches."""
        return max(1, CHUNK_FRAMES // self.batch_size) * self.batch_size

    def key(self, encoder: FrameEncoder, fps: float) -> dict:
        """All that the features of a frame depend on, ready for JSON.

        Args:
            encoder: The encoder.
            fps: Frames per second of film.

        Raises:
            ValueError: If the image size does not fit the encoder.
        """
        size = self.image_size or encoder.default_image_size
        require_fitting_size(encoder, size)
        packages = PACKAGES + (("timm",) if hasattr(encoder.model, "timm_model") else ())
        return {
            "encoder": encoder.fingerprint,
            "image_size": size,
            "frame_to_pixels": FRAME_TO_PIXELS,
            "kind": self.kind,
            "layers": list(self.layers),
            "dtype": self.dtype,
            "bf16": self.bf16,
            "batch_size": self.batch_size,  # the last digits follow it
            "fps": fps,
            "versions": versions_of(packages) | {"zen-hf": zen_hf.__version__},
        }

    @torch.no_grad()
    def encode(self, encoder: FrameEncoder, squares) -> dict[str, torch.Tensor]:
        """Features of frames, batch by batch.

        Args:
            encoder: The encoder.
            squares: uint8 [n, 3, S, S], as `frame_to_square` makes them.

        Returns:
            `summary` [n, D], `patches` [n, N, C] and `layer5.summary` ..., in the type of the files, on the processor.

        Raises:
            ValueError: If a value is not finite in that type, or the encoder has no such layer.
        """
        device, parts = encoder.mean.device, []
        for start in range(0, len(squares), self.batch_size):
            images = to_unit_range(squares[start : start + self.batch_size], device)
            with torch.autocast(device.type, torch.bfloat16, enabled=self.bf16):
                parts.append(self.kept(encoder(images, layers=self.layers)))
        features = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
        for name, values in features.items():
            if not values.isfinite().all():
                raise ValueError(
                    f"the encoder's {name} is not finite in {self.dtype}; check its weights, or keep another dtype"
                )
        return features

    def kept(self, found: FrameFeatures) -> dict[str, torch.Tensor]:
        """What is kept of a batch."""
        named = {"": found} | {f"layer{number}.": layer for number, layer in found.layers.items()}
        return {
            prefix + kind: getattr(features, kind).to(TYPES[self.dtype]).cpu().contiguous()
            for prefix, features in named.items()
            for kind in KINDS[self.kind]
        }
