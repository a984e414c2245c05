"""What to know of ReactFace."""

from __future__ import annotations

from reference_models.records import Glance, ModelCard

__all__ = ["CARD"]

CARD = ModelCard(
    paper="Luo, Song, Xie, Spitale, Ge, Shen & Gunes: ReactFace: Online Multiple Appropriate Facial Reaction "
    "Generation in Dyadic Interactions, IEEE Transactions on Visualization and Computer Graphics, 2024 (arXiv "
    "2305.15748, 2023).",
    code="lingjivoo/ReactFace at fa4b3a4 (December 2024); the emotion head is that of e96ed07 (2023).",
    summary="Generates windows of 8 frames. A transformer combines the speaker's face and voice; the listener's own "
    "past and the speaker's give a Gaussian, and a latent that goes on from window to window with momentum 0.9; a "
    "decoder turns latents and what the speaker does into coefficients. Trained towards the nearest of many "
    "appropriate reactions. The tiny recipe adds a loss of concordance (CCC), which is ours and has no weight as "
    "published.",
    inputs="Published: video of the speaker's face (25 frames a second, 224 × 224 pixels, in [-1, 1]) and sound (mono, "
    "16 kHz), encoded by wav2vec 2.0 base. Also: facial attributes (25) or 3DMM coefficients (58) in place of video, "
    "wav2vec 2.0 features (1536 a frame) or 78 MFCC in place of sound; these layouts are ours. The weights of wav2vec "
    "2.0 come from a local folder; without one they are random.",
    outputs="58 FaceVerse coefficients, less the mean face as the model sees them and raw as they are generated; with "
    "the head of 2023, 25 facial attributes beside them, which are not bounded.",
    code_licence="MIT; its renderer PIRender is CC BY-NC 4.0 and is not used.",
    weights="None of the generator were published. wav2vec2-base-960h: Apache-2.0, Hugging Face.",
    verified="Every output of the official code on weights filled by a rule agrees to 1e-6 of its largest value: "
    "video and voice encoders, SpeakFormer, speaker head, offline loop, online prefix, online window and single step, "
    "and the loop of 2023 with its emotion head. Parameters at published(): 99,949,812, and by part as the official "
    "code's; an exported state has the 477 keys of the published layout with their shapes.",
    defects=(
        "On a processor without a GPU the official code fails, as it asks tensors for the number of their device. Ours "
        "takes any device.",
        "Windows have to be multiples of 8 frames there, and clips longer than 800 fail. Ours have any length.",
        "The momentum of the command line never reaches the model when it is evaluated; 0.9 holds. Ours is a field.",
        "The std face is loaded and never used. Ours is not either.",
        "The demonstration takes the frame rate from the video but 640 samples a frame whatever it is, so sound "
        "drifts, and loads weights that do not fit without a word. We refuse other rates and weights.",
        "The latent is drawn on the model's device. Ours is drawn on the CPU, by clip, so that seeds mean the same "
        "everywhere.",
        "The paper trains in two stages and towards the paired listener first; the code, and our recipe, in one.",
    ),
    glance=Glance("none; published 7 frames", "official outputs, 1e-6"),
    causality="Clean: a reaction depends on the speaker up to its own frame at most, as windows are answered from "
    "what was there when they begin. Published (look_ahead='end'): up to the end of its window, at most window - 1 = "
    "7 frames later, in online prefix (online_context=0) and online window (online_context=8) mode alike; and the "
    "scale of sound depends on the whole clip. Offline sees the whole clip.",
    cost="99.9 million parameters, of which 94.4 million are wav2vec 2.0. Ten reactions to an online window of 0.32 s "
    "take 0.12 s (median) to 0.19 s (99 of 100) on two processor cores, 0.22 to 0.29 s on one, of it 0.01 s decoding; "
    "measured by benchmarks/online_latency.py, which was given the cores first while others waited.",
)
