"""A small web application, for trying a playbook: whoever is on its page hears what the others say."""

import os

from aiohttp import WSMsgType, web

here = set()


async def health(_):
    return web.json_response({"status": "ok", "here": len(here)})


async def chat(request):
    socket = web.WebSocketResponse(heartbeat=30)
    await socket.prepare(request)
    here.add(socket)
    try:
        async for message in socket:
            if message.type == WSMsgType.TEXT:
                for other in list(here):
                    await other.send_str(message.data)
    finally:
        here.discard(socket)
    return socket


app = web.Application()
app.add_routes([web.get("/health", health), web.get("/chat", chat)])
web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]))
