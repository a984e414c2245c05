"""What to know of BeLFusion."""

from __future__ import annotations

from dataclasses import replace

from reference_models.records import Glance, ModelCard

__all__ = ["CARD", "ONLINE_CARD"]

CARD = ModelCard(
    paper="Barquero, Escalera, Palmero: BeLFusion: Latent Diffusion for Behavior-Driven Human Motion Prediction, ICCV "
    "2023; as the organisers of REACT 2023 and 2024 made it a baseline of their offline task.",
    code="https://github.com/reactmultimodalchallenge/baseline_react2024 at 0c3ce58; its model files equal those of "
    "baseline_react2023",
    summary="A recurrent auto-encoder gives windows of 50 frames of facial attributes a latent. A diffusion makes such "
    "latents of noise, guided by the latent of the speaker's window, in 10 steps of DDIM; each is decoded once, after "
    "the last step. 3DMM coefficients are a small network's guess from the facial attributes. In training k samples "
    "are drawn for every window, of which the best counts: published with k = 1 and k = 10 (the field `samples`).",
    inputs="speaker_emotion (T, 25), 25 a second; no sound, no video.",
    outputs="emotion (T, 25) without a final activation, action units as they come, rounded or binary (the published "
    "row 'binarised AUs' is action_units='rounded'); and coefficients (T, 58), of 3DMM less the mean face as "
    "published.",
    code_licence="none stated; the original BeLFusion for human motion is for non-commercial academic use",
    weights="a SharePoint folder that the official README names, without a licence: one file of the auto-encoder with "
    "the range of its latents, one of the denoiser; both are converted together. The official script trains its 3DMM "
    "part towards 0.",
    verified="Outputs of the official code at the commit above, with all weights filled: the auto-encoder, the "
    "denoiser at six steps, and whole generation from given noise offline and online with the noisy latents of two "
    "steps on the way; every output within 3e-6. The schedule is diffusers'. Parameters, keys and shapes equal the "
    "official ones, by part.",
    defects=(
        "The official code decodes in every step of diffusion; only the last counts, so ours decodes once.",
        "The official auto-encoder never leaves training mode, which is harmless: its dropout is 0.",
        "A channel of the latent that never changed is divided by 0 there; ours only shifts it.",
        "The official denoiser stores its modulations under two names; ours checks that they agree, and writes both.",
        "Official validation keeps the last epoch, not the best; ours can keep the best.",
        "The official module needs OpenCV for a name that it never uses; its table of schedules names 'sqrt2e-2' "
        "twice. Ours has the cosine schedule only, which both published models use.",
        "The divergence is summed over the windows of a clip, so it weighs more in longer clips; kept.",
    ),
    glance=Glance("49 frames", "official outputs, 3e-6"),
    causality="Offline only: every window depends on the same window of the speaker, 49 frames ahead at most; with "
    "`context`, an option of ours, on that many windows more to either side.",
    cost="12,543,507 parameters: 242,579 of the auto-encoder, 12,300,928 of the denoiser. Ten reactions to a "
    "clip of 750 frames took about 2 seconds of processor time, on 2 busy cores.",
)

ONLINE_CARD = replace(
    CARD,
    paper=CARD.paper.replace("offline task", "online task"),
    summary=CARD.summary.replace("the speaker's window,", "the speaker's window before, 50 frames of 0 at first,"),
    glance=Glance("none", "official outputs, 3e-6"),
    causality="Causal in both answers: every window depends on windows of the speaker before it only, so a reaction is "
    "50 to 99 frames late. Fading windows into each other looks back, not ahead.",
)
