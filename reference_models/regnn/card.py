"""What to know of REGNN."""

from __future__ import annotations

from reference_models.records import Glance, ModelCard

__all__ = ["CARD"]

CARD = ModelCard(
    paper="Xu, Spitale, Tang, Liu, Gunes & Song: Reversible Graph Neural Network-based Reaction Distribution Learning "
    "for Multiple Appropriate Facial Reactions Generation, arXiv 2305.15270, 2023; a baseline of REACT 2024.",
    code="https://github.com/reactmultimodalchallenge/baseline_react2024 at 0c3ce58, folder regnn; the author's own "
    "repository TongXu-05/REGNN-… at 5da2735 is older and does not run.",
    summary="A transformer combines a window of 50 frames of the speaker's face and voice into one graph, whose 25 "
    "nodes are the facial attributes. That graph is the mean of a distribution of latents. An invertible graph "
    "network, with edges by what the speaker does, encodes listeners' real reactions in training, so that the mean "
    "learns to be near the nearest of them; to generate, it is inverted step by step. Windows overlap by half and are "
    "averaged. Sampling the mixture of Gaussians that the paper describes is an option of ours (noise='mixture'), "
    "with its likelihood in the loss.",
    inputs="Published: 768 features of a Swin transformer for expressions and 128 VGGish features of sound (0 to 255), "
    "a row a frame. They are not computed here: they come from a "
    "feature folder as swin768 and vggish128, or are given as speaker_swin768 and speaker_vggish128. Also: facial "
    "attributes (25), 3DMM coefficients (58) or both in place of video, and 78 MFCC, or nothing, in place of sound; "
    "these layouts are ours (REGNNConfig.behaviour()).",
    outputs="emotion (T, 25), not bounded; no 3DMM coefficients.",
    code_licence="none stated",
    weights="A Google Drive folder that the official README names, without a licence: mhp-epoch95-seed1.pth, a pickled "
    "module, which is converted without unpickling: only its tensors are read. The file itself was not at hand.",
    verified="Outputs of the official code at the commit above, with all weights filled by a rule: what the "
    "transformer gives, the mean, edges, encoded reactions, the inverse without and with noise, and a clip of "
    "averaged windows; every output within 3e-6. Parameters by part, and the 184 keys and shapes, equal the official "
    "ones. The way from a pickled module was checked with a module of that layout that we pickled.",
    defects=(
        "The paper's mixture of Gaussians is computed, but neither trained nor sampled; reactions differ by bounded "
        "noise on one mean.",
        "The option for the number of neighbours sets the unused mixture; 5 neighbours are kept whatever it says. Ours "
        "is the field edge_neighbours.",
        "The number of layers of the transformer is at least 5 whatever is asked for; the number of epochs is always "
        "100, each ended after 101 steps. Ours are what the configuration and recipe say.",
        "The published file holds code by name, and whether norms were initialised is no part of a state dict, so that "
        "training a loaded model overwrites them. Ours is part of the state.",
        "Norms hold arbitrary numbers before the first step of training. Ours begin without effect.",
        "VGGish is fed with sound at 24 kHz, one row for 40 ms, far from what it was trained on (16 kHz, a row a "
        "second); its features of 0 to 255 are used as they are.",
        "The logarithm of the determinant, off in the published run, fails with NumPy 1.24 and later; ours is on by "
        "default, estimated for as many reactions as there are speakers in a batch.",
        "An option limits frames where action units were meant. Ours has no such option.",
    ),
    glance=Glance("49 frames", "official outputs, 3e-6", 0.1),
    causality="Offline only: a frame depends on the speaker up to 49 frames before and after it.",
    cost="2,233,171 parameters: 2,139,200 of the transformer, 78,605 of the cognitive, 15,366 of the motor processor. "
    "Ten reactions to a clip of 750 frames took 0.1 seconds of processor time on one thread, features given; "
    "the official code was measured with 0.8 seconds for one.",
)
