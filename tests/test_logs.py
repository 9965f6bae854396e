"""Messages where `logging` is in use, and where nobody has imported it."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from dumbo import logs

ROOT = Path(__file__).parent.parent


def run(program: str) -> tuple[str, str]:
    """What a process with nothing imported prints, and writes to standard error."""
    ran = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{program}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout, ran.stderr


def test_what_is_logged_goes_to_the_logger_of_dumbo(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "dumbo")
    logs.log(logs.WARNING, "100 % of it")
    logs.log(logs.INFO, "besides")
    assert caplog.record_tuples == [
        ("dumbo", logging.WARNING, "100 % of it"),
        ("dumbo", logging.INFO, "besides"),
    ]


LOG = """
spec = __import__("importlib.util").util.spec_from_file_location("logs", {path!r})
logs = __import__("importlib.util").util.module_from_spec(spec)
spec.loader.exec_module(logs)
{before}
logs.log(logs.INFO, "little")
logs.log(logs.WARNING, "much")
print("logging" in sys.modules)
"""


@pytest.mark.parametrize(("before", "loaded"), [("", "False\n"), ("import logging", "True\n")])
def test_where_nobody_has_imported_logging_it_is_not_and_people_see_the_same(
    before: str, loaded: str
) -> None:
    program = LOG.format(path=str(ROOT / "dumbo" / "logs.py"), before=before)
    assert run(program) == (loaded, "much\n")


@pytest.mark.parametrize("gone", ["sys.stderr = None", "sys.stderr.close()"])
def test_without_a_standard_error_a_message_is_lost_and_nothing_breaks(gone: str) -> None:
    program = LOG.format(path=str(ROOT / "dumbo" / "logs.py"), before=gone)
    assert run(program)[0] == "False\n"
