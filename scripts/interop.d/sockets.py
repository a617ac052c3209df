"""Reads the state of TCP connections from the kernel."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def _connections() -> Iterator[tuple[int, int, int, str]]:
    """Local port, remote port, bytes not read yet, inode."""
    for table in ("tcp", "tcp6"):
        path = Path("/proc/net") / table
        for line in path.read_text().splitlines()[1:] if path.exists() else ():
            fields = line.split()
            local, remote = (int(address.rsplit(":", 1)[1], 16) for address in fields[1:3])
            yield local, remote, int(fields[4].split(":")[1], 16), fields[9]


def unread_by_server(pid: int, port: int) -> bool:
    """Whether the server at `port` has not yet read all data that this process sent to it."""
    descriptors = Path(f"/proc/{pid}/fd")
    sockets = {os.readlink(descriptor) for descriptor in descriptors.iterdir()}
    connections = list(_connections())
    ours = {local for local, remote, _, inode in connections if remote == port and f"socket:[{inode}]" in sockets}
    return any(local == port and remote in ours and unread for local, remote, unread, _ in connections)
