"""Our protocols: the scorers of challenges and papers as they are, quirks included, and one without the quirks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from react_eval.metrics import (
    FRCorrSettings,
    FRDistSettings,
    FRDivSettings,
    FRDvsSettings,
    FRSynSettings,
    FRVarSettings,
    MAESettings,
)
from react_eval.protocol import MetricUse, Protocol, register_protocol

__all__: list[str] = []


def _uses(settings: Mapping[str, Any]) -> tuple[MetricUse, ...]:
    return tuple(MetricUse(key, key.partition("_")[0], value) for key, value in settings.items())


_DIVERSITY = {"FRDiv": FRDivSettings(), "FRVar": FRVarSettings(), "FRDvs": FRDvsSettings()}
_OFFICIAL = {"FRCorr": FRCorrSettings(), "FRDist": FRDistSettings(), **_DIVERSITY, "FRSyn": FRSynSettings()}
_CORRECTED_FRCORR = FRCorrSettings(epsilon=0.0, combine="mean", constant_listener="leave out")
_CORRECTED_FRDIST = FRDistSettings(combine="mean", per_frame=True)
_CORRECTED = {
    "FRCorr": _CORRECTED_FRCORR,
    "FRDist": _CORRECTED_FRDIST,
    **_DIVERSITY,
    "FRSyn": FRSynSettings(reactions="all", undefined="leave out"),
}

register_protocol(
    Protocol("react2024", 1, "The official scorer of the REACT 2024 challenge, quirks included.", _uses(_OFFICIAL))
)
register_protocol(
    Protocol(
        "react2023", 1, "The official scorer of the REACT 2023 challenge; the same as react2024.", _uses(_OFFICIAL)
    )
)
register_protocol(
    Protocol(
        "reactface",
        1,
        "ReactFace's own scorer on 58 3DMM coefficients: unweighted DTW, FRCorr and FRDist times 10.",
        _uses(
            {
                "FRCorr": FRCorrSettings(epsilon=1e-50, scale=10.0),
                "FRDist": FRDistSettings(groups="whole", scale=10.0),
                **_DIVERSITY,
                "FRSyn": FRSynSettings(),
            }
        ),
        channels=("coefficients", "emotion"),
    )
)
register_protocol(
    Protocol(
        "perfrdiff",
        1,
        "PerFRDiff: react2024 on the personalised clip set, generic (MAFRG) and for the same listener (PMAFRG).",
        _uses(
            {
                "FRCorr": FRCorrSettings(),
                "FRCorr_personal": FRCorrSettings(neighbours="personal"),
                "FRDist": FRDistSettings(),
                "FRDist_personal": FRDistSettings(neighbours="personal"),
                **_DIVERSITY,
                "FRSyn": FRSynSettings(),
            }
        ),
        clip_set="personalised",
    )
)
register_protocol(
    Protocol(
        "corrected",
        1,
        "The same quantities without the quirks: means per reaction, undefined channels handled. For new work.",
        _uses(_CORRECTED),
        channels=("emotion", "coefficients"),
        intervals=True,
    )
)


def _mars(year: int, alignment: str, how: str, identical: Literal["computed", "one"]) -> Protocol:
    """Clips of any length, no FRDvs; 49 lags though there are 30 frames a second, as the official code has it."""
    suffix = "" if alignment == "learnt" else f"+{alignment}"
    return Protocol(
        f"react{year}{suffix}",
        1,
        f"The official metrics of REACT {year} on MARS; {how}.",
        _uses(
            {
                "FRCorr": FRCorrSettings(alignment=alignment, identical=identical),
                "FRDist": FRDistSettings(alignment=alignment),
                "FRDiv": FRDivSettings(),
                "FRVar": FRVarSettings(),
                "FRSyn": FRSynSettings(),
                "MAE": MAESettings(alignment=alignment),
            }
        ),
        frames=None,
    )


_YEARS: dict[int, Literal["computed", "one"]] = {2025: "computed", 2026: "one"}
for _year, _identical in _YEARS.items():
    for _alignment, _how in (
        ("learnt", "needs an aligner plugged in where lengths differ"),
        ("linear", "real reactions of other lengths are interpolated"),
        ("crop", "only the frames that both have are compared"),
    ):
        register_protocol(_mars(_year, _alignment, _how, _identical))

register_protocol(
    Protocol(
        "corrected+linear",
        1,
        "corrected for clips of any length: real reactions of other lengths are interpolated; no FRDvs.",
        _uses(
            {
                **{key: each for key, each in _CORRECTED.items() if key != "FRDvs"},
                "FRCorr": replace(_CORRECTED_FRCORR, alignment="linear"),
                "FRDist": replace(_CORRECTED_FRDIST, alignment="linear"),
            }
        ),
        channels=("emotion", "coefficients"),
        frames=None,
        intervals=True,
    )
)
