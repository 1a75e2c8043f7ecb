"""Replaces the API's processes while others answer: each goes once its successor has come."""

from __future__ import annotations

import signal
from collections.abc import Sequence

from app.cli.terminal import note, warn
from app.cli.work.children import Child


class Renewal:
    """Goes from process to process, one at a time, so that there are never fewer than before.

    Attributes:
        children: those that answer, and the successor while it starts.
    """

    def __init__(self, children: Sequence[Child]) -> None:
        self.children = list(children)
        self._outdated: list[Child] = []
        self._old: Child | None = None
        self._new: Child | None = None

    def begin(self) -> None:
        """Replace every process that there is now."""
        self._outdated = [child for child in self.children if child is not self._new]
        if self._new is None:
            self._go_on()

    def answers(self, child: Child) -> None:
        """Take note that a process answers; whom it succeeds is asked to go."""
        if child is self._new and self._old is not None:
            self._old.leaving = True
            self._old.signal(signal.SIGTERM)
            if self._old.due is not None:  # it had ended by itself, and was to be started again
                self.ended(self._old)

    def ended(self, child: Child) -> bool:
        """Take note that a process has ended; whether that is all right."""
        failed = child is self._new and not child.proven
        if not failed and not child.leaving:
            return False
        self.children.remove(child)
        self._old = self._new = None
        if failed:
            self._outdated = []
            warn(f"The {child.name}'s successor does not start; what runs goes on as it is.")
        else:
            self._go_on()
        return True

    def _go_on(self) -> None:
        if self._outdated:
            self._old = self._outdated.pop(0)
            self._new = self._old.successor()
            self.children.append(self._new)
        else:
            note("The API is renewed.")
