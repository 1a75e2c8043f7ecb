"""A TCP proxy that loses answers as a bad network does, as far as it is told to."""

from __future__ import annotations

import select
import socket
import socketserver
import struct
import threading
from collections import deque
from collections.abc import Callable
from contextlib import contextmanager

HELD = -1  # this answer never comes, and the connection stays open
REFUSED = -2  # the connection is closed before a byte is read


class FlakyProxy(socketserver.ThreadingTCPServer):
    """Stands before a service.

    Attributes:
        plan: one entry for each answer to come: how many of its bytes come through before the
            connection ends, HELD, or None for all. Beyond the plan all comes through.
        lost: how many answers did not come through as a whole.
        carried: bytes of answers that came through.
        on_loss: called when an answer has been lost.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, upstream: tuple[str, int]):
        super().__init__(("127.0.0.1", 0), _Connection)
        self.upstream = upstream
        self.plan: deque[int | None] = deque()
        self.lost = self.carried = 0
        self.on_loss: Callable[[], None] = lambda: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def next_answer(self) -> int | None:
        allowed = self.plan.popleft() if self.plan else None
        self.lost += allowed is not None
        return allowed


class _Connection(socketserver.BaseRequestHandler):
    server: FlakyProxy

    def handle(self):
        if self.server.plan and self.server.plan[0] == REFUSED:
            self.server.next_answer()
            return _reset(self.request)
        with socket.create_connection(self.server.upstream) as service:
            try:
                self._forward(self.request, service)
            except OSError:
                return None  # either side has gone

    def _forward(self, client, service):
        allowed, asked = None, False
        while True:
            ready, _, _ = select.select([client, service], [], [])
            if client in ready:
                if not (data := client.recv(1 << 16)):
                    return
                service.sendall(data)
                asked = True
            if service in ready:
                if asked:
                    allowed, asked = self.server.next_answer(), False
                if not (data := service.recv(1 << 16)):
                    return
                allowed = self._answer(client, data, allowed)

    def _answer(self, client, data, allowed):
        """Pass on what may come through; gives how much more may."""
        if allowed is None:
            self._pass(client, data)
            return None
        if allowed == HELD:
            client.recv(1)  # which comes to its end when the client gives up
            raise ConnectionAbortedError
        self._pass(client, data[:allowed])
        if len(data) >= allowed:
            self.server.on_loss()
            raise ConnectionAbortedError
        return allowed - len(data)

    def _pass(self, client, data):
        client.sendall(data)
        self.server.carried += len(data)


def _reset(client):
    # Lingering for no time makes closing a reset, as when a machine or a link dies.
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@contextmanager
def flaky(url):
    """A proxy before the service at an address."""
    with FlakyProxy((url.host, url.port)) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()
