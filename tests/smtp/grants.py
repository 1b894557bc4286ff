"""A provider's log-in on loopback, over TLS: it knows one application and one service account.

The providers' own libraries talk to it as they would to the real one.
"""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
import uvicorn
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.smtp.relay import TOKEN

TENANT, CLIENT, SECRET = "tenant-1", "app-1", "top~secret"
LIFETIME = 3600
AUDIENCE = "https://oauth2.googleapis.com/token"
"""To this the library addresses its assertions, even if the key names another address."""


def key_pair() -> tuple[str, str]:
    """A service account's private and public key, in PEM form."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


@dataclass
class Provider:
    """The running log-in."""

    port: int
    private: str
    public: str
    asked: list[dict[str, Any]] = field(default_factory=list)
    """What each request for a token said: form fields, or a signed assertion's claims."""

    @property
    def address(self) -> str:
        return f"https://localhost:{self.port}"

    def key_file(self, folder: Path, **changes: str) -> Path:
        """Write a service account's key as Google gives it out."""
        account = {
            "type": "service_account",
            "client_email": "sender@project.example",
            "private_key": self.private,
            "private_key_id": "1",
            "token_uri": f"{self.address}/google",
            **changes,
        }
        file = folder / "key.json"
        file.write_text(json.dumps(account))
        return file

    async def configuration(self, request: Request) -> JSONResponse:
        """OpenID's discovery document, as the library looks it up."""
        if request.path_params["tenant"] != TENANT:
            return JSONResponse({"error": "invalid_tenant"}, 400)
        here = f"{self.address}/{TENANT}"
        return JSONResponse(
            {
                "issuer": here,
                "authorization_endpoint": f"{here}/authorize",
                "token_endpoint": f"{here}/token",
            }
        )

    async def microsoft(self, request: Request) -> JSONResponse:
        form = {
            name: values[0] for name, values in parse_qs((await request.body()).decode()).items()
        }
        self.asked.append(form)
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT, SECRET):
            quoted = form["client_secret"]
            reason = f"AADSTS7000215: Invalid client secret {quoted} provided.\r\nTrace ID: 1"
            return JSONResponse({"error": "invalid_client", "error_description": reason}, 401)
        return JSONResponse({"token_type": "Bearer", "expires_in": LIFETIME, "access_token": TOKEN})

    async def google(self, request: Request) -> JSONResponse:
        form = parse_qs((await request.body()).decode())
        claims = jwt.decode(
            form["assertion"][0], self.public, algorithms=["RS256"], audience=AUDIENCE
        )
        self.asked.append(claims)
        if claims["iss"] != "sender@project.example":
            reason = f"Client is unauthorized to retrieve access tokens with {form['assertion'][0]}"
            return JSONResponse({"error": "unauthorized_client", "error_description": reason}, 401)
        return JSONResponse({"token_type": "Bearer", "expires_in": LIFETIME, "access_token": TOKEN})


@asynccontextmanager
async def provider(certificate: Path, keys: tuple[str, str]) -> AsyncIterator[Provider]:
    """Run it on a free port. `certificate` is a file of its key and chain, `keys` the account's."""
    listening = socket.create_server(("127.0.0.1", 0))
    running = Provider(listening.getsockname()[1], *keys)
    application = Starlette(
        routes=[
            Route("/{tenant}/v2.0/.well-known/openid-configuration", running.configuration),
            Route(f"/{TENANT}/token", running.microsoft, methods=["POST"]),
            Route("/google", running.google, methods=["POST"]),
        ]
    )
    settings = uvicorn.Config(
        application, log_level="critical", lifespan="off", ssl_certfile=certificate
    )
    server = uvicorn.Server(settings)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield running
    finally:
        server.should_exit = True
        await serving
