"""Releases: immutable bundles that can be served, and the aliases that point at them."""

from ml.releases.manifest import Manifest, ReleaseCorrupt, ReleaseOutdated, ReleaseTooNew
from ml.releases.store import ReleaseStore

__all__ = ["Manifest", "ReleaseCorrupt", "ReleaseOutdated", "ReleaseStore", "ReleaseTooNew"]
