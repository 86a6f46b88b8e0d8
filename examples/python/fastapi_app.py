"""FastAPI with a pool of its own: opened and closed with the application, errors as their status, and a client that
leaves frees the runtime.

pip install tyrex-pool fastapi uvicorn
uvicorn fastapi_app:app
curl localhost:8000/total -H 'Content-Type: application/json' -d '[1, 2.5]'
"""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from tyrex_pool import LocalPool, TyrexError

RULES = "export const total = (prices) => prices.reduce((sum, price) => sum + price, 0);"


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    async with LocalPool(size=1, inline=RULES) as app.state.pool:
        yield


app = FastAPI(lifespan=lifespan)


@app.exception_handler(TyrexError)
async def failed(request: Request, error: TyrexError) -> Response:
    document = {"name": error.name, "detail": error.detail, "retryable": error.retryable}
    return JSONResponse(document, error.status, {"Retry-After": "1"} if error.retryable else None)


@app.post("/total")
async def total(prices: list[float], request: Request) -> Any:
    return await while_connected(request, request.app.state.pool.call("total", prices))


@app.post("/eval")
async def evaluate(code: str, request: Request) -> Any:
    return await while_connected(request, request.app.state.pool.eval(code, timeout=30))


async def while_connected(request: Request, work: Coroutine[Any, Any, Any]) -> Any:
    """The result of `work`, which is cancelled when the client leaves: the pool drops its eval then."""
    task = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(_cancel_when_gone(request, task))
    try:
        return await task
    except asyncio.CancelledError:
        if not watching.done():  # not the client: the server ends
            raise
        return Response(status_code=499)  # nobody reads it
    finally:
        watching.cancel()
        task.cancel()


async def _cancel_when_gone(request: Request, task: "asyncio.Future[Any]") -> None:
    while not await request.is_disconnected():
        await asyncio.sleep(0.1)
    task.cancel()
