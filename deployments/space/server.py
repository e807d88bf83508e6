"""The Prefect server behind the front, which listens on loopback alone."""

from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any

import httpx2

TIMEOUT = httpx2.Timeout(60, connect=5)
LIMITS = httpx2.Limits(keepalive_expiry=2)
"""The server closes an idle connection after 5 s; a request that is on its way just then would be lost."""


SCHEDULED = "/deployments/name/implement/every-120s"


@dataclass(frozen=True)
class Server:
    """Where it is, and what the front itself asks it for. Strangers' requests go there without the password."""

    address: str
    """`http://127.0.0.1:PORT`."""
    password: str
    client: httpx2.AsyncClient = field(
        default_factory=lambda: httpx2.AsyncClient(timeout=TIMEOUT, trust_env=False, limits=LIMITS)
    )

    async def ask(self, path: str, body: Any = None) -> Any:
        """The API's answer to a GET, or to a POST where there is a body. Raises httpx2.HTTPError."""
        login = f"Basic {b64encode(self.password.encode()).decode()}"
        method = "GET" if body is None else "POST"
        url = f"{self.address}/api{path}"
        answer = await self.client.request(method, url, json=body, headers={"authorization": login})
        answer.raise_for_status()
        return answer.json() if answer.content else None


def is_active(deployment: dict[str, Any]) -> bool:
    """Whether runs of a deployment come by themselves: it is not paused, nor is its schedule."""
    return not deployment["paused"] and any(each["active"] for each in deployment["schedules"])
