"""Websockets passed on to the Prefect server. It closes on a wrong password, but waits for ever for one to be said."""

import asyncio
from collections.abc import AsyncIterator

from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets import ClientConnection, ConnectionClosed, InvalidHandshake, Subprotocol, connect

from deployments.space.server import Server

PROTOCOL = Subprotocol("prefect")
SILENCE_S = 10.0
"""So long a socket may take to say its password, and to be let in."""
LARGEST = 1 << 20
"""Bytes of a message."""
REFUSED, AWAY = 1008, 1013
"""https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1, https://www.iana.org/assignments/websocket"""


async def relay(socket: WebSocket) -> None:
    """Both directions until either side ends. The server hears of a socket once it has said something."""
    server: Server = socket.app.state.server
    if PROTOCOL not in socket.scope["subprotocols"]:
        await socket.close(REFUSED)
        return
    await socket.accept(subprotocol=PROTOCOL)
    try:
        async with asyncio.timeout(SILENCE_S):
            first = await _said(socket)
    except TimeoutError:
        await socket.close(REFUSED, "Nothing was said")
    except WebSocketDisconnect:
        return
    else:
        await _through(socket, server, first)


async def _through(socket: WebSocket, server: Server, first: str | bytes) -> None:
    query = socket.scope["query_string"].decode("latin-1")
    address = f"ws{server.address.removeprefix('http')}{socket.url.path}" + (f"?{query}" if query else "")
    try:
        async with connect(address, subprotocols=[PROTOCOL], proxy=None, max_size=None) as inner:
            async with asyncio.timeout(SILENCE_S):
                await inner.send(first)
                await _tell(socket, await inner.recv())
            await _both_ways(socket, inner)
    except ConnectionClosed as closed:
        why = closed.rcvd  # 1005: the server gave no code, and none may be made of that
        await socket.close(why.code if why and why.code != 1005 else AWAY, why.reason if why else None)
    except (OSError, TimeoutError, InvalidHandshake):
        await socket.close(AWAY)
    except WebSocketDisconnect:
        return


async def _both_ways(socket: WebSocket, inner: ClientConnection) -> None:
    async def outwards() -> None:
        while True:
            await _tell(socket, await inner.recv())

    async def inwards() -> None:
        async for message in _messages(socket):
            await inner.send(message)

    tasks = [asyncio.create_task(outwards()), asyncio.create_task(inwards())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            raise result


async def _messages(socket: WebSocket) -> AsyncIterator[str | bytes]:
    while True:
        yield await _said(socket)


async def _said(socket: WebSocket) -> str | bytes:
    """The next message. Raises WebSocketDisconnect."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message["code"])
    text: str | None = message.get("text")
    return text if text is not None else bytes(message["bytes"])


async def _tell(socket: WebSocket, message: str | bytes) -> None:
    await (socket.send_text(message) if isinstance(message, str) else socket.send_bytes(message))
