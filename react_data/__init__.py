"""Datasets of dyadic interaction as xarray: official layouts, appropriateness neighbours, synthetic dyads."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
