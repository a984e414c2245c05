"""What to know of EMC on its bases."""

from __future__ import annotations

from dataclasses import replace

from reference_models.faceais.card import CARD as FACEAIS
from reference_models.records import Glance, ModelCard
from reference_models.regnn.card import CARD as REGNN
from reference_models.transvae.card import CARD as TRANSVAE

__all__ = ["FACEAIS_CARD", "REGNN_CARD", "TRANSVAE_CARD"]

_SUMMARY = (
    "{title}, to which EMC is added. Features of a face or of speech that are missing, in whole clips or in single "
    "frames, are made of the other modality by a conditional variational autoencoder. Attention to the speaker's "
    "emotion changes the features of each modality, both together, and what is sampled; a learned gate, 0 at first, "
    "says how much. The emotion is the 25 facial attributes where the face is seen, else valence, arousal and eight "
    "expressions that are heard. Training compares the distributions of reactions with nothing missing, with speech "
    "compensated and with the face compensated, and decodes one of the three."
)
_DEFECTS = (
    "There is no code: sizes, reductions, weights of losses and much else are ours; each is a field of the "
    "configuration with its other answers.",
    "The encoder of compensation cannot run without what is missing, so latents come from N(0, 1), one held for a clip "
    "and shared by its reactions.",
    "The emotion of a face is the data set's own label of the speaker, which bases without it do not know. The control "
    "emotion_input=True, attention=[], compensation=False gives it to a base without attention.",
    "Two equations of the paper exchange the names of what is compensated; ours go by what is missing. It changes the "
    "direction of one of three divergences.",
    "Its FRDist on Trans-VAE, 31 to 43, is below half of the base's and far below all other published values: it was "
    "measured in another way, and is no target. Correlation fell by 57 % without attention, where it says 133 %.",
    "Published FRDist and FRVar of REGNN get worse with EMC; with no face, FRCorr falls from .23 to .11, on Trans-VAE "
    "from .07 to .02, which is more than the abstract's minimal degradation.",
)


def _card(base: ModelCard, title: str, inputs: str, defects: tuple[str, ...], cost: str, seconds: float) -> ModelCard:
    return replace(
        base,
        paper="Emotion-aware Modality Compensation (EMC) for multiple appropriate facial reaction generation; on the "
        "offline task of REACT 2024. Its base: " + base.paper,
        code="none published; written from the paper. Its base: " + base.code,
        summary=_SUMMARY.format(title=title),
        inputs=inputs + " Either modality may be missing, where speaker_face_present or speaker_speech_present (T,) is "
        "False, or altogether; but not both in all of a clip.",
        weights="none published; those of a base, ours or published, are a beginning: load(…, base=…) and "
        "react-models train --base.",
        verified="No weights or outputs of the authors are known. With gates at 0 and nothing missing, outputs equal "
        "the base's within 1e-5 for the same seed; divergences equal those of torch.distributions; every part gets "
        "gradients in each kind of missing modality. The base: " + base.verified,
        defects=(*_DEFECTS, *defects),
        cost=cost + " Its base: " + base.cost,
        glance=Glance(base.glance.ahead, "its base with gates at 0, 1e-5", seconds),
    )


TRANSVAE_CARD = _card(
    TRANSVAE,
    "Trans-VAE",
    "speaker_video, or series of a face; speaker_mfcc78 (T, 78); and speaker_emotion (T, 25).",
    (
        "Instance norms of the video mix frames, so blank frames would change all others: frames that are missing are "
        "left out before the encoder.",
    ),
    "1,327,876 parameters more than the base at its width of 128, and 11,402 of the model that hears emotion.",
    9.2,
)
_REGNN = _card(
    REGNN,
    "REGNN",
    "Features of a face and of sound as the base's; and speaker_emotion (T, 25).",
    (
        "The published sound, 0 to 255, would be most of the loss of compensation: EMC sees it standardised.",
        "The base's training inverts nothing, so attention to what is sampled is trained on the mean of a window.",
    ),
    "1,190,788 parameters more than the base at its width of 128, and 17,802 of the model that hears emotion.",
    0.3,
)
REGNN_CARD = replace(
    _REGNN,
    causality=_REGNN.causality + " What is missing holds the value of the last frame where it is there, or else of the "
    "first one, anywhere in the clip.",
    glance=replace(_REGNN.glance, ahead="49 frames; more where something is missing"),
)
FACEAIS_CARD = _card(
    FACEAIS,
    "FaceAIS",
    "speaker_3dmm (T, 58); speaker_audio, or speaker_mfcc78 (T, 78); and speaker_emotion (T, 25).",
    (
        "Sampled tokens have no gradient, so attention to what is sampled changes their codes, and is trained to "
        "decode real faces of true tokens.",
        "The published rows for this base bear the mark of its mixed-up metrics.",
        "Lost sound is silence to wav2vec 2.0, whose norms are over a stretch: the vectors of frames that are there "
        "move a little.",
    ),
    "9,712,120 parameters more than the base at its width of 360, and 66,954 of the model that hears emotion.",
    43,
)
