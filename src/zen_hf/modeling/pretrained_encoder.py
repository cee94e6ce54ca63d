# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What every frozen encoder shares: strict loading, normalisation that happens exactly once, and a fingerprint."""

import hashlib
import json
from pathlib import Path

import torch
from transformers import AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.image_processing_base import ImageProcessingMixin
from transformers.utils import is_timm_available
from transformers.video_processing_utils import BaseVideoProcessor

from .complete_checkpoint_zen import refuse_incomplete

CLIPS = "pixel_values_videos"  # main input of models that take clips


class PretrainedEncoder:
    """A frozen pretrained model that normalises its own input.

    It is not an `nn.Module` on purpose: a teacher must never become part of what is trained, saved or averaged.

    Args:
        model: A transformers vision model.
        image_mean: Mean per channel that the model expects, for pixels in [0, 1].
        image_std: Standard deviation per channel, likewise.
        pixel_scale: Highest value of a pixel before normalisation: 1 in most models, 255 in some.
        reverse_channels: True for models that expect BGR.
        name: How messages call this encoder.
    """

    stride: int  # pixels per patch

    def __init__(
        self,
        model: PreTrainedModel,
        image_mean: list[float],
        image_std: list[float],
        pixel_scale: float = 1.0,
        reverse_channels: bool = False,
        name: str = "encoder",
    ):
        self.name = name
        self.model = model.eval().requires_grad_(False)
        self.pixel_scale, self.reverse_channels = pixel_scale, reverse_channels
        parameter = next(self.model.parameters())
        self.mean, self.std = (
            torch.tensor(value, dtype=torch.float32, device=parameter.device).view(1, -1, 1, 1)
            for value in (image_mean, image_std)
        )

    def normalise(self, images: torch.Tensor) -> torch.Tensor:
        """What the model's own processor would make of frames, in the model's type and on its device.

        Args:
            images: RGB frames [B, 3, H, W] in [0, 1]; H and W divisible by `stride`.

        Raises:
            ValueError: If the values leave [0, 1] (normalised twice?) or the size does not fit the stride.
        """
        low, high = images.aminmax()
        if not (low >= -1e-3 and high <= 1 + 1e-3):  # also true of NaN
            raise ValueError(
                f"{self.name}: pixels span [{low:.3f}, {high:.3f}]; expected RGB in [0, 1], not yet normalised"
            )
        height, width = images.shape[-2:]
        if height % self.stride or width % self.stride:
            raise ValueError(
                f"{self.name}: frames are {height}x{width} pixels; both sides must be divisible by {self.stride}"
            )
        pixels = images.flip(1) if self.reverse_channels else images
        pixels = (pixels.to(self.mean.device, torch.float32) * self.pixel_scale - self.mean) / self.std
        return pixels.to(next(self.model.parameters()).dtype)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of weights, configuration and normalisation: equal fingerprints give equal features."""
        digest = hashlib.sha256()
        # where, by what and for what it was written
        neutral = {"transformers_version", "dtype", "_name_or_path", "auto_map", "architectures"}
        neutral |= {"id2label", "label2id", "problem_type", "text_tower"}
        neutral |= {"num_classes", "label_names", "pretrained_cfg"}  # of timm; its normalisation is hashed below
        config = {key: value for key, value in self.model.config.to_dict().items() if key not in neutral}
        settings = [config, self.mean.tolist(), self.std.tolist(), self.pixel_scale, self.reverse_channels]
        digest.update(json.dumps(settings, sort_keys=True, default=str).encode())
        for key, tensor in sorted(self.model.state_dict().items()):
            digest.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    def to(self, device: torch.device | str) -> "PretrainedEncoder":
        """Moves the model and its normalisation."""
        self.model.to(device)
        self.mean, self.std = self.mean.to(device), self.std.to(device)
        return self


def load_pretrained(
    pretrained_model_name_or_path: str,
    revision: str | None = None,
    dtype: torch.dtype = torch.float32,
    trust_remote_code: bool = False,
    image_mean: list[float] | None = None,
    image_std: list[float] | None = None,
    model_class: type = AutoModel,
) -> tuple[PreTrainedModel, dict]:
    """Loads a model from the Hub or a local folder, refusing one whose weights are not all there.

    Args:
        pretrained_model_name_or_path: Hub id or folder of any `AutoModel` with pixel inputs, or a name of timm's such as
            `vit_small_patch16_224.augreg_in21k` (its weights come from the Hub).
        revision: Commit, tag or branch on the Hub.
        dtype: Type of the weights and of the computation.
        trust_remote_code: Whether code that lies beside the weights may run.
        image_mean: Overrides the mean of the checkpoint's own preprocessing.
        image_std: Overrides its standard deviation.
        model_class: Class, or Auto class, that loads it.

    Returns:
        The model, and the other arguments of the encoder's class.

    Raises:
        FileNotFoundError: If the folder or repository holds no readable checkpoint.
        ImportError: If it is a model of timm, and timm is not installed.
        ValueError: If the checkpoint lacks weights, or no normalisation is known.
    """
    name = hub_name(str(pretrained_model_name_or_path))
    try:
        model, report = model_class.from_pretrained(
            name,
            revision=revision,
            dtype=dtype,
            trust_remote_code=trust_remote_code,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
        )
    except OSError as error:
        raise FileNotFoundError(
            f"{name}: no model could be loaded ({error}); expected a Hub id or a folder with config.json and "
            "model.safetensors, as written by save_pretrained"
        ) from error
    except ImportError as error:
        if "timm" not in str(error):
            raise
        raise ImportError(f"{name} is a model of timm, which is not installed; run `pip install timm`") from error
    # a ViT published for classification has no pooler, its summary is the CLS token; no encoder runs a predictor
    for part in ("pooler", "predictor"):
        missing = {key for key in report["missing_keys"] if key.startswith(f"{part}.")}
        if missing:
            setattr(model, part, None)
            report["missing_keys"] -= missing
    refuse_incomplete(name, report)
    return model, read_settings(model, name, revision, image_mean, image_std)


def read_settings(
    model: PreTrainedModel,
    name: str,
    revision: str | None = None,
    image_mean: list[float] | None = None,
    image_std: list[float] | None = None,
) -> dict:
    """The other arguments of an encoder's class, by what lies beside the model's weights; see `load_pretrained`.

    Raises:
        ValueError: If no normalisation is known.
    """
    if hasattr(model, "timm_model"):
        processing, source = read_timm_processing(model.config), "config.json with mean and std in its pretrained_cfg"
    else:
        processing = read_processing(name, revision, clips=model.main_input_name == CLIPS)
        source = "preprocessor_config.json with image_mean and image_std"
    mean, std = (image_mean or processing.get("image_mean"), image_std or processing.get("image_std"))
    if processing.get("do_normalize") is False and image_mean is None:
        mean, std = [0.0] * 3, [1.0] * 3
    if mean is None or std is None:
        raise ValueError(
            f"{name} has no {source}, so its input normalisation is unknown; pass image_mean and image_std"
        )
    if processing.get("rescale_offset"):
        raise ValueError(f"{name}: rescale_offset in preprocessor_config.json is not supported; unset it")
    rescale_factor = processing.get("rescale_factor", 1 / 255) if processing.get("do_rescale", True) else 1.0
    size = processing.get("crop_size") if processing.get("do_center_crop") else processing.get("size")
    return {
        "image_mean": mean,
        "image_std": std,
        "image_size": first_size(size) if size else None,
        "pixel_scale": 255 * rescale_factor,  # processors see [0, 255], frames here lie in [0, 1]
        "reverse_channels": bool(processing.get("do_flip_channel_order", False)),
        "name": name,
    }


def hub_name(name: str) -> str:
    """The Hub id behind a name of timm's; any other name, and a folder, as it is.

    Raises:
        ValueError: If timm knows the architecture, but not these weights of it.
    """
    if "/" in name or Path(name).exists() or not is_timm_available():
        return name
    import timm

    if not timm.is_model(name):
        return name
    architecture = name.partition(".")[0]
    known = timm.list_pretrained(f"{architecture}.*")
    if not known or ("." in name and name not in known):
        raise ValueError(f"timm has no weights {name!r}; it knows {known or 'none'} of {architecture}")
    return timm.get_pretrained_cfg(name).hf_hub_id


def read_timm_processing(config: PreTrainedConfig) -> dict:
    """The preprocessing in a timm checkpoint's `pretrained_cfg`, as a processor would call it; empty where none is."""
    own = getattr(config, "pretrained_cfg", None) or {}
    names = {"mean": "image_mean", "std": "image_std"}
    processing = {names[key]: list(own[key]) for key in names if own.get(key)}
    size = (getattr(config, "model_args", None) or {}).get("img_size") or (own.get("input_size") or [None])[-1]
    return processing | ({"size": size} if size else {})


def read_processing(name: str, revision: str | None, clips: bool) -> dict:
    """The preprocessing that was saved beside a checkpoint; empty where none was."""
    read = BaseVideoProcessor.get_video_processor_dict if clips else ImageProcessingMixin.get_image_processor_dict
    try:
        return read(name, revision=revision)[0]
    except OSError:
        return {}


def first_size(size) -> int:
    """One side of a size given as a number, a sequence or a dict of `size`."""
    if isinstance(size, int):
        return size
    return int(next(iter(size.values() if isinstance(size, dict) else size)))


__all__ = ["CLIPS", "PretrainedEncoder", "first_size", "load_pretrained", "read_settings"]
