"""PyTorch implementations of the published facial reaction generators.

Generators register themselves in the entry-point group ``react_eval.generators``, in which `react_eval` looks them up.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
