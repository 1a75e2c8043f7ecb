"""Releases: whole or absent, verified, pointed at."""

import json
import shutil
from pathlib import Path

import pytest

from ml.errors import Conflict, InvalidInput
from ml.releases import ReleaseCorrupt, ReleaseOutdated, ReleaseStore, ReleaseTooNew
from ml.releases.manifest import read_manifest, seal
from ml.releases.store import NoRelease


@pytest.fixture
def store(tiny_release_store, tmp_path) -> ReleaseStore:
    """A copy of the tiny store, free to be changed."""
    shutil.copytree(tiny_release_store.root, tmp_path / "releases")
    return ReleaseStore(tmp_path / "releases")


def bundle(folder: Path, content: str = "one", **facts) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "weights.txt").write_text(content)
    return seal(folder, kind="experts", name="x", dataset={}, config={}, window={}, **facts).version


def test_the_version_is_a_digest_of_the_content_and_of_nothing_else(tmp_path):
    versions = [
        bundle(tmp_path / name, content)
        for name, content in (("a", "one"), ("b", "one"), ("c", "two"))
    ]
    assert versions[0] == versions[1] != versions[2]
    assert bundle(tmp_path / "d", "one", metrics={"f1": 0.5}) == versions[0]


def test_publishing_twice_is_one_release_and_the_alias_comes_last(tmp_path):
    store = ReleaseStore(tmp_path / "releases")
    version = bundle(tmp_path / "job" / "release")
    (tmp_path / "job" / "report").mkdir()
    (tmp_path / "job" / "report" / "index.html").write_text("<h1>Report</h1>")
    for _ in range(2):
        assert store.publish(tmp_path / "job" / "release", "candidate") == version
    assert [m.version for m in store.versions()] == [version]
    assert store.aliases() == {"candidate": version}
    assert store.report("candidate").read_text() == "<h1>Report</h1>"
    assert not list(store.root.glob(".*"))


def test_rolling_back_is_moving_a_pointer(tmp_path):
    store = ReleaseStore(tmp_path / "releases")
    first, second = bundle(tmp_path / "a", "one"), bundle(tmp_path / "b", "two")
    store.publish(tmp_path / "a", "production")
    store.publish(tmp_path / "b", "production")
    assert store.resolve("production") == second
    store.point("production", first[:6])
    assert store.resolve("production") == first
    assert store.resolve(second[:5]) == second


def change_weights(folder: Path) -> None:
    path = folder / "vgae.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def change_threshold(folder: Path) -> None:
    values = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**values, "threshold": 0.0}))


def add_a_file(folder: Path) -> None:
    (folder / "extra.py").write_text("print()")


def lose_a_file(folder: Path) -> None:
    (folder / "policy.npy").unlink()


def truncate_the_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text('{"schema_version": 1')


@pytest.mark.parametrize(
    "damage", [change_weights, change_threshold, add_a_file, lose_a_file, truncate_the_manifest]
)
def test_a_release_that_is_not_what_it_says_is_never_loaded(store, damage):
    damage(store.path("production"))
    with pytest.raises(ReleaseCorrupt, match="is corrupt"):
        store.load("production")


def test_a_release_made_by_a_newer_version_says_so(store):
    path = store.path("production") / "manifest.json"
    path.write_text(
        json.dumps({**json.loads(path.read_text()), "schema_version": 99, "novelty": 1})
    )
    with pytest.raises(ReleaseTooNew, match=r"layout 99.*Upgrade canfuse"):
        store.load("production")


def test_a_release_in_a_layout_that_is_no_longer_read_says_so(store):
    path = store.path("production") / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 1}))
    with pytest.raises(ReleaseOutdated, match=r"layout 1.*Train it again"):
        store.load("production")


def test_before_any_release_exists_the_error_says_how_to_make_one(tmp_path):
    with pytest.raises(NoRelease, match="POST /jobs/fusion"):
        ReleaseStore(tmp_path / "releases").load("production")


@pytest.mark.parametrize("name", ["../etc", "a/b", "", "Ä", "x" * 65, ".hidden", "production\n"])
def test_names_that_could_leave_the_store_are_refused(store, name):
    with pytest.raises(InvalidInput):
        store.resolve(name)
    with pytest.raises(InvalidInput):
        store.point(name, "production")


def test_an_alias_that_looks_like_a_version_is_refused(store):
    with pytest.raises(InvalidInput, match="looks like a version"):
        store.point("beef", "production")


def test_experts_alone_cannot_score(tmp_path):
    store = ReleaseStore(tmp_path / "releases")
    bundle(tmp_path / "job" / "release")
    store.publish(tmp_path / "job" / "release", "experts")
    with pytest.raises(Conflict, match="experts only"):
        store.load("experts")


def test_a_manifest_tells_where_a_release_comes_from(tiny_release_store):
    manifest = read_manifest(tiny_release_store.path("production"))
    assert manifest.dataset["name"] == "tiny"
    assert manifest.config["agent"]["alpha_steps"] == 21
    assert manifest.metrics["cross_fitted"] is True
    assert {"torch", "safetensors"} <= set(manifest.libraries)
    assert {"vgae.safetensors", "gat.safetensors", "policy.npy", "policy.safetensors"} <= set(
        manifest.files
    )
