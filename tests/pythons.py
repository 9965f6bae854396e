"""Other Pythons for tests that go from one to the next.

``DUMBO_TEST_PYTHONS`` names interpreters that have what dumbo needs, separated as in PATH;
`tools/dev.py test` names those of the environments that it has built. Where none is named, what is
called python3.11 and so on is tried.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def others() -> list[str]:
    """Interpreters of other minor versions in which dumbo can be imported and can trace."""
    found = []
    named = os.environ.get("DUMBO_TEST_PYTHONS", "").split(os.pathsep)
    for minor in range(11, 16):
        named.append(shutil.which(f"python3.{minor}") or "")
    for path in dict.fromkeys(filter(None, named)):
        asked = "import sys, cloudpickle, dumbo.tracing.interpreter; print(sys.version_info[1])"
        ran = subprocess.run(
            [path, "-c", asked],
            env={**os.environ, "PYTHONPATH": str(PACKAGE)},
            capture_output=True,
            text=True,
        )
        if ran.returncode == 0 and int(ran.stdout) != sys.version_info[1]:
            found.append(path)
    return found
