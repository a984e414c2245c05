"""Makes the references in tests/oracles importable by every test as ``oracles``."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
# Workers share the processors: with several threads each, small tensors mostly wait for threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")
