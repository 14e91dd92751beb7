"""A FastMCP server that lets nobody in but the bearer of a token that ISSUER made for it. What each request carried is told on standard output."""

import json
import os

from fastmcp import Context, FastMCP
from fastmcp.server.auth.providers.jwt import JWTVerifier
from fastmcp.server.dependencies import get_access_token
from starlette.middleware import Middleware

issuer, port = os.environ["ISSUER"], int(os.environ["PORT"])


class Heard:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            print("heard", json.dumps({"method": scope["method"], "headers": headers}, separators=(",", ":")), flush=True)
        await self.app(scope, receive, send)


server = FastMCP(
    "notes",
    auth=JWTVerifier(jwks_uri=f"{issuer}/jwks", issuer=issuer, audience=os.environ["AUDIENCE"], algorithm="ES256"),
)


@server.tool(annotations={"readOnlyHint": True})
def who() -> str:
    """Who calls, as this server itself read it from the token."""
    claims = get_access_token().claims
    return json.dumps({name: claims.get(name) for name in ("sub", "aud", "client_id")})


@server.tool
async def count(to: int, ctx: Context) -> str:
    """Tells its progress, then asks the user how much of it has come."""
    for at in range(1, to + 1):
        await ctx.report_progress(at, to)
    answer = await ctx.elicit("How many have you seen?", response_type=int)
    return f"{answer.action}: {answer.data} of {to}"


@server.tool
def erase(note: str) -> str:
    """Erases a note."""
    raise RuntimeError(f"nobody should have come as far as erasing {note}")


@server.resource("notes://today")
def today() -> str:
    return "buy bread"


print("begins", flush=True)
server.run(
    transport="http", host="127.0.0.1", port=port, path="/mcp", show_banner=False, middleware=[Middleware(Heard)], log_level="INFO"
)
