async def handle(req):
    for word in req.split():
        yield word
