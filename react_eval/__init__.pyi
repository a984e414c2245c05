from . import baselines as baselines
from . import metrics as metrics
from .comparing import compare_results as compare_results
from .errors import ReactError as ReactError
from .protocol import Protocol as Protocol
from .protocol import find_protocol as find_protocol
from .protocol import protocols as protocols
from .published_audit import audit_published as audit_published
from .published_results import PublishedResults as PublishedResults
from .published_results import published as published
from .result import ScoreResult as ScoreResult
from .robustness import robustness as robustness
from .scorer import Scorer as Scorer
from .scoring import score as score
from .scoring import score_arrays as score_arrays
from .specificity_scoring import specificity as specificity
from .specificity_scoring import specificity_arrays as specificity_arrays
from .submissions import SubmissionWriter as SubmissionWriter
from .submissions import save_submission as save_submission
from .tables import table as table
from .validation import validate as validate

__version__: str
