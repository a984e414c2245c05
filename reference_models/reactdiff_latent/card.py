"""What to know of ReactDiff (latent)."""

from __future__ import annotations

from dataclasses import replace

from reference_models.records import Glance, ModelCard

__all__ = ["CARD", "ONLINE_CARD"]

CARD = ModelCard(
    paper="ReactDiff, latent diffusion with multimodal fusion: the paper that belongs to Hunan-Tiger/ReactDiff. Not "
    "the ReactDiff of lingjivoo (ACM MM 2025), which diffuses 3DMM coefficients themselves, knows no facial "
    "attributes, and shares nothing but the name; hence 'latent' in ours.",
    code="https://github.com/Hunan-Tiger/ReactDiff at 19f8768",
    summary="An auto-encoder fuses what a face shows and a voice tells, frame by frame and by attention over the clip, "
    "to a latent a frame, and decodes latents to facial attributes and 3DMM. It learns on listeners. Then a diffusion "
    "learns to make windows of 50 of their latents of noise: a U-Net whose channels are frames, told the speaker's "
    "latents of a window, in 20 steps of DDIM. All windows and reactions to a speaker are made in one batch, and "
    "decoded together.",
    inputs="Features a frame, 25 a second, as published: speaker_va64, speaker_au25088, speaker_fer1408, "
    "speaker_mfcc26, speaker_wav2vec1536. The networks that make the first three are not public; any features of these "
    "widths can be put into a feature folder under these names. With speaker_inputs='behaviour', an option of ours, it "
    "takes speaker_emotion and speaker_3dmm instead, with 'behaviour with sound' speaker_mfcc26 too. Training needs "
    "the same kinds of listeners, so the recipe's outputs name them.",
    outputs="emotion (T, 25) without a final activation, action units as they come or rounded, and coefficients (T, "
    "58) of 3DMM less the mean face.",
    code_licence="none stated",
    weights="none published. Two files belong to a model, that of the auto-encoder with what its latents are like, and "
    "that of the U-Net; both are converted together.",
    verified="Outputs of the official code at the commit above, with all weights filled: the auto-encoder, latents "
    "decoded, the U-Net at five steps, and whole generation from given noise offline and online with scaled latents, "
    "conditions and the U-Net's inputs on the way; every output within 1e-5. Parameters, keys and shapes equal the "
    "official ones, by part.",
    defects=(
        "The official code saves the U-Net only, so the layer that condenses the speaker's window (13,110,272 numbers) "
        "is lost, and its own evaluation makes it anew at random. Ours stores it, takes it from files that have it "
        "(linear.*), refuses files without it, and with cond_init_seed makes it at random, with a warning.",
        "When statistics are taken, official training goes on from the averaged weights; ours keeps the two apart.",
        "Official validation is on the test split and chooses nothing.",
        "Official online training fails, as statistics are of 750 frames and clips then of 700; ours trains.",
        "The second norm of every attention and a copy of the encoder's last layers are never used; ours keeps them, "
        "so that checkpoints are whole, and does not train them.",
        "The paper has half as wide latents, windows within the auto-encoder, and noise that is made of the listener "
        "by DDIM backwards; the code, and ours, have neither.",
        "The U-Net's channels are frames, and the speaker shifts a channel alike for all channels of latents, so from "
        "noise it hardly knows which latent is which. Kept; guessed=True, an option of ours, mends that.",
        "Attention of the auto-encoder knows no order of frames: a clip that is shuffled gives shuffled latents. Kept.",
    ),
    glance=Glance("the whole clip", "official outputs, 1e-5"),
    causality="Offline only: the auto-encoder attends to the whole clip.",
    cost="542,409,605 parameters: 124,986,707 of the auto-encoder, 404,312,626 of the U-Net, 13,110,272 between them.",
)

ONLINE_CARD = replace(
    CARD,
    summary=CARD.summary.replace("latents of a window,", "latents of the window before, zeros at first,"),
    glance=Glance("none; published the whole clip", "official outputs, 1e-5"),
    causality="As published every frame depends on the speaker's whole clip: features are a window late, but the "
    "encoder attends to all of them and the decoder to all windows, so it looks ahead to the end. Clean: both attend "
    "to windows up to their own, and a reaction depends on windows of the speaker before it only, so it is 50 to 99 "
    "frames late.",
)
