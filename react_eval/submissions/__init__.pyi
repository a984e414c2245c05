from .limits import ReadingLimits as ReadingLimits
from .reading import Submission as Submission
from .reading import read_submission as read_submission
from .writer import SubmissionWriter as SubmissionWriter
from .writing import save_submission as save_submission
