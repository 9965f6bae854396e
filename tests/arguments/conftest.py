"""Where the tests of arguments find the reference that they are checked against."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # for same.py
