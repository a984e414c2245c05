"""The metrics, one file each, as functions on arrays; importing this package registers them.

Conventions: predictions are (clips, reactions, frames, channels), listeners and speakers (clips, frames, channels), all
float32; moments are taken in float64; a metric that is undefined is NaN and says why.
"""

from react_eval.metrics.frcorr import FRCorrSettings, frcorr
from react_eval.metrics.frdist import FRDistSettings, frdist
from react_eval.metrics.frdiv import FRDivSettings, frdiv
from react_eval.metrics.frdvs import FRDvsSettings, frdvs
from react_eval.metrics.frsyn import FRSynSettings, frsyn
from react_eval.metrics.frvar import FRVarSettings, frvar
from react_eval.metrics.mae import MAESettings, mae

__all__ = [
    "FRCorrSettings",
    "FRDistSettings",
    "FRDivSettings",
    "FRDvsSettings",
    "FRSynSettings",
    "FRVarSettings",
    "MAESettings",
    "frcorr",
    "frdist",
    "frdiv",
    "frdvs",
    "frsyn",
    "frvar",
    "mae",
]
