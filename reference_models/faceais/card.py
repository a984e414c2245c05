"""What to know of FaceAIS."""

from __future__ import annotations

from reference_models.records import Glance, ModelCard

__all__ = ["CARD"]

CARD = ModelCard(
    paper="Dam, Nguyen, Tran & Lee: Finite Scalar Quantization as Facial Tokenizer for Dyadic Reaction Generation, "
    "IEEE FG 2024; first of the online task of REACT 2024. Later work compares with it as FaceVIS.",
    code="https://github.com/ais-lab/FaceAIS_REACT24 at c275ea2",
    summary="A tokenizer turns every frame of a face into one of 1000 tokens, by 4 numbers that are rounded to 8, 5, 5 "
    "and 5 levels; two decoders make 3DMM coefficients and facial attributes of tokens. A transformer joins the "
    "speaker's tokens and speech, lets the listener's own past attend to them, and samples the next 32 tokens all at "
    "once, each by itself. The tiny configuration uses options of ours: places in the clip and no past of its own, "
    "noise that all blocks of a reaction share, codes near the expected one, and concordance in its losses.",
    inputs="speaker_3dmm (T, 58), 25 a second, less the mean face as published; speaker_audio, mono at 16 kHz, of "
    "which the convolutions of wav2vec 2.0 make 2 vectors a frame; they come from a local folder or with a published "
    "checkpoint, and are random without either. Options of ours: facial attributes or 78 MFCC of the speaker in place "
    "of sound, or 3DMM alone.",
    outputs="coefficients (T, 58), and emotion (T, 25), decoded from the same tokens.",
    code_licence="MIT",
    weights="A Google Drive folder that the official README names, without a licence of its own: one file of the "
    "tokenizer, and one of the predictor that also holds the tokenizer and all of wav2vec2-base-960h (Apache-2.0). The "
    "latter converts alone; of wav2vec 2.0 the convolutions are kept, so an export lacks its other layers.",
    verified="Outputs of the official code at the commit above, with all weights filled: tokens, numbers before "
    "rounding, both decoders, logits of the predictor with open and closed gates, and of the first and a later step of "
    "generation with their padding. Tokens are equal, logits within 3e-6. Parameters, keys and shapes equal the "
    "official ones: 231 keys of the tokenizer, 733 of the predictor.",
    defects=(
        "The official metrics are of mixed-up clips. Ten passes over the N clips are put one after another (10 × N), "
        "but then read as (N, 10): the 'ten reactions to a clip' are reactions to ten clips, compared with the real "
        "listener of another clip. Reactions that are as different as clips make FRDiv almost equal FRDvs: published "
        "as .1162 and .1165, and with the same sign in EMC's table for this model (.1158 and .1159). A test of ours "
        "shows it on made-up data. Ours scores every clip's own reactions.",
        "Padding's embedding and the first position's are never trained there; ours trains them.",
        "Only matrices decay there, here all weights that a stage trains. The official learning rate falls only after "
        "10,000 checks without a better one, which never come: constant.",
        "The official training keeps the epoch with the lowest validation loss (185 of 200, 91 of 1000); ours takes "
        "the last one, or the best by a metric, if one is selected.",
    ),
    glance=Glance("none; published 31 frames", "official outputs, 3e-6", 39),
    causality="Clean: a block is made of what the speaker did before its first frame, so a reaction is 1 to `block` "
    "frames late. Published: up to 31 frames ahead, as the token of a block's first frame is made of the whole block, "
    "and the loudness of sound is measured over the whole clip.",
    cost="113.7 million parameters without wav2vec 2.0: 27,570,568 of the tokenizer, 86,087,896 of the predictor; and "
    "4,201,472 of wav2vec 2.0's convolutions. Ten reactions to a clip of 736 frames take 39 s of processor time on "
    "one thread: 23 blocks, in which the speaker is encoded once for all reactions, padding is left out, and the last "
    "layer computes the 32 rows that are needed. One reaction after another takes 11 s each. Nothing of a block's "
    "attention can be kept for the next one: it looks both ways, and "
    "positions are counted from the end.",
)
