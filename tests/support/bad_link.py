"""A loopback port that leads to another one over a link that can be slow, lossy, narrow, silent or cut.

What is on the way when the link is cut is lost, and both sides see a reset; while it is silent nobody sees anything. Bytes that do
arrive arrive in order, as TCP has it: a lost packet is one that comes a retransmission later, and everything behind it too."""
import asyncio
import random
import threading

CHUNK_BYTES, CHUNKS_ON_THE_WAY = 16 * 1024, 64
RETRANSMIT_S = (0.2, 1.0)


class BadLink:
    """On a thread of this program, at a free port: `port`. `cut`, `silent`, `delay_s` (each way), `loss` (share of the chunks) and
    `bytes_per_s` (0: as fast as it goes) may be set at any time by `be`."""

    FINE = {"cut": False, "silent": False, "delay_s": 0, "loss": 0, "bytes_per_s": 0}

    def __init__(self, to_port, seed):
        self.to_port, self.prng = to_port, random.Random(seed)
        self.weather, self.ways, self.resets, self.bytes = dict(self.FINE), set(), 0, 0
        self.loop = asyncio.new_event_loop()
        server = self.loop.run_until_complete(asyncio.start_server(self.join, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def be(self, **weather):
        """From now on: fine but for what is given."""
        self.loop.call_soon_threadsafe(self.turn, {**self.FINE, **weather})

    def turn(self, weather):
        self.weather = weather
        if weather["cut"]:
            for writer in list(self.ways):
                self.reset(writer)

    def reset(self, writer):
        self.resets += 1
        self.ways.discard(writer)
        writer.transport.abort()

    async def join(self, reader, writer):
        self.ways.add(writer)
        if self.weather["cut"]:
            self.reset(writer)
            return
        try:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self.to_port)
        except OSError:
            self.reset(writer)
            return
        self.ways.add(inner_writer)
        await asyncio.gather(self.carry(reader, inner_writer), self.carry(inner_reader, writer))

    async def carry(self, reader, writer):
        way = asyncio.Queue(CHUNKS_ON_THE_WAY)
        arrival = asyncio.ensure_future(self.arrive(way, writer))
        try:
            while data := await reader.read(CHUNK_BYTES):
                await way.put((self.loop.time(), data))
        except OSError:
            pass
        await way.put((self.loop.time(), b""))
        await arrival

    async def arrive(self, way, writer):
        """The far end of one direction; goes on to the end after a reset, so that nobody waits for room on the way."""
        while True:
            sent, data = await way.get()
            if not data:
                break
            weather = self.weather
            late = self.prng.uniform(*RETRANSMIT_S) if self.prng.random() < weather["loss"] else 0
            await asyncio.sleep(max(0, sent + weather["delay_s"] + late - self.loop.time()))
            if weather["bytes_per_s"]:
                await asyncio.sleep(len(data) / weather["bytes_per_s"])
            while self.weather["silent"] and writer in self.ways:
                await asyncio.sleep(0.02)
            if writer in self.ways:
                self.bytes += len(data)
                writer.write(data)
                try:
                    await writer.drain()
                except OSError:
                    self.ways.discard(writer)
        self.ways.discard(writer)
        writer.close()
