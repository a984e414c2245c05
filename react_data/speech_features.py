"""Features of wav2vec 2.0 for the speech of a clip, from a checkpoint folder on this machine; nothing is downloaded.

Conventions: sound is resampled to 16 kHz, normalised over the whole clip by (x - mean) / √(variance + 1e-7) where the
checkpoint asks for it, then cut or filled with zeros to the video's length. The model gives a token every 20 ms: token
i covers the samples from 320 i up to 320 i + 400.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from react_data.audio import Sound, fit_to_frames, resample
from react_data.errors import ReactError
from react_data.optional_libraries import optional_library
from react_data.problems import abbreviate

__all__ = ["SpeechModel", "SpeechModelError", "SpeechTokens"]

_CONTEXT_S = 2.0
# Plays no part without masking, and converters leave it out.
_NEVER_USED = {"masked_spec_embed"}

Layer = Literal["hidden", "convolutional"]


class SpeechModelError(ReactError, ValueError):
    """A folder holds no wav2vec 2.0 checkpoint that can be used, or its tokens do not fit the frame rate.

    A checkpoint folder holds ``config.json``, the weights as safetensors and mostly ``preprocessor_config.json``, as
    ``save_pretrained`` of transformers writes them.
    """

    code = "RD021"


@dataclass(frozen=True)
class SpeechTokens:
    """What wav2vec 2.0 gives for a clip, and the frames that it is for.

    Attributes:
        hidden: (tokens, H) float32, the last hidden state; H is 768 for the base model.
        convolutional: (tokens, C) float32, the normalised output of the convolutions; C is 512 for the base model.
        frames: Frames of the clip.
        frames_per_second: Frames a second of the clip.
        tokens_per_second: 50 for every published model.
        first_centre_s: Second on which the first token is centred.
    """

    hidden: NDArray[np.float32]
    convolutional: NDArray[np.float32]
    frames: int
    frames_per_second: float
    tokens_per_second: float
    first_centre_s: float

    def stacked(self, layer: Layer = "hidden") -> NDArray[np.float32]:
        """The tokens of each frame side by side, as ReactDiff, ReactFace and FaceAIS take them at 25 frames a second.

        The last token is zeros where the sound has one token too few, which it always has.

        Args:
            layer: ``"hidden"`` or ``"convolutional"``.

        Returns:
            (frames, tokens a frame · size) float32, 2 tokens a frame at 25 frames a second; reshaped to
            (2 · frames, size) these are ReactFace's tokens.

        Raises:
            SpeechModelError: If a frame does not last a whole number of tokens, as at 30 frames a second.
        """
        each = round(self.tokens_per_second / self.frames_per_second)
        if each < 1 or not np.isclose(each * self.frames_per_second, self.tokens_per_second):
            raise SpeechModelError(
                f"a frame lasts {self.tokens_per_second / self.frames_per_second:.3g} tokens at "
                f"{self.frames_per_second:g} frames a second, so they cannot be stacked. Use interpolated()."
            )
        tokens = self._of(layer)[: each * self.frames]
        filled = np.pad(tokens, ((0, each * self.frames - len(tokens)), (0, 0)))
        return filled.reshape(self.frames, -1)

    def interpolated(self, layer: Layer = "hidden") -> NDArray[np.float32]:
        """One vector a frame at any frame rate: linear interpolation between the centres of the tokens.

        Frame t is centred on (t + 1/2) / frames a second; before the first and after the last token theirs hold.

        Args:
            layer: ``"hidden"`` or ``"convolutional"``.

        Returns:
            (frames, size) float32.
        """
        tokens = self._of(layer)
        centres = (np.arange(self.frames) + 0.5) / self.frames_per_second
        places = np.clip((centres - self.first_centre_s) * self.tokens_per_second, 0, len(tokens) - 1)
        before = places.astype(int)
        after = np.minimum(before + 1, len(tokens) - 1)
        share = (places - before).astype(np.float32)[:, np.newaxis]
        vectors: NDArray[np.float32] = (1 - share) * tokens[before] + share * tokens[after]
        return vectors

    def _of(self, layer: Layer) -> NDArray[np.float32]:
        if layer not in ("hidden", "convolutional"):
            raise SpeechModelError(f"there is no layer {layer!r}, expected 'hidden' or 'convolutional'.")
        return self.hidden if layer == "hidden" else self.convolutional


class SpeechModel:
    """A wav2vec 2.0 model, ready to encode clips.

    Args:
        folder: The checkpoint's folder.
        device: Where to compute, as torch names it.
        longest_pass_s: Longer clips are encoded in stretches of as many seconds, each with 2 s of context on both
            sides, since memory grows with the square of the length.

    Raises:
        SpeechModelError: If the folder is missing or holds no complete wav2vec 2.0 checkpoint, or `longest_pass_s` is
            below 1.
        LibraryMissingError: If torch or transformers is not installed.
    """

    def __init__(self, folder: str | os.PathLike[str], *, device: str = "cpu", longest_pass_s: float = 60.0) -> None:
        self.folder = Path(folder)
        if longest_pass_s < 1:
            raise SpeechModelError(f"longest_pass_s is {longest_pass_s:g}, expected at least 1.")
        preparation = _check_settings(self.folder)
        self.sample_rate: int = preparation["sampling_rate"]
        self.normalises = bool(preparation.get("do_normalize", True))
        self._longest_pass_s = longest_pass_s
        self._device = device
        self._torch = optional_library("torch", extra="speech", purpose="Encoding speech")
        self._model = _load(self.folder).to(device=device, dtype=self._torch.float32).eval()
        self._hop, self._field = 1, 1
        for kernel, stride in zip(self._model.config.conv_kernel, self._model.config.conv_stride, strict=True):
            self._field += (kernel - 1) * self._hop
            self._hop *= stride

    def encode(self, sound: Sound, frames: int, frames_per_second: float = 25) -> SpeechTokens:
        """Encode the sound of a clip.

        Args:
            sound: The clip's sound, at any rate.
            frames: Frames of the clip; sound is cut, or filled with zeros, to as many.
            frames_per_second: Frames a second of the clip.

        Returns:
            The tokens, which know how to align themselves with the frames.

        Raises:
            RecordingFormatError: If `frames` or `frames_per_second` is out of range.
            LibraryMissingError: If the sound has to be resampled and soxr is not installed.
        """
        at_rate = resample(sound, self.sample_rate)
        samples = at_rate.samples
        if self.normalises:
            deviation = np.sqrt(samples.var(dtype=np.float64) + 1e-7)
            samples = ((samples - samples.mean(dtype=np.float64)) / deviation).astype(np.float32)
        samples = fit_to_frames(Sound(samples, self.sample_rate), frames, frames_per_second).samples
        samples = np.pad(samples, (0, max(self._field - len(samples), 0)))
        passes = list(self._passes(samples))
        hidden, convolutional = (np.concatenate(parts) for parts in zip(*passes, strict=True))
        rate = self.sample_rate / self._hop
        return SpeechTokens(hidden, convolutional, frames, frames_per_second, rate, self._field / 2 / self.sample_rate)

    def _passes(self, samples: NDArray[np.float32]) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Hidden states and convolutional features of stretch after stretch."""
        tokens = (len(samples) - self._field) // self._hop + 1
        rate = self.sample_rate / self._hop
        at_once, context = int(self._longest_pass_s * rate), int(_CONTEXT_S * rate)
        for start in range(0, tokens, at_once):
            stop = min(start + at_once, tokens)
            first, last = max(start - context, 0), min(stop + context, tokens)
            # What follows the last token counts too: the first convolution is normalised over all its input.
            end = len(samples) if last == tokens else (last - 1) * self._hop + self._field
            stretch = samples[first * self._hop : end]
            with self._torch.inference_mode():
                found = self._model(self._torch.from_numpy(stretch[np.newaxis]).to(self._device))
            wanted = slice(start - first, stop - first)
            yield (
                found.last_hidden_state[0, wanted].cpu().numpy(),
                found.extract_features[0, wanted].cpu().numpy(),
            )


def _check_settings(folder: Path) -> dict[str, Any]:
    """Check the folder's settings, and return how its model wants the sound to be prepared."""
    if not folder.is_dir():
        raise SpeechModelError(
            f"{folder} is not a folder. Name the local folder of a wav2vec 2.0 checkpoint; nothing is downloaded."
        )
    config = _read_settings(folder / "config.json")
    if config.get("model_type") != "wav2vec2" or config.get("add_adapter"):
        raise SpeechModelError(
            f"{folder / 'config.json'} describes a model of type {config.get('model_type')!r}"
            f"{' with an adapter' if config.get('add_adapter') else ''}, expected 'wav2vec2' without one."
        )
    if not list(folder.glob("model*.safetensors")):
        raise SpeechModelError(
            f"{folder} holds no model.safetensors. Weights in pickle files are not read: load them with transformers "
            "where you trust them, and save_pretrained(folder, safe_serialization=True)."
        )
    preparation = folder / "preprocessor_config.json"
    settings = _read_settings(preparation) if preparation.exists() else {}
    rate = settings.setdefault("sampling_rate", 16_000)
    if not isinstance(rate, int) or rate < 1:
        raise SpeechModelError(f"{preparation} says sampling_rate {rate!r}, expected a whole number such as 16000.")
    return settings


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SpeechModelError(f"{path} cannot be read: {error}. Copy the whole checkpoint folder.") from None
    if not isinstance(settings, dict):
        raise SpeechModelError(f"{path} does not hold settings by name. Copy the whole checkpoint folder.")
    return settings


def _load(folder: Path) -> Any:
    transformers = optional_library("transformers", extra="speech", purpose="Encoding speech")
    with _quiet(transformers.utils.logging):
        try:
            model, found = transformers.Wav2Vec2Model.from_pretrained(
                str(folder), local_files_only=True, use_safetensors=True, output_loading_info=True
            )
        except Exception as error:  # whatever the library raises on a damaged checkpoint is an answer about it
            raise SpeechModelError(f"the checkpoint in {folder} cannot be loaded: {error}") from None
    # transformers fills what a checkpoint lacks with random numbers.
    missing = {str(key) for key in found["missing_keys"]} - _NEVER_USED
    if missing or found["mismatched_keys"]:
        lacking = abbreviate(sorted(missing | {str(key) for key in found["mismatched_keys"]}), 5)
        raise SpeechModelError(f"the checkpoint in {folder} lacks weights, or has them in other shapes: {lacking}.")
    return model


@contextmanager
def _quiet(logging: Any) -> Iterator[None]:
    """Keep the library's progress bar and its report of weights of other heads off the terminal."""
    verbosity, shown = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if shown:
            logging.enable_progress_bar()
