"""What to know of Trans-VAE."""

from __future__ import annotations

from dataclasses import replace

from reference_models.records import Glance, ModelCard

__all__ = ["CARD", "ONLINE_CARD"]

CARD = ModelCard(
    paper="Song et al., REACT 2023 and REACT 2024: the first and second Multiple Appropriate Facial Reaction "
    "Generation challenge; the baseline of their offline task. No paper describes it in detail.",
    code="https://github.com/reactmultimodalchallenge/baseline_react2024 at 0c3ce58; its model files equal those of "
    "baseline_react2023",
    summary="Encodes every frame of the speaker's face and voice, gathers them in one Gaussian by two learned tokens, "
    "and decodes a sample of it to a reaction. There is no posterior of the listener: the Gaussian is a prior given "
    "the speaker, kept near N(0, 1). Everything that a reaction knows of the speaker is in that one vector.",
    inputs="speaker_video (T, 3, 224, 224) in -1..1, 25 a second, of any size in fact, and speaker_mfcc78 (T, 78). "
    "The tiny configuration takes speaker_emotion (T, 25) and speaker_3dmm (T, 58) instead, an option of ours.",
    outputs="emotion (T, 25) without a final activation, and coefficients (T, 58), of 3DMM less the mean face as "
    "published.",
    code_licence="none stated",
    weights="none published",
    verified="Outputs of the official code at the commit above, with all weights filled, on two clips: every output "
    "within 3e-6. Parameters, keys and shapes of the state equal the official ones, whole and by part.",
    defects=(
        "The official evaluation expects a list and gets a tuple, and feeds 751 frames first and 750 after; ours "
        "generates clips of any length.",
        "The official code asks tensors for a device number and fails on CPUs; ours has no such calls.",
        "The layer `fusion` is in offline checkpoints and never used; it is kept so that checkpoints are complete.",
        "Training crops 256 frames, and generation decodes 750: positions beyond 256 were never seen. Train on whole "
        "clips (window: null) where memory allows; the tiny recipe does.",
        "The diversity loss is exp(-d²/100) with d² summed over frames and channels, and vanishes for long clips.",
        "Swapped roles in a list that has both directions double one augmentation; ours draws a direction once.",
    ),
    glance=Glance("the whole clip", "official outputs, 3e-6", 9.1),
    causality="Offline only: every frame depends on the whole clip.",
    cost="1,315,891 parameters. Ten reactions to a clip of 750 frames at 224 pixels take 12 CPU seconds in float32: "
    "11 for the speaker, once, and 0.7 for all decoding; the official code takes 17 and then 0.9 a reaction.",
)

ONLINE_CARD = replace(
    CARD,
    paper=CARD.paper.replace("offline task", "online task"),
    summary="Generates window after window: a Gaussian of the speaker and of the reaction so far, by two learned "
    "tokens, is sampled and decoded; windows after the first also attend to all coefficients before and go through an "
    "LSTM that starts at the last of them.",
    defects=(*(each for each in CARD.defects if "fusion" not in each),),
    verified=CARD.verified.replace("on two clips", "on two clips of three windows"),
    glance=Glance("none; published 15 frames", "official outputs, 3e-6"),
    causality="With look_ahead='end' as published, a window sees the speaker up to its own end: window - 1 frames "
    "ahead, 7 or 15. With look_ahead='start' no frame depends on later frames of the speaker, and running statistics "
    "keep that so in video.",
    cost="1,670,835 parameters. Ten reactions to a clip of 750 frames at 224 pixels in windows of 16: 9 CPU seconds in "
    "float32 with running statistics, 8 of them for the speaker, who is encoded once. With prefix statistics about "
    "100, estimated of a shorter clip, as the first convolution is done once and every prefix serves all reactions; "
    "the official code takes 6 to 13 minutes for each reaction.",
)
