from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI, Query, Request
from fastapi.responses import StreamingResponse


@asynccontextmanager
async def lifespan(app):
    yield {"state": "ready"}


app = FastAPI(lifespan=lifespan)


@app.get("/sum")
async def add(n: Annotated[list[int], Query()], request: Request):
    return {"sum": sum(n), "state": request.state.state}


@app.get("/stream")
def stream():
    return StreamingResponse(f"{number}\n" for number in range(3))


@app.post("/size")
async def size(request: Request) -> int:
    return sum([len(chunk) async for chunk in request.stream()])
