"""The models of this package: importing a record registers its model. Add a line for a new one."""

from __future__ import annotations

import reference_models.belfusion.record
import reference_models.emc.record
import reference_models.faceais.record
import reference_models.perfrdiff.record
import reference_models.reactdiff_latent.record
import reference_models.reactdiff_lrs.record
import reference_models.reactface.record
import reference_models.regnn.record
import reference_models.transae.record
import reference_models.transvae.record  # noqa: F401  importing registers

__all__: list[str] = []
