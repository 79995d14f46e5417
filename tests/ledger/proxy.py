"""A wire between a client and PostgreSQL that can be cut at a chosen answer of the server."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

__all__ = ["Wire", "wire_to"]


class Wire:
    """Listens on `port` and passes on what comes; `cut_at` ends the connection instead of passing on an answer."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._left: int | None = None
        self.refuses = False
        self.cut = False
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_at(self, answer: int, *, then_refuse: bool = False) -> None:
        """Cut when the server says that a statement is complete, the `answer`-th from now on; once."""
        self.cut, self._left, self._then_refuse = False, answer, then_refuse

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self._listening.accept()
                if self.refuses:
                    client.close()
                    continue
                server = socket.create_connection(("127.0.0.1", self._server_port))
                for one in (client, server):  # small messages are to pass at once
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._sockets.append(one)
                threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()
                threading.Thread(target=self._answer, args=(server, client), daemon=True).start()

    @staticmethod
    def _pass_on(client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                server.sendall(data)
        _end(client, server)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        """Pass on whole messages: a letter, a length of four bytes, and the rest."""
        waiting = b""
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                waiting += data
                while len(waiting) >= 5 and len(waiting) > (length := int.from_bytes(waiting[1:5], "big")):
                    message, waiting = waiting[: length + 1], waiting[length + 1 :]
                    if message[:1] == b"C" and self._left is not None:
                        self._left -= 1
                        if self._left == 0:
                            self._left, self.refuses, self.cut = None, self._then_refuse, True
                            _end(client, server)
                            return
                    client.sendall(message)
        _end(client, server)

    def close(self) -> None:
        self._listening.close()
        _end(*self._sockets)


def _end(*sockets: socket.socket) -> None:
    for one in sockets:
        with contextlib.suppress(OSError):  # gone already
            one.shutdown(socket.SHUT_RDWR)
        one.close()


@contextlib.contextmanager
def wire_to(server_port: int) -> Iterator[Wire]:
    """A wire, which is gone afterwards."""
    wire = Wire(server_port)
    try:
        yield wire
    finally:
        wire.close()
