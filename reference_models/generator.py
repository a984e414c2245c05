"""What every reference model is: a module that trains on dyads and reacts to one speaker at a time.

Conventions: clips are generated one by one, all reactions to a clip in one batch, and every clip draws from a generator
of its own. So the same seed gives the same bytes for any batch size, order of clips, or part of a split.
"""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from reference_models.errors import MissingInputError, ModelInputError
from reference_models.missing_inputs import PRESENT
from reference_models.model_config import ModelConfig

__all__ = ["WIDTHS", "ReactionModel", "clip_generator"]

Batch = Mapping[str, Any]

WIDTHS = {"emotion": 25, "3dmm": 58, "mfcc78": 78, "mfcc26": 26}
"""Channels of the kinds of series whose width is fixed."""


def clip_generator(seed: int, clip: str) -> torch.Generator:
    """Where the chance of one clip's reactions comes from: a generator on the CPU, whatever the model's device.

    Args:
        seed: Seed of the run, >= 0.
        clip: The clip's id.
    """
    entropy = np.random.SeedSequence([seed, zlib.crc32(clip.encode())])
    return torch.Generator().manual_seed(int(entropy.generate_state(1, np.uint64)[0] >> 1))


class ReactionModel(nn.Module, ABC):
    """A generator of facial reactions.

    A batch holds ``clip`` (B ids) and series by clip, (B, T, …) float32 or B arrays (T, …): ``speaker_emotion`` (25),
    ``speaker_3dmm`` (58), ``speaker_mfcc78``, ``speaker_mfcc26``, ``speaker_wav2vec``, ``speaker_audio`` (samples, mono
    at `sample_rate`, exactly as long as the frames), ``speaker_video`` (T, 3, H, W) in [-1, 1]. For a model that
    personalises, ``history_3dmm`` (B, H, 58) and the like of another clip of the listener may be there. The listener's
    reaction never is.

    Attributes:
        config: What the model is made of.
        inputs: The series that it needs.
        training_inputs: More of the speaker's series, which only `loss` needs.
        history: Series of another clip of the same listener, such as ``"history_3dmm"``, by which it personalises where
            a batch has them, all or none. It does without.
        heads: What it generates: ``"emotion"``, ``"coefficients"``.
        takes_missing: Whether it takes batches in which parts of a modality are missing: then they may hold
            ``speaker_face_present`` and ``speaker_speech_present``, (B, T) bool or B arrays (T,), and what is
            missing is 0 for `react`. Nothing is missing where they are not there.
        frames_per_second: The rate of the clips that it was made for.
        modes: ``"offline"``, ``"online"``: how it can generate.
        most_frames: Longest clip that it takes; any if None.
        sample_rate: Samples a second of ``speaker_audio``.
        video_size: Pixels of a side of ``speaker_video``.
        mean_face: (58,) that is subtracted from 3DMM that the model sees and added to what it generates; None for 3DMM
            as it is stored. Batches of `generate` and what it returns are raw, batches of `loss` are as the model sees
            them.
        std_face: (58,) that centred 3DMM is divided by; None for 1.
        stage: The stage of training, which the trainer sets; `loss` may depend on it.
        loss_weights: Weights of the parts of the loss in this stage, which the trainer sets from the recipe.

    `inputs` and `heads` may depend on the configuration: then the constructor sets them.
    """

    inputs: tuple[str, ...]
    heads: tuple[str, ...]
    training_inputs: tuple[str, ...] = ()
    history: tuple[str, ...] = ()
    modes: tuple[str, ...] = ("offline", "online")
    takes_missing: bool = False
    frames_per_second: ClassVar[int] = 25
    sample_rate: ClassVar[int] = 16000
    most_frames: int | None = None
    video_size: int = 224

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.mean_face: NDArray[np.float32] | None = None
        self.std_face: NDArray[np.float32] | None = None
        self.stage = ""
        self.loss_weights: Mapping[str, float] = {}

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(self.parameters()).device

    @abstractmethod
    def react(
        self, speaker: Mapping[str, Tensor], reactions: int, generator: torch.Generator, *, online: bool
    ) -> dict[str, Tensor]:
        """Reactions to one speaker; called in eval mode without gradients.

        Args:
            speaker: Series (T, …) of this clip by name, and of `history` (H, …) where a batch has them, on the model's
                device. 3DMM is centred.
            reactions: How many.
            generator: Where all chance comes from; it draws on the CPU, so move what is drawn.
            online: Whether the model generates window by window from the past.

        Returns:
            (reactions, T, C) for each of `heads`.
        """

    @abstractmethod
    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Training losses of a batch.

        Args:
            batch: Series (B, T, …) of speakers and listeners, as `react_data.torch` makes them.

        Returns:
            ``"loss"``, which is minimised, and its parts by name, all scalars.
        """

    def begin_stage(self, stage: str, batches: Iterable[Mapping[str, Tensor]]) -> None:
        """What has to be done before a stage of training, such as measuring the range of latents.

        Args:
            stage: Name of the stage that begins.
            batches: A pass over the training items of that stage, on the model's device.
        """

    @torch.no_grad()
    def generate(
        self, batch: Batch, reactions: int = 10, seed: int = 0, online: bool = False
    ) -> dict[str, NDArray[np.float32] | list[NDArray[np.float32]]]:
        """Reactions to the speakers of a batch.

        Args:
            batch: Clip ids and series by clip; see the class.
            reactions: Reactions a clip, at least 1.
            seed: Seed of the run; the same seed gives the same bytes however clips are batched.
            online: Whether to generate window by window from the past.

        Returns:
            (B, reactions, T, C) float32 for each head; lists of (reactions, T, C) where clips differ in length.

        Raises:
            MissingInputError: If a series that the model needs is not there.
            ModelInputError: If the batch, or the mode, does not fit the model.
        """
        self._check(batch, reactions, online)
        training = self.training
        self.eval()
        try:
            made = [self._of_clip(batch, number, reactions, seed, online) for number in range(len(batch["clip"]))]
        finally:
            self.train(training)
        gathered: dict[str, Any] = {head: [each[head] for each in made] for head in self.heads}
        equal = len({each.shape for each in gathered[self.heads[0]]}) == 1
        return {head: np.stack(each) if equal else each for head, each in gathered.items()}

    def _of_clip(
        self, batch: Batch, number: int, reactions: int, seed: int, online: bool
    ) -> dict[str, NDArray[np.float32]]:
        names = (*self.inputs, *(name for name in (*self.history, *self._told) if name in batch))
        speaker = {name: _tensor(batch[name][number]).to(self.device) for name in names}
        mean, std = (
            None if face is None else torch.from_numpy(face).to(self.device) for face in (self.mean_face, self.std_face)
        )
        if mean is not None:
            for name in (each for each in speaker if each.endswith("_3dmm")):
                speaker[name] = (speaker[name] - mean) / (1 if std is None else std)
            if "speaker_3dmm" in speaker and PRESENT["face"] in speaker:
                speaker["speaker_3dmm"] = speaker["speaker_3dmm"] * speaker[PRESENT["face"]][:, None]
        generator = clip_generator(seed, str(batch["clip"][number]))
        found = dict(self.react(speaker, reactions, generator, online=online))
        if "coefficients" in found and mean is not None:
            found["coefficients"] = found["coefficients"] * (1 if std is None else std) + mean
        return {head: found[head].float().cpu().numpy() for head in self.heads}

    def _check(self, batch: Batch, reactions: int, online: bool) -> None:
        name = type(self).__name__
        history = self.history if any(each in batch for each in self.history) else ()
        missing = [each for each in (*self.inputs, *history) if each not in batch]
        if missing:
            raise MissingInputError(
                f"{name} needs {' and '.join(missing)}; the batch has {', '.join(sorted(batch)) or 'nothing'}. "
                "Open the data set with these modalities or features."
            )
        mode = "online" if online else "offline"
        if mode not in self.modes:
            raise ModelInputError(f"{name} cannot generate {mode}, only {' and '.join(self.modes)}.")
        if reactions < 1 or not len(batch["clip"]):
            raise ModelInputError(f"{reactions} reactions to {len(batch['clip'])} clips: expected at least 1 of each.")
        for number, clip in enumerate(batch["clip"]):
            self._check_clip({each: batch[each][number].shape for each in (*self.inputs, *history)}, str(clip))
            for told in (each for each in PRESENT.values() if each in batch):
                self._check_present(told, batch[told][number], str(clip))

    @property
    def _told(self) -> tuple[str, ...]:
        """What batches may say of missing data."""
        return tuple(PRESENT.values()) if self.takes_missing else ()

    def _check_present(self, name: str, present: Any, clip: str) -> None:
        """Refuse missing data that the model would not know of."""
        if present.ndim != 1 or present.dtype not in (bool, np.bool_, torch.bool):
            raise ModelInputError(
                f"{name} of clip {clip!r} has shape {tuple(present.shape)} of {present.dtype}, expected (frames,) bool."
            )
        if not self.takes_missing and not present.all():
            raise ModelInputError(
                f"{type(self).__name__} takes no missing data, but {name} of clip {clip!r} is False at "
                f"{int((~present).sum())} frames. Fill what is missing, and leave {name} out."
            )

    def _check_clip(self, shapes: Mapping[str, tuple[int, ...]], clip: str) -> None:
        """Refuse series of other widths or lengths."""
        name = type(self).__name__
        for series, shape in shapes.items():
            width = WIDTHS.get(series.partition("_")[2])
            if width is not None and (len(shape) != 2 or shape[1] != width):
                raise ModelInputError(
                    f"{series} of clip {clip!r} has shape {tuple(shape)}, expected (frames, {width})."
                )
        empty = [series for series, shape in shapes.items() if series.startswith("history_") and not shape[0]]
        if empty:
            raise ModelInputError(f"{empty[0]} of clip {clip!r} has no frames. Choose another clip of the listener.")
        by_frame = {each: shape[0] for each, shape in shapes.items() if each.startswith("speaker_") and len(shape) > 1}
        if len(set(by_frame.values())) > 1:
            raise ModelInputError(f"clip {clip!r} has {by_frame} frames, expected equally many of each.")
        frames = next(iter(by_frame.values()), 1)
        if frames < 1 or (self.most_frames is not None and frames > self.most_frames):
            raise ModelInputError(
                f"clip {clip!r} has {frames} frames, but {name} takes 1 to {self.most_frames or 'any number'}. Cut it."
            )


def _tensor(values: Any) -> Tensor:
    return values if isinstance(values, Tensor) else torch.from_numpy(np.ascontiguousarray(values))
