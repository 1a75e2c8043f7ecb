import os
import re
import subprocess
import tomllib
from pathlib import PurePosixPath

import pytest
from house_files import ROOT, text

PROJECT = tomllib.loads(text("pyproject.toml"))
CLIENT = tomllib.loads(text("client/pyproject.toml"))


def targets():
    return re.findall(r"^([a-z]+):.*## ", text("Makefile"), re.MULTILINE)


def requirement_names(lines):
    return {re.split(r"[\s\[<>=!;~]", line)[0].lower().replace("_", "-") for line in lines}


@pytest.mark.parametrize("target", ["demo", "test", "check", "serve", "bench"])
def test_the_makefile_has_the_promised_targets(target):
    assert target in targets()


@pytest.mark.parametrize("target", targets())
def test_every_target_but_cleaning_prepares_the_environment_first(target):
    rule = re.search(rf"^{target}:(.*)##", text("Makefile"), re.MULTILINE)
    assert rule
    assert ("$(READY)" in rule[1]) == (target not in ("help", "clean"))


def test_the_continuous_integration_script_can_be_run():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0


def test_every_direct_dependency_has_an_exact_version():
    lines = text("constraints.txt").splitlines()
    pinned = requirement_names(line for line in lines if line and not line.startswith("#"))
    extras = PROJECT["project"]["optional-dependencies"].values()
    direct = requirement_names(
        [
            *PROJECT["project"]["dependencies"],
            *CLIENT["project"]["dependencies"],
            *(d for e in extras for d in e),
        ]
    )
    assert all("==" in line for line in lines if line and not line.startswith("#"))
    assert direct - pinned == {"canfuse", "canfuse-client"}


def test_files_that_are_not_code_are_packaged_with_it():
    patterns = PROJECT["tool"]["setuptools"].get("package-data", {})
    command = ["git", "ls-files", "app", "ml", "workers"]
    listed = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("needs a git checkout")
    others = [PurePosixPath(f) for f in listed.stdout.split() if not f.endswith(".py")]
    for file in others:
        package = ".".join(file.parent.parts)
        globs = [*patterns.get(package, []), *patterns.get("*", [])]
        assert any(file.match(glob) for glob in globs), f"{file} would be missing from the package"


def test_the_licence_is_the_whole_apache_licence():
    licence = text("LICENSE")
    assert "Version 2.0, January 2004" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
