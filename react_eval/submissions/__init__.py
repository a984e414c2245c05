"""Submission files: written with `save_submission` or `SubmissionWriter`, read safely with `read_submission`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
