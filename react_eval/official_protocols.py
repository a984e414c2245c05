"""Our protocols: the scorers of challenges and papers as they are, quirks included, and one without the quirks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from react_eval.metrics import (
    FRCorrSettings,
    FRDistSettings,
    FRDivSettings,
    FRDvsSettings,
    FRSynSettings,
    FRVarSettings,
)
from react_eval.protocol import MetricUse, Protocol, register_protocol

__all__: list[str] = []


def _uses(settings: Mapping[str, Any]) -> tuple[MetricUse, ...]:
    return tuple(MetricUse(key, key.partition("_")[0], value) for key, value in settings.items())


_DIVERSITY = {"FRDiv": FRDivSettings(), "FRVar": FRVarSettings(), "FRDvs": FRDvsSettings()}
_OFFICIAL = {"FRCorr": FRCorrSettings(), "FRDist": FRDistSettings(), **_DIVERSITY, "FRSyn": FRSynSettings()}

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
        _uses(
            {
                "FRCorr": FRCorrSettings(epsilon=0.0, combine="mean", constant_listener="leave out"),
                "FRDist": FRDistSettings(combine="mean", per_frame=True),
                **_DIVERSITY,
                "FRSyn": FRSynSettings(reactions="all", undefined="leave out"),
            }
        ),
        channels=("emotion", "coefficients"),
        intervals=True,
    )
)
