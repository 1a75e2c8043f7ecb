"""One compute thread a request. Import this before anything that imports torch.

Requests are what runs side by side here; threads within one only get in each other's way (two
torch threads on two busy cores were measured hundreds of times slower than one).
"""

from __future__ import annotations

import os

_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def _import_torch_single_threaded() -> None:
    before = {name: os.environ.get(name) for name in _VARIABLES}
    os.environ.update(dict.fromkeys(_VARIABLES, "1"))
    import torch  # noqa: PLC0415 - its libraries read the variables while they are loaded

    torch.set_num_threads(1)
    # Children (a worker started from this process, say) choose for themselves.
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value


_import_torch_single_threaded()
