"""A DNS server on loopback, over UDP and TCP, that answers, or fails, as a test says."""

import asyncio
import struct
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum

from dnslib import QTYPE, RCODE, RR, TXT, DNSRecord


class Odd(Enum):
    """What a name is answered with instead of its records."""

    SILENT = "no answer at all"
    BROKEN = "SERVFAIL"
    REFUSED = "REFUSED"
    NONSENSE = "bytes that are no answer"
    OTHER_NAME = "an answer to another question"
    EMPTY = "no record of this type, but the name is there"


Zone = Mapping[str, Sequence[str] | Odd]


@dataclass
class DnsServer(asyncio.DatagramProtocol):
    """Answers for a zone; what is not in it does not exist. `udp` and `tcp` list what was asked."""

    zone: Zone
    port: int = 0
    udp: list[str] = field(default_factory=list)
    tcp: list[str] = field(default_factory=list)
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        answer = self.build_answer(data, self.udp)
        if answer and len(answer) > 512:
            # As a server does (RFC 2181 9): a mark, and the client asks again over TCP.
            cut = DNSRecord.parse(data).reply()
            cut.header.tc = 1
            answer = cut.pack()
        if answer:
            self.transport.sendto(answer, addr)

    async def serve_tcp(self, reader, writer):
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        answer = self.build_answer(await reader.readexactly(length), self.tcp)
        if answer:
            writer.write(struct.pack("!H", len(answer)) + answer)
        writer.close()
        await writer.wait_closed()

    def build_answer(self, question: bytes, asked: list[str]) -> bytes | None:
        request = DNSRecord.parse(question)
        name = str(request.q.qname).rstrip(".")
        asked.append(name)
        self.was_asked.set()
        records = self.zone.get(name)
        reply = request.reply()
        match records:
            case Odd.SILENT:
                return None
            case Odd.NONSENSE:
                return question[:2] + b"\xff" * 9
            case Odd.BROKEN:
                reply.header.rcode = RCODE.SERVFAIL
            case Odd.REFUSED:
                reply.header.rcode = RCODE.REFUSED
            case Odd.OTHER_NAME:
                reply = DNSRecord.question("lie.example", "TXT").reply()
                reply.header.id = request.header.id
                reply.add_answer(RR("lie.example", QTYPE.TXT, ttl=60, rdata=TXT("v=spf1 +all")))
            case Odd.EMPTY:
                pass
            case None:
                reply.header.rcode = RCODE.NXDOMAIN
            case _:
                for text in records:
                    reply.add_answer(RR(request.q.qname, QTYPE.TXT, ttl=60, rdata=TXT(split(text))))
        return reply.pack()


def split(text: str) -> list[str]:
    """A record's strings: each has at most 255 bytes (RFC 1035 3.3)."""
    return [text[start : start + 255] for start in range(0, len(text), 255)] or [""]


@asynccontextmanager
async def serve_dns(zone: Zone) -> AsyncIterator[DnsServer]:
    server = DnsServer(zone)
    tcp = await asyncio.start_server(server.serve_tcp, "127.0.0.1", 0)
    server.port = tcp.sockets[0].getsockname()[1]
    loop = asyncio.get_running_loop()
    udp, _ = await loop.create_datagram_endpoint(
        lambda: server, local_addr=("127.0.0.1", server.port)
    )
    try:
        yield server
    finally:
        udp.close()
        tcp.close()
        await tcp.wait_closed()
