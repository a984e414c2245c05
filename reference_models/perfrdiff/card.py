"""What to know of PerFRDiff."""

from __future__ import annotations

from reference_models.records import Glance, ModelCard

__all__ = ["CARD"]

CARD = ModelCard(
    paper="PerFRDiff: Personalised Weight Editing for Multiple Appropriate Facial Reaction Generation, ACM Multimedia "
    "2024.",
    code="https://github.com/xk0720/PerFRDiff at 8f08853",
    summary="A transformer makes windows of 50 frames of facial attributes of noise, in 50 steps of DDIM, from the "
    "window of the speaker before. That is the generic generator. Given another clip of the listener, an encoder makes "
    "a style vector of it, and a hypernetwork makes changes of the generator's weights of that, so that everybody has "
    "a generator of their own. Ours computes the changes once a listener, beside the weights, for batches of any "
    "listeners; a hypernetwork of low rank (hypernetwork='low rank') and the style as an input "
    "(personalisation='input', the paper's Table 3) are options. Training has four stages: an auto-encoder of facial "
    "attributes, whose recurrent state is one of the inputs, the style encoder, the generator, and the hypernetwork on "
    "the frozen generator.",
    inputs="speaker_mfcc78 (T, 78), speaker_3dmm (T, 58) less the mean face and speaker_emotion (T, 25), 25 a second; "
    "to personalise, history_3dmm (H, 58) of another clip of the listener, of any length. 26 of the 78 numbers of "
    "sound are always 0, as there are two windows a frame.",
    outputs="emotion (T, 25) without a final activation. With coefficients=True, an option of ours, also coefficients "
    "(T, 58), frame by frame from the emotion, by a network that is published and never called.",
    code_licence="MIT",
    weights="one archive on Google Drive that the official README names, with no licence of its own; it was not "
    "reachable from here. Every network is a file in a folder of its name; the folder is converted as a whole. The "
    "generator alone is converted with personalisation='none' and unused_parts=False.",
    verified="Outputs of the official code at the commit above, with all weights filled, in a small size: recurrent "
    "states, the denoiser with and without the speaker and with guidance, whole sampling from given noise at two "
    "guidances with states on the way, style vectors, changes of weights, the prior, and generic and personalised "
    "generation; all within the tolerances that come with them but one: leaving out the last step of sampling, which "
    "is nothing but rounding there, differs by 0.0005 of the range. Parameters, keys and shapes equal the official "
    "ones, by part. Published weights were not tried.",
    defects=(
        "The official script trains the hypernetwork on a generator that it never loads, so on random weights; ours "
        "trains it on the generator of the stage before, as the paper says.",
        "A diffusion prior is trained and sampled, and no reaction depends on it; ours never samples it.",
        "The official hypernetwork takes one listener at a time, and writes into the generator's parameters.",
        "Officially nothing tells which clip is a listener's past; at test it is clip 1, also for clip 1 itself.",
        "No script trains the style encoder or the auto-encoder: those stages are ours, the style encoder's with the "
        "paper's loss and optimiser. Training takes the real listener, not one drawn reaction, for the hypernetwork.",
        "The paper's windows depend on all of the past, of both people; in the code, and here, on one window of the "
        "speaker. context makes that longer, an option of ours.",
        "The style encoder of the paper also sees action units; that of the code sees 3DMM only, and so does ours.",
        "A 1.6 billion parameter hypernetwork takes 6.5 GB; branches are evaluated in parts, and what they give is "
        "kept for the last 16 past clips.",
    ),
    glance=Glance("none", "official outputs, 1e-4 to 9e-4"),
    causality="Online and offline are one: every window depends on the speaker before it only, so a reaction is 1 to "
    "99 frames late, and nothing is known of the speaker in the first window. Fading windows into each other looks "
    "back, not ahead. A past clip of the listener is known from the beginning.",
    cost="23,013,401 parameters of the denoiser, 3,358,675 of the auto-encoder, 8,967,168 of the style encoder and "
    "1,626,880,512 of the hypernetwork, beside 15,630,608 of the prior and 3,464,275 of an auto-encoder that nothing "
    "uses. Ten reactions to a clip of 750 frames: 261 seconds of processor time with the published 50 steps and "
    "guidance, 129 without guidance; one reaction 27 and 15. The same reactions the plain way, with the prior, took "
    "713 and 61. One thread of a busy machine, from a few steps each.",
)
