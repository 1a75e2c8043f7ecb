"""A folder is held by one at a time, and free again once nobody holds it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ml.errors import Conflict, Unavailable
from workers.locking import FolderLock

TAKEN = Conflict("It is taken.")


def test_a_folder_is_held_until_it_is_released(tmp_path):
    file = tmp_path / "new" / "lock"
    with FolderLock(file, TAKEN) as lock:
        assert lock.fileno() >= 0
        with pytest.raises(Conflict, match="It is taken"):
            FolderLock(file, TAKEN, patience=0.05)
    assert lock.fileno() == -1
    FolderLock(file, TAKEN).release()


def test_who_is_patient_gets_a_folder_that_is_let_go(tmp_path, pool):
    first = FolderLock(tmp_path / "lock", TAKEN)
    second = pool.submit(FolderLock, tmp_path / "lock", TAKEN, patience=20)
    first.release()
    held = second.result()
    assert held.fileno() >= 0
    held.release()


def test_a_child_that_inherits_the_lock_holds_on(tmp_path):
    lock = FolderLock(tmp_path / "lock", TAKEN)
    child = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[lock.fileno()]
    )
    lock.release()
    with pytest.raises(Conflict):
        FolderLock(tmp_path / "lock", TAKEN)
    child.kill()
    child.communicate()
    FolderLock(tmp_path / "lock", TAKEN, patience=20).release()


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be written"):
        FolderLock(tmp_path / "file" / "lock", TAKEN)
