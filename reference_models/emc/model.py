"""What EMC does alike on all of its bases: what it is told, its training, and which batches it refuses."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from react_data.missing_modalities import MODALITIES, MissingModalities
from reference_models.blocks.speech_sound import SAMPLES_A_FRAME
from reference_models.emc.config import EMCFields
from reference_models.emc.divergences import fusion_divergence, reduced
from reference_models.emc.emotion import HEARD, SPEECH_EMOTION
from reference_models.emc.parts import EMC, Branch, Known, Sizes
from reference_models.emc.recipe import EMC_STAGE, LOSS_WEIGHTS, SPEECH_STAGE
from reference_models.emc.streams import Presence, held
from reference_models.errors import MissingInputError, ModelInputError
from reference_models.generator import WIDTHS, Batch, ReactionModel
from reference_models.missing_inputs import PRESENT
from reference_models.model_config import ModelConfig

__all__ = ["EMCModel"]

_EMOTION, _GIVEN = "speaker_emotion", "speaker_speech_emotion10"
_SMALL_IMAGE = (3, 16, 16)  # of a video that is not there, and not looked at


class EMCModel(ReactionModel):
    """A base to which EMC is added; a class of a model names this one before its base.

    With nothing missing and all gates at 0, it generates what its base does.

    Args:
        config: What it is made of, an `EMCFields` too.
    """

    takes_missing = True
    base_stages: ClassVar[tuple[str, ...]]
    """Stages that train the base alone."""

    sees_ahead: ClassVar[bool] = True
    """Whether a frame may depend on later ones."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        own = self._own
        more = [_EMOTION] if own.uses_emotion else []
        more += [_GIVEN] if own.uses_emotion and own.speech_emotion == "given" else []
        self.inputs = tuple(dict.fromkeys([*self.inputs, *more]))
        self.emc = EMC(own, self.sizes())
        self.stage = EMC_STAGE

    @abstractmethod
    def sizes(self) -> Sizes:
        """What EMC has to know of the base."""

    @abstractmethod
    def sound(self, speaker: Mapping[str, Tensor]) -> Tensor:
        """(B, T, C): features of sound of speakers (B, T, …), which emotion is heard in."""

    @abstractmethod
    def taught(self, batch: Mapping[str, Tensor]) -> Known:
        """What is known of the speakers of a training batch, whose missing frames hold what was known before."""

    @abstractmethod
    def branch_distribution(self, branch: Branch, known: Known) -> Any:
        """The distribution of reactions that a branch leads to."""

    @abstractmethod
    def divergence(self, first: Any, second: Any) -> Tensor:
        """How far two of these distributions are from each other, by element."""

    @abstractmethod
    def branch_losses(
        self, distribution: Any, branch: Branch, known: Known, batch: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """The base's losses of reactions from a distribution, ``"loss"`` and its parts."""

    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Training losses of a batch; see `ReactionModel.loss`.

        Returns:
            In the stages of the base, the base's. In the stage ``"speech_emotion"`` the mean absolute error of what is
            heard of emotion. Else the base's of one branch, and ``"compensation"`` and ``"fusion"``.

        Raises:
            MissingInputError: If the batch lacks what the stage learns from.
        """
        if self.stage in self.base_stages:
            return super().loss(batch)  # type: ignore[safe-super]  # the base follows in the order of classes
        missing = [name for name in self.inputs if name not in batch]
        if missing:
            raise MissingInputError(f"the training batch has no {' and no '.join(missing)}, which EMC learns from.")
        return self._heard_loss(batch) if self.stage == SPEECH_STAGE else self._emc_loss(batch)

    @torch.no_grad()
    def begin_stage(self, stage: str, batches: Iterable[Mapping[str, Tensor]]) -> None:
        """As the base before its stages; before the others, features of sound are measured."""
        if stage in self.base_stages:
            super().begin_stage(stage, batches)
        elif stage == SPEECH_STAGE and self._learns_to_hear:
            self.emc.speech_emotion.scaling.measure(self.sound(batch).flatten(0, 1) for batch in batches)
        elif stage == EMC_STAGE and self._own.scaled_speech:
            self.emc.scaling.measure(self.taught(batch).streams.speech.flatten(0, 1) for batch in batches)

    def generate(self, batch: Batch, reactions: int = 10, seed: int = 0, online: bool = False) -> Any:
        """As `ReactionModel.generate`; a modality may also be missing by not being in the batch at all.

        Raises:
            ModelInputError: If nothing of a clip's speaker is there.
        """
        return super().generate(self._filled(batch), reactions, seed, online)

    def held(self, speaker: Mapping[str, Tensor], presence: Presence) -> dict[str, Tensor]:
        """Series (B, T, …) of speakers that hold what was last known where frames are missing.

        Sound is silent there, whatever it holds; what is done about video, the bases say.
        """
        modality = MissingModalities().modality
        found = dict(speaker)
        for name in (each for each in self.inputs if each != "speaker_video"):
            present = getattr(presence, modality(name.removeprefix("speaker_")))
            if name != "speaker_audio":
                found[name] = held(speaker[name], present, ahead=self.sees_ahead)
            elif not bool(present.all()):
                heard = functional.pad(present.repeat_interleave(SAMPLES_A_FRAME, 1), (0, SAMPLES_A_FRAME), value=True)
                found[name] = speaker[name] * heard[:, : speaker[name].shape[1]]
        return found

    def emotions(self, speaker: Mapping[str, Tensor]) -> tuple[Tensor | None, Tensor | None]:
        """Facial attributes (B, T, 25), and the emotion (B, T, 10) in speech; None where emotion is not used."""
        if not self._own.uses_emotion:
            return None, None
        given = self._own.speech_emotion == "given"
        return speaker[_EMOTION], speaker[_GIVEN] if given else self.emc.hear(self.sound(speaker))

    @property
    def _own(self) -> EMCFields:
        found: Any = self.config
        own: EMCFields = found
        return own

    @property
    def _learns_to_hear(self) -> bool:
        return self._own.uses_emotion and self._own.speech_emotion == "learnt"

    def _heard_loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        presence = Presence.told(batch, batch[self.inputs[0]])
        if not self._learns_to_hear:  # there is nothing to learn, in a stage of the recipe
            nothing = next(self.emc.parameters()).sum() * 0
            return {"loss": nothing, "heard": nothing.detach()}
        made = self.emc.speech_emotion(self.sound(batch))
        there = presence.face & presence.speech & batch.get("frame_mask", presence.face)
        error = reduced((made - batch[_EMOTION][..., HEARD]).abs(), "mean", there.to(made.dtype))
        return {"loss": error, "heard": error.detach()}

    def _emc_loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        own, known = self._own, self.taught(batch)
        branches, more = self.emc.branches(known)
        made = [self.branch_distribution(branch, known) for branch in branches]
        if len(made) > 1:
            compared = [_detached(made[0]), *made[1:]] if own.detached_fusion else made
            more["fusion"] = fusion_divergence(compared, self.divergence, own.reduction)
        chosen = int(torch.randint(len(made), ())) if own.decoded == "random" else 0
        parts = self.branch_losses(made[chosen], branches[chosen], known, batch)
        weights = {**LOSS_WEIGHTS, **self.loss_weights}
        total = parts["loss"] + sum(weights[name] * value for name, value in more.items())
        return {**parts, **more, "loss": total}

    def _filled(self, batch: Batch) -> Batch:
        """A batch in which zeros stand for the series of a modality that has none, and which says so."""
        modality = MissingModalities().modality
        of = {name: modality(name.removeprefix("speaker_")) for name in self.inputs}
        gone = [each for each in MODALITIES if not any(name in batch for name in of if of[name] == each)]
        there = [name for name in of if of[name] not in gone and name != "speaker_audio"]
        if len(gone) != 1 or any(name not in batch for name in there) or not len(batch["clip"]):
            return batch
        each = 1 if there else SAMPLES_A_FRAME
        rows = [len(values) // each for values in batch[there[0] if there else "speaker_audio"]]
        found = dict(batch)
        for name in (name for name in of if of[name] == gone[0]):
            found[name] = [np.zeros(self._shape(name, frames), np.float32) for frames in rows]
        found[PRESENT[gone[0]]] = [np.zeros(frames, bool) for frames in rows]
        return found

    def _shape(self, name: str, frames: int) -> tuple[int, ...]:
        """The shape of a series of so many frames."""
        if name == "speaker_video":
            return (frames, *_SMALL_IMAGE)
        return (frames * SAMPLES_A_FRAME,) if name == "speaker_audio" else (frames, self.channels(name))

    def channels(self, name: str) -> int:
        """Channels of one of the series that it needs."""
        return SPEECH_EMOTION if name == _GIVEN else WIDTHS[name.removeprefix("speaker_")]

    def _check(self, batch: Batch, reactions: int, online: bool) -> None:
        super()._check(batch, reactions, online)
        for number, clip in enumerate(batch["clip"]):
            told = [batch[name][number] for name in PRESENT.values() if name in batch]
            frames = len(batch[self.inputs[0]][number])
            if any(len(each) != frames for each in told):
                raise ModelInputError(
                    f"the masks of clip {str(clip)!r} have {' and '.join(str(len(each)) for each in told)} frames, "
                    f"expected {frames} as {self.inputs[0]} has."
                )
            if len(told) == len(PRESENT) and not any(bool(each.any()) for each in told):
                raise ModelInputError(
                    f"neither face nor speech of the speaker of clip {str(clip)!r} is there at any frame, so there is "
                    "nothing to react to. Leave the clip out."
                )

    def _check_clip(self, shapes: Mapping[str, tuple[int, ...]], clip: str) -> None:
        given = shapes.get(_GIVEN)
        if given is not None and (len(given) != 2 or given[1] != SPEECH_EMOTION):
            raise ModelInputError(f"{_GIVEN} of clip {clip!r} has shape {given}, expected (frames, {SPEECH_EMOTION}).")
        super()._check_clip({name: shape for name, shape in shapes.items() if name != _GIVEN}, clip)


def _detached(distribution: Any) -> Any:
    return (
        distribution.detach()
        if isinstance(distribution, Tensor)
        else type(distribution)(*(each.detach() for each in distribution))
    )
