"""`key=value` words as nested settings."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ml.errors import InvalidInput


def parse_overrides(words: Iterable[str]) -> dict[str, Any]:
    """Read words like `agent.fusion_lr=0.002` into nested dicts.

    A value stays text for the configuration to make sense of, except that `null` is None and
    what begins with a bracket is JSON.

    Raises:
        InvalidInput: a word is not of that form, or two contradict each other.
    """
    nested: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not all(key.split(".")):
            raise InvalidInput(
                f"'{word}' is no setting.",
                "Write settings as key=value, like agent.fusion_lr=0.002.",
            )
        put(nested, key, _value(word, value))
    return nested


def put(nested: dict[str, Any], key: str, value: Any) -> None:
    """Set the value of a dotted key.

    Raises:
        InvalidInput: a part of the key has a plain value already.
    """
    *groups, last = key.split(".")
    for group in groups:
        nested = nested.setdefault(group, {})
        if not isinstance(nested, dict):
            raise InvalidInput(
                f"'{group}' is set both as a value and as a group.", "Keep one of them."
            )
    nested[last] = value


def _value(word: str, text: str) -> Any:
    if text == "null":
        return None
    if not text.startswith(("[", "{")):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidInput(
            f"'{word}' does not hold valid JSON.", "Quote it for the shell."
        ) from error
