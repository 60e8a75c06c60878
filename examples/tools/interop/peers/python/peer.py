"""websockets as a peer; see ../README.md."""

import asyncio
import json
import ssl
import sys

import websockets
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

VERSION = "Python websockets " + websockets.__version__


def say(what):
    print(json.dumps(what), flush=True)


async def answer(ws, case, message):
    """Does with a message what the case says."""
    if case == "close-from":
        await ws.close(1000, "bye")
    elif case == "fragments-from":
        half = len(message) // 2
        await ws.send([message[:half], message[half:]])
    elif case == "ping-from":
        await (await ws.ping(b"spindrift"))  # its future is that of the Pong with this payload
        await ws.send(message)
    else:
        await ws.send(message)


async def talk(ws, case):
    """Echoes until the connection has ended, and reports."""
    seen, error = [], ""
    try:
        async for message in ws:
            text = isinstance(message, str)
            size = len(message.encode() if text else message)
            seen.append(f"{'text' if text else 'binary'} {size}")
            await answer(ws, case, message)
    except websockets.ConnectionClosedError as e:
        if e.rcvd is None or e.rcvd.code != 4001:  # any code but 1000 and 1001 is raised
            error = str(e)
    await ws.wait_closed()
    say({
        "case": case,
        "code": ws.close_code,
        "reason": ws.close_reason,
        "protocol": ws.subprotocol or "",
        "seen": seen,
        "error": error,
    })


async def client(authority):
    trust = ssl.create_default_context(cafile=authority)
    say({"version": VERSION})
    while line := await asyncio.to_thread(sys.stdin.readline):
        case, url = line.split()
        try:
            async with connect(
                url,
                subprotocols=["chat.v9", "chat.v2"] if case == "subprotocol" else None,
                compression=None if case == "declined" else "deflate",
                ssl=trust if url.startswith("wss") else None,
                max_size=None,
                proxy=None,
            ) as ws:
                await talk(ws, case)
        except Exception as e:
            say({"case": case, "error": f"{type(e).__name__}: {e}"})


def choose(_, offered):
    return next((p for p in ("chat.v2", "chat.v1") if p in offered), None)


async def server(cert, key):
    identity = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    identity.load_cert_chain(cert, key)

    async def listen(**options):
        s = await serve(
            lambda ws: talk(ws, ws.request.path[1:]),
            "127.0.0.1",
            0,
            select_subprotocol=choose,
            max_size=None,
            **options,
        )
        return s.sockets[0].getsockname()[1]

    say({
        "version": VERSION,
        "plain": await listen(),
        "tls": await listen(ssl=identity),
        "declined": await listen(compression=None),
    })
    await asyncio.to_thread(sys.stdin.read)


role, *files = sys.argv[1:]
asyncio.run((client if role == "client" else server)(*files))
