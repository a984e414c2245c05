"""Makes the references in tests/oracles importable by every test as ``oracles``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
