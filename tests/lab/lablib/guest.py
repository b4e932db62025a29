"""The host's end of labd: commands and files. guest/labd.c describes the protocol."""

import os
import socket
import struct

REACH_SECONDS = 10


class Guest:
    """A running guest, known by the host's port that leads to its labd."""

    def __init__(self, port):
        self.port = port

    def _connect(self, timeout=REACH_SECONDS):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=timeout)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    @staticmethod
    def _read(connection, length):
        data = b""
        while len(data) < length:
            more = connection.recv(length - len(data))
            if not more:
                raise EOFError("the guest closed the connection")
            data += more
        return data

    def _frames(self, connection, output, error):
        while True:
            kind, length = struct.unpack(">cI", self._read(connection, 5))
            data = self._read(connection, length)
            if kind == b"O":
                output(data)
            elif kind == b"E":
                error(data)
            else:
                code, why = data.decode().split(" ", 1)
                return int(code), why

    def execute(self, script, seconds, output, error):
        """Runs a bash script; returns (exit code, why). 124: it took too long and was killed."""
        text = script.encode()
        with self._connect() as connection:
            connection.settimeout(None)
            connection.sendall(f"EXEC {int(seconds * 1000)} {len(text)}\n".encode() + text)
            return self._frames(connection, output, error)

    def ask(self, script, seconds=60):
        """As `execute`; returns (exit code, what it said on both streams)."""
        said = []
        code, why = self.execute(script, seconds, said.append, said.append)
        return code, b"".join(said).decode(errors="replace") + ("" if why == "ok" else why)

    def is_up(self):
        try:
            with self._connect(1) as connection:
                connection.settimeout(2)
                connection.sendall(b"EXEC 10000 4\ntrue")
                return self._read(connection, 1) == b"X"
        except (OSError, EOFError):
            return False

    def put(self, source, target, mode=None):
        mode = os.stat(source).st_mode & 0o7777 if mode is None else mode
        with self._connect() as connection, open(source, "rb") as file:
            connection.settimeout(None)
            connection.sendall(f"PUT {mode:o} {os.path.getsize(source)} {target}\n".encode())
            connection.sendfile(file)
            self._moved(connection, target, lambda data: None)

    def get(self, source, target):
        with self._connect() as connection, open(target, "wb") as file:
            connection.settimeout(None)
            connection.sendall(f"GET {source}\n".encode())
            self._moved(connection, source, file.write)

    def _moved(self, connection, path, output):
        code, why = self._frames(connection, output, lambda data: None)
        if code:
            raise OSError(code, f"{why}: {os.strerror(code)}", path)
