"""Turns the MF4 file on standard input into an Arrow table of messages on standard output.

A process of its own, because asammdf's compiled parts can crash or grow without bound on a
damaged file. The last line on standard error says what is wrong.
"""

from __future__ import annotations

import io
import itertools
import os
import resource
import signal
import sys

import can

from ml.can.readers.messages import message_table
from ml.can.readers.mf4 import LIMIT_SECONDS

MEMORY_BYTES = 16 * 2**30


def main() -> int:
    """Convert as many messages as are wanted, and one more; 0 when all went well."""
    most = int(sys.argv[1]) + 1
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    # By the kernel, as whoever started this may be gone by then, and a compiled part hang.
    signal.alarm(LIMIT_SECONDS)
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        with can.MF4Reader(io.BytesIO(sys.stdin.buffer.read())) as reader:
            message_table(itertools.islice(reader, most)).write_ipc(output)
    except Exception as error:  # noqa: BLE001 # asammdf raises whatever it trips over
        sys.stderr.write(f"\n{' '.join(str(error).split())[:120] or type(error).__name__}\n")
        sys.stderr.flush()
        os._exit(1)
    output.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
