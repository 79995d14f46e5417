"""A PostgreSQL server of the tests' own: in a temporary folder, on loopback, with a free port, ended with the tests."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

__all__ = ["PgServer", "find_binaries", "running_server"]

_PATIENCE = 60.0
# The server ends when the shell's standard input does: also if the tests are killed and can end nothing themselves.
_WITH_US = '"$@" & server=$!; read -r _; kill -INT "$server" 2>/dev/null; wait "$server"'


def find_binaries() -> Path | None:
    """Folder of ``initdb`` and ``postgres``, or None where PostgreSQL is not installed."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((f for f in folders if (f / "initdb").is_file() and (f / "postgres").is_file()), None)


def _account() -> dict[str, Any]:
    """How to start a process as the user postgres: the server refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


class PgServer:
    """One server. `settings` are those of ``postgresql.conf``; what is durable stays durable unless they say otherwise.

    `parent` is the folder in which its own is made, such as a small file system that is to run full.
    """

    def __init__(self, binaries: Path, parent: Path | None = None, **settings: str) -> None:
        self._binaries = binaries
        self._settings = settings
        self._shell: subprocess.Popen[bytes] | None = None
        self.folder = Path(tempfile.mkdtemp(prefix="aequo-pg-", dir=parent))
        self.data = self.folder / "data"
        self.password = secrets.token_urlsafe(12)
        self.port = _free_port()
        try:
            self._init()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def _init(self) -> None:
        account = _account()
        word = self.folder / "password"
        word.write_text(self.password)
        if account:
            for path in (self.folder, word):
                os.chown(path, account["user"], account["group"])
        options = ["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-instructions"]
        done = subprocess.run(
            [self._binaries / "initdb", "--pgdata", self.data, "--pwfile", word, *options],
            capture_output=True,
            cwd=self.folder,
            check=False,
            **account,
        )
        word.unlink()
        if done.returncode:
            raise RuntimeError(f"initdb failed: {done.stderr.decode(errors='replace')}")

    def url(self, database: str = "postgres", *, user: str = "postgres", password: str | None = None) -> str:
        """Where a database of it is."""
        return f"postgresql://{user}:{password or self.password}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """A connection of the administrator's, each statement a transaction of its own."""
        return psycopg.connect(self.url(database), autocommit=True, connect_timeout=5)

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "100",
            **self._settings,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._shell = subprocess.Popen(
                ["/bin/sh", "-c", _WITH_US, "sh", self._binaries / "postgres", "-D", self.data, *options],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                **_account(),
            )
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                self.connect().close()
                return
            except psycopg.OperationalError:
                if self._shell.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise RuntimeError(f"PostgreSQL did not start:\n{self.log()}") from None
                time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT shuts down in order, SIGQUIT at once, as a crash does, so that the next start recovers."""
        shell, self._shell = self._shell, None
        if shell is None or shell.stdin is None:
            return
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError, IndexError):
            os.kill(int((self.data / "postmaster.pid").read_text().split("\n", 1)[0]), how)
        shell.stdin.close()
        try:
            shell.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            shell.kill()
            shell.wait()

    def restart(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it and start it on the same port."""
        self.stop(how)
        self.start()

    def log(self) -> str:
        """The end of what the server said."""
        return (self.folder / "log").read_text(errors="replace")[-5000:]

    def remove(self) -> None:
        """End it and remove all it wrote."""
        try:
            self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def running_server(binaries: Path, parent: Path | None = None, **settings: str) -> Iterator[PgServer]:
    """A server that runs, and is gone afterwards."""
    server = PgServer(binaries, parent, **settings)
    try:
        server.start()
        yield server
    finally:
        server.remove()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
