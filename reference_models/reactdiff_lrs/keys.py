"""How keys correspond: nothing of it was published, but its ReactDiff (latent) has the published layout."""

from __future__ import annotations

from reference_models.reactdiff_latent.keys import KEYS

__all__ = ["KEYS"]
