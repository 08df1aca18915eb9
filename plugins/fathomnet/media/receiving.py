"""How much a connection receives ahead of its reader, in the kernel and in this process."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, Final

WINDOW: Final = 2 * 1024**2
"""Bytes under way to a connection. The kernel begins with a sixteenth of this, and the sender waits
for each piece to be read; on a fast line that costs a fifth of the rate and processor time."""

ALL_WINDOWS: Final = 100 * 1024**2
"""Bytes for all connections together: the kernel's memory if a store is slower than a source."""

SMALLEST: Final = 512 * 1024
"""Bytes; below this the kernel chooses by itself, and may grow further on a long line."""

SocketFactory = Callable[[Any], socket.socket]


def receiving_sockets(concurrency: int) -> SocketFactory | None:
    """Makes sockets with a large receive window, for aiohttp's ``TCPConnector``.

    Args:
        concurrency: connections at a time.

    Returns:
        None if the kernel is to choose: for very many connections, and on a system that allows no
        window of this size (on Linux ``net.core.rmem_max``); what it does allow would be less than
        the kernel would choose itself.
    """
    window = min(WINDOW, ALL_WINDOWS // concurrency)
    if window < SMALLEST:
        return None

    def make(address: Any) -> socket.socket:
        family, kind, protocol, *_ = address
        made = socket.socket(family, kind, protocol)
        # Before it connects: the largest window is agreed on in the handshake.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        return made

    with make((socket.AF_INET, socket.SOCK_STREAM, 0)) as probe:
        return make if probe.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= window else None
