"""What the files at the root of the project say, as data."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]

_VARIABLE = re.compile(r"^#?([A-Z_]+)=(.*)$", re.MULTILINE)
_INTERPOLATION = re.compile(r"\$\{([A-Z_]+)(?::([-?])([^}]*))?\}")
_INSTRUCTION = re.compile(r"^([A-Z]+) ((?:.*\\\n)*.*)$", re.MULTILINE)


def text(name):
    return (ROOT / name).read_text()


def example_variables():
    """Variables of .env.example and the values shown there."""
    return dict(_VARIABLE.findall(text(".env.example")))


def compose():
    return yaml.safe_load(text("docker-compose.yml"))


def compose_variables():
    """Variables that docker-compose.yml takes, and each one's ("-", default) or ("?", message)."""
    return {
        name: (kind, rest)
        for name, kind, rest in _INTERPOLATION.findall(text("docker-compose.yml"))
    }


def interpolated(words):
    """Words of the compose file with every variable at its default."""
    return [_INTERPOLATION.sub(lambda found: found[3], word) for word in words]


def dockerfile():
    """The Dockerfile's instructions as (name, arguments)."""
    return _INSTRUCTION.findall(text("Dockerfile"))
