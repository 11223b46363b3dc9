import asyncio

lock = asyncio.Lock()
calls = 0


async def handle(event, context):
    global calls
    # One loop for all requests: a lock of the first is the second's too.
    async with lock:
        await asyncio.sleep(0)
        calls += 1
        return str(calls)
