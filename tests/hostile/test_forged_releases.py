"""Releases whose digests are right and whose content is not: refused, and the old one serves on."""

import io
import json
import os
import pickle
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from service_kit import publish, running, until

from ml.releases import ReleaseCorrupt, ReleaseStore
from ml.releases.manifest import MANIFEST, content_digest, read_manifest, seal


class Payload:
    """A pickle that would leave a file behind when it is loaded."""

    def __init__(self, witness):
        self.witness = witness

    def __reduce__(self):
        return os.mkdir, (str(self.witness),)


def witness_of(bundle):
    return bundle.parents[1] / "witness"


def edit(folder, name, change):
    values = json.loads((folder / name).read_text())
    change(values)
    (folder / name).write_text(json.dumps(values))


def reweigh(folder, name, change):
    weights = load_file(folder / name)
    change(weights)
    save_file(weights, folder / name)


def archive(folder):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("table.npy", b"\0" * (64 << 20))
    (folder / "policy.npy").write_bytes(buffer.getvalue())


def pickled_array(folder):
    buffer = io.BytesIO()
    np.save(buffer, np.array([Payload(witness_of(folder))], object), allow_pickle=True)
    (folder / "policy.npy").write_bytes(buffer.getvalue())


def endless_table(folder):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": "<f4", "fortran_order": False, "shape": (10**6, 10**6)}
    )
    (folder / "policy.npy").write_bytes(buffer.getvalue())


def weights_are_a_pickle(folder):
    (folder / "vgae.safetensors").write_bytes(pickle.dumps(Payload(witness_of(folder))))


def weights_are_not_numbers(folder):
    reweigh(folder, "vgae.safetensors", lambda w: [v.fill(np.nan) for v in w.values()])


def weights_are_missing(folder):
    reweigh(folder, "gat.safetensors", lambda w: w.pop(next(iter(w))))


def network_is_enormous(folder):
    edit(folder, "experts.json", lambda v: v["experts"]["vgae"].update(hidden=10**9))


def expert_is_unknown(folder):
    edit(folder, "experts.json", lambda v: v["experts"].update(os=v["experts"]["vgae"]))


def profile_lies_outside(folder):
    edit(folder, "vehicles.json", lambda v: v["birch"].update(profile="../../../etc/passwd"))


def no_car(folder):
    (folder / "vehicles.json").write_text("{}")


def deep_description(folder):
    (folder / "fusion.json").write_text("[" * 100_000)


FORGERIES = [
    archive, pickled_array, endless_table, weights_are_a_pickle, weights_are_not_numbers,
    weights_are_missing, network_is_enormous, expert_is_unknown, profile_lies_outside, no_car,
    deep_description,
]  # fmt: skip


def forged(store, folder, forge):
    """A release in the store that was changed, and then sealed as if nothing had happened."""
    version = publish(store, folder, alias=None)
    known = read_manifest(store.path(version))
    bundle = store.path(version)
    forge(bundle)
    (bundle / MANIFEST).unlink()
    again = seal(
        bundle,
        kind=known.kind,
        name=known.name,
        dataset=known.dataset,
        config=known.config,
        window=known.window,
        threshold=known.threshold,
    )
    bundle.rename(store.root / again.version)
    return again.version


@pytest.mark.timeout(60)
@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
def test_a_forged_release_is_refused_and_nothing_of_it_is_run(tmp_path, forge):
    store = ReleaseStore(tmp_path / "releases")
    version = forged(store, tmp_path, forge)
    with pytest.raises(ReleaseCorrupt, match="cannot be loaded"):
        store.load(version, warm=True)
    assert not witness_of(store.path(version)).exists()


@pytest.mark.timeout(30)
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_bundle_with_a_link_or_a_pipe_in_it_is_refused(tmp_path, kind):
    store = ReleaseStore(tmp_path / "releases")
    version = publish(store, tmp_path)
    extra = store.path(version) / "extra"
    if kind == "link":
        extra.symlink_to("/etc/passwd")
    else:
        os.mkfifo(extra)
    with pytest.raises(ReleaseCorrupt, match="no ordinary file"):
        store.verify(version)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[]", b"[" * 200_000, b"\xff", b'{"schema_version": NaN}',
        b'{"schema_version": 1e999}', b'{"schema_version": []}',
        b'{"schema_version": ' + b"9" * 5000 + b"}",
    ],
)  # fmt: skip
def test_a_manifest_that_is_none_is_corrupt_and_the_others_are_still_listed(tmp_path, content):
    store = ReleaseStore(tmp_path / "releases")
    version = publish(store, tmp_path)
    bad = store.root / ("0" * 16)
    bad.mkdir()
    (bad / MANIFEST).write_bytes(content)
    with pytest.raises(ReleaseCorrupt):
        store.manifest("0" * 16)
    assert [m.version for m in store.versions()] == [version]


def test_a_manifest_whose_moment_is_none_does_not_break_the_list(tmp_path):
    store = ReleaseStore(tmp_path / "releases")
    version = publish(store, tmp_path)
    path = store.path(version) / MANIFEST
    known = read_manifest(path.parent)
    assert content_digest(replace(known, created_at="never")) == version
    edit(path.parent, MANIFEST, lambda values: values.update(created_at="never"))
    assert store.versions() == []


def test_forgeries_over_http_are_conflicts_and_the_old_release_serves_on(tmp_path):
    with running(tmp_path / "home") as service:
        good = publish(service.store, tmp_path, seed=1)
        until(lambda: service.client.get("/aliases").json()["in_use"] == good)
        bad = forged(service.store, tmp_path, archive)
        answers = [
            service.client.get(f"/releases/{bad}"),
            service.client.put("/aliases/production", json={"release": bad}),
        ]
        (service.store.root / "aliases" / "candidate").write_text("../../../etc")
        scores = {"anomaly_score": [0.5], "gat_prob": [0.5]}
        unknown = service.client.post("/score?release=candidate", json=scores)
        assert service.client.post("/score", json=scores).json()["release"] == good
        assert len(service.client.get("/releases").json()) == 2
    assert [answer.status_code for answer in answers] == [409, 409]
    assert unknown.status_code == 404
