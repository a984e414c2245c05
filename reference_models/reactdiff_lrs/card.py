"""What to know of ReactDiff (LRS)."""

from __future__ import annotations

from dataclasses import replace

from reference_models.reactdiff_latent.card import CARD as BASE
from reference_models.records import Glance

__all__ = ["CARD"]

CARD = replace(
    BASE,
    code="none: a paragraph of the paper is all that was published",
    summary="An interpretation. The paper adds 'listener reaction shifts' to ReactDiff (latent), after PerFRDiff's "
    "weight edits, and says no more. Ours: PerFRDiff's style encoder makes a vector of another clip of the listener; "
    "small networks make of it thin changes of some weights of the decoder (rank 8: the second stack's attention to "
    "its memory, and both heads' last layers), and a shift of all latents. Latents are standardised and not limited.",
    inputs=f"{BASE.inputs} And history_3dmm (H, 58) of another clip of the listener, where there is one: without it "
    "the model is ReactDiff (latent), to the bit. Batches may mix listeners.",
    code_licence="none published",
    weights="none published",
    verified="Nothing, as there is nothing to compare with; what it has of ReactDiff (latent) is that of its card. By "
    "the paper's tables shifts should raise FRCorr and FRDvs, and lower FRDist, FRSyn and FRDiv.",
    defects=(
        "Shifts are learned last, with all else frozen, on the diffusion's error towards the listener's latents less "
        "their shift, and on what its estimates decode to once shifted; ours, as the paper says nothing of training.",
        *BASE.defects,
    ),
    glance=Glance("the whole clip", "nothing to compare with"),
    cost="The parameters of ReactDiff (latent), 8,967,168 of the style encoder, and 6,749,592 that make shifts.",
)
