#!/usr/bin/env python3
"""A door on a loopback port to a unix socket, for clients that know TCP alone: tcp_to_unix.py PORT PATH.

Bytes go both ways unchanged; when one side ends, so does the other. A connection that the socket does not take is closed at
once, so a program behind it may die and come back.
"""
import asyncio
import sys
import threading

CHUNK_BYTES = 64 * 1024


async def pump(reader, writer):
    try:
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def join(path, reader, writer):
    try:
        inner_reader, inner_writer = await asyncio.open_unix_connection(path)
    except OSError:
        writer.close()
        return
    await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))


async def listen(port, path):
    return await asyncio.start_server(lambda r, w: join(path, r, w), "127.0.0.1", port)


class Forwarder:
    """The same on a thread of this program, at a free port: `port`. Ends with the program."""

    def __init__(self, path):
        self.loop = asyncio.new_event_loop()
        server = self.loop.run_until_complete(listen(0, str(path)))
        self.port = server.sockets[0].getsockname()[1]
        threading.Thread(target=self.loop.run_forever, daemon=True).start()


async def main(port, path):
    async with await listen(port, path) as server:
        await server.serve_forever()


if __name__ == "__main__":
    if len(sys.argv) != 3 or not sys.argv[1].isdigit():
        sys.exit("usage: tcp_to_unix.py PORT PATH")
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
