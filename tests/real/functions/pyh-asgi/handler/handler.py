state = []


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        assert (await receive())["type"] == "lifespan.startup"
        state.append("started")
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        await send({"type": "lifespan.shutdown.complete"})
        return
    message = await receive()
    await send({"type": "http.response.start", "status": 203, "headers": [(b"x-a", b"b")]})
    words = [*state, scope["method"], scope["path"], scope["query_string"].decode(), ""]
    await send({"type": "http.response.body", "body": " ".join(words).encode(), "more_body": True})
    await send({"type": "http.response.body", "body": message["body"]})
