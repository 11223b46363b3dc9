import asyncio


async def handle(req):
    await asyncio.sleep(0.01)
    return f"later {req}"
