"""`canfuse verify`: looks at everything that canfuse needs on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rich.text import Text

from app.cli.terminal import say, show, table
from app.cli.work import findings
from app.cli.work.findings import LIBRARIES, Finding
from app.settings import Settings
from ml.errors import CanfuseError

_MARKS = {"ok": ("✔", "green"), "advice": ("–", "yellow"), "failed": ("✖", "red")}


def verify(settings: Settings, *, verbose: bool) -> bool:
    """Look at everything, print it, and say whether all that is needed is there."""
    found = list(look(settings))
    made = table("", "What", "Found")
    for finding in found:
        hint = (f"\n{finding.hint}", "yellow") if finding.hint else ""
        mark = Text(*_MARKS[finding.state])
        made.add_row(mark, finding.what, Text.assemble(finding.detail, hint))
    for what, detail in _particulars(settings) if verbose else ():
        made.add_row("", what, Text(detail, style="dim"))
    show(made)
    failed = sum(finding.state == "failed" for finding in found)
    say(
        f"{failed} of {len(found)} checks failed."
        if failed
        else "Everything that is needed is there."
    )
    return not failed


def look(settings: Settings) -> Iterator[Finding]:
    """Each check's finding. A check that fails in a way of its own becomes one, too."""
    checks: dict[str, Callable[[Settings], Finding]] = {
        "Installation": findings.installation,
        "GPU": findings.gpu,
        "Storage": findings.storage,
        "Disk space": findings.space,
        "Database": findings.database,
        "Broker": findings.broker,
        "Datasets": findings.datasets,
        "Release": findings.release,
        "Vehicles": findings.vehicles,
        "Service": findings.service,
    }
    for what, check in checks.items():
        try:
            yield check(settings)
        except CanfuseError as error:
            yield Finding(what, "failed", error.detail, error.hint)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs into the table
            yield Finding(what, "failed", f"{type(error).__name__}: {error}")


def _particulars(settings: Settings) -> Iterator[tuple[str, str]]:
    for name in LIBRARIES:
        yield name, findings.installed(name) or "not installed"
    secret = {"api_keys", "database_url", "redis_url"}
    for name, value in settings.model_dump(exclude=secret).items():
        yield f"CANFUSE_{name.upper()}", str(value)
