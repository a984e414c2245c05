"""What to know of Trans-AE."""

from __future__ import annotations

from reference_models.records import Glance, ModelCard

__all__ = ["CARD"]

CARD = ModelCard(
    paper="Luo et al., ReactFace: Multiple Appropriate Facial Reaction Generation in Dyadic Interactions, 2023: a "
    "baseline of its tables.",
    code="none; the encoder is ReactFace's, https://github.com/lingjivoo/ReactFace at fa4b3a4",
    summary="A deterministic transformer auto-encoder: ReactFace's tokens of the speaker's face and voice, decoded "
    "straight to the listener's coefficients. All reactions to a speaker are one.",
    inputs="speaker_video (T, 3, 224, 224) in -1..1 and speaker_audio (640 · T) at 16 kHz. The tiny configuration "
    "takes speaker_emotion, speaker_3dmm and speaker_mfcc78 instead, an option of ours.",
    outputs="coefficients (T, 58), of 3DMM less the mean face where it was trained so.",
    code_licence="none published; the encoder's code is under the MIT licence",
    weights="none published",
    verified="The encoder's parts against ReactFace's official code; the decoder is our reading of one sentence.",
    defects=(
        "The paper says no more than that the encoder is decoded to coefficients; two decoder layers with "
        "ReactFace's temporal bias, and its losses without those that need chance, are our choice.",
    ),
    glance=Glance("the whole clip", "parts of it with official outputs"),
    causality="Offline only: video convolutions look 7 frames ahead, wav2vec 2.0 at the whole clip.",
    cost="FRDiv is 0 by construction.",
)
