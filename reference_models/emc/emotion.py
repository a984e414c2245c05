"""The speaker's emotion: as vectors for attention, and as it is heard where no face is seen."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from reference_models.blocks.standardisation import Standardisation
from reference_models.emc.streams import Presence

__all__ = ["FACE_EMOTION", "HEARD", "SPEECH_EMOTION", "EmotionVectors", "SpeechEmotion"]

FACE_EMOTION = 25
HEARD = slice(15, 25)
"""Which of the 25 facial attributes speech tells of: valence, arousal and eight expressions, no action units."""

SPEECH_EMOTION = HEARD.stop - HEARD.start
_VALENCE_AROUSAL = 2


class EmotionVectors(nn.Module):
    """e-MLP: a branch for what a face shows, one for what speech tells, and a map that they share.

    Args:
        width: Channels of the vectors.
        mean_of_both: Whether frames with face and speech take the mean of both branches, else the face's alone.
    """

    def __init__(self, width: int, *, mean_of_both: bool) -> None:
        super().__init__()
        self.face, self.speech = (
            nn.Sequential(nn.Linear(channels, width), nn.GELU(), nn.LayerNorm(width))
            for channels in (FACE_EMOTION, SPEECH_EMOTION)
        )
        self.shared = nn.Linear(width, width)
        self.mean_of_both = mean_of_both

    def forward(self, face: Tensor, speech: Tensor, presence: Presence) -> Tensor:
        """(B, T, width).

        Args:
            face: (B, T, 25); where no face is present, what was last seen.
            speech: (B, T, 10).
            presence: Where either is present; where neither is, the face counts if it was ever seen.
        """
        seen, heard = self.face(face), self.speech(speech)
        by_face = presence.face | (~presence.speech & presence.face_known[:, None])
        chosen = torch.where(by_face[..., None], seen, heard)
        if self.mean_of_both:
            both = (presence.face & presence.speech)[..., None]
            chosen = torch.where(both, (seen + heard) / 2, chosen)
        found: Tensor = self.shared(chosen)
        return found


class SpeechEmotion(nn.Module):
    """Valence and arousal in -1..1, and eight expressions that sum to 1, of features of sound, frame by frame.

    Args:
        channels: Of the features.
        width: Of its hidden layer.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.scaling = Standardisation(channels, kept=True)
        self.hidden, self.output = nn.Linear(channels, width), nn.Linear(width, SPEECH_EMOTION)

    def forward(self, features: Tensor) -> Tensor:
        """(B, T, 10) of features (B, T, channels)."""
        made = self.output(nn.functional.gelu(self.hidden(self.scaling(features))))
        return torch.cat([made[..., :_VALENCE_AROUSAL].tanh(), made[..., _VALENCE_AROUSAL:].softmax(-1)], -1)
