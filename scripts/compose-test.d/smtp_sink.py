"""A mail server that takes every message and writes it to a file.

usage: smtp_sink.py PORT FILE
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

PORT, FILE = int(sys.argv[1]), Path(sys.argv[2])


async def session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 sink\r\n")
    while line := await reader.readline():
        verb = line[:4].upper()
        if verb == b"DATA":
            writer.write(b"354 go on\r\n")
            message = await reader.readuntil(b"\r\n.\r\n")
            with FILE.open("ab") as file:
                file.write(message)
        writer.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 sink\r\n")
        await writer.drain()
        if verb == b"QUIT":
            break
    writer.close()


async def main() -> None:
    server = await asyncio.start_server(session, "0.0.0.0", PORT)
    await server.serve_forever()


asyncio.run(main())
