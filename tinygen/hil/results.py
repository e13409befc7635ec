"""What tests have found on a device, as JSON; docs/hil.md has the schema."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


@dataclass
class Result:
    """One test; ``figures`` are the properties that were recorded for it."""

    test: str
    outcome: str = "passed"
    seconds: float = 0.0
    reason: str | None = None
    figures: dict[str, object] = field(default_factory=dict)


class Results:
    """A plugin of pytest that writes a file at the end of the run."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._by_test: dict[str, Result] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Adds one phase of a test; the worst of its phases is the outcome."""
        result = self._by_test.setdefault(report.nodeid, Result(report.nodeid))
        result.seconds = round(result.seconds + report.duration, 3)
        result.figures |= dict(report.user_properties)
        if report.failed or (report.skipped and result.outcome == "passed"):
            result.outcome = report.outcome
            result.reason = _reason(report)

    def pytest_sessionfinish(self) -> None:
        """Writes what there is, even nothing."""
        from tinygen.output import write_text

        rows = [asdict(result) for result in self._by_test.values()]
        write_text(str(self._path), json.dumps(rows, indent=2, default=str) + "\n")


def _reason(report: pytest.TestReport) -> str:
    """The last line of what pytest says, which is the error itself; the reason of a skip."""
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    told = crash.message if crash is not None else report.longreprtext
    return " ".join(told.split())
