"""Speaking with a registry: OCI distribution specification 1.1, over urllib3."""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import urllib3

from faas_cli.errors import FaasError
from faas_cli.registry.auth import RegistryCredentials, registry_credentials
from faas_cli.registry.reference import DOCKER_HUB
from faas_runtime.imagestore import INDEX_TYPE, MANIFEST_TYPE

ACCEPTED = ", ".join(
    (
        MANIFEST_TYPE,
        INDEX_TYPE,
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    )
)
_CHUNK = 4 * 1024 * 1024
_RETRIES = 3
_TIMEOUT = urllib3.Timeout(connect=10, read=120)
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


class RegistryError(FaasError):
    """A registry refused, or could not be reached. `status` is the HTTP status, 0 when there was none."""

    def __init__(self, message: str, *, hint: str = "", status: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.status = status


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest as the registry has it: its bytes, type and digest."""

    content: bytes
    media_type: str
    digest: str

    def json(self) -> dict[str, Any]:
        """The manifest as values."""
        return dict(json.loads(self.content))


class Registry:
    """One registry. It may be used from several threads. Every method raises RegistryError.

    `push` asks for the right to write; without it, to read alone.
    """

    def __init__(self, host: str, credentials: RegistryCredentials | None = None, *, push: bool = False) -> None:
        self.host = host
        self._actions = "pull,push" if push else "pull"
        self._credentials = credentials if credentials is not None else registry_credentials(host)
        self._base = f"{'http' if _is_plain(host) else 'https'}://{host}"
        self._pool = urllib3.PoolManager(
            maxsize=8,
            retries=urllib3.Retry(
                _RETRIES,
                redirect=5,
                status_forcelist=(500, 502, 503, 504),
                # To begin an upload twice does no harm; a part of one (PATCH) is taken up by `upload` instead.
                allowed_methods=("HEAD", "GET", "PUT", "POST"),
                raise_on_status=False,
                backoff_factor=0.3,
            ),
        )
        self._tokens: dict[str, str] = {}
        self._lock = threading.Lock()

    def has_blob(self, repository: str, digest: str) -> bool:
        """Whether the registry has a blob."""
        return self._call("HEAD", f"/v2/{repository}/blobs/{digest}", repository, allowed=(404,)).status == 200

    def mount(self, repository: str, digest: str, source: str) -> bool:
        """Take a blob over from another repository of the same registry; False when it must be uploaded."""
        query = urlencode({"mount": digest, "from": source})
        answer = self._call("POST", f"/v2/{repository}/blobs/uploads/?{query}", repository, allowed=(202, 401, 403))
        return answer.status == 201

    def upload(self, repository: str, digest: str, path: Path) -> None:
        """Upload a blob from a file, in chunks; one that breaks off is taken up where the registry says it stands."""
        size = path.stat().st_size
        location, offset, failures = self._begin(repository), 0, 0
        with path.open("rb") as stream:
            while offset < size:
                stream.seek(offset)
                chunk = stream.read(_CHUNK)
                try:
                    answer = self._patch(location, repository, chunk, offset)
                    location, offset = self._location(answer), offset + len(chunk)
                except RegistryError as err:
                    failures += 1
                    if failures > _RETRIES or (400 <= err.status < 500 and err.status != 416):
                        raise
                    time.sleep(0.1 * 2**failures)
                    location, offset = self._resume(location, repository)
        separator = "&" if "?" in location else "?"
        self._call("PUT", f"{location}{separator}{urlencode({'digest': digest})}", repository)

    def fetch_blob(self, repository: str, digest: str, target: Path) -> None:
        """Download a blob into a file and check its digest."""
        for attempt in range(_RETRIES + 1):
            answer = self._call("GET", f"/v2/{repository}/blobs/{digest}", repository, stream=True)
            total = hashlib.sha256()
            try:
                with target.open("wb") as stream:
                    for piece in answer.stream(1 << 20):
                        total.update(piece)
                        stream.write(piece)
                break
            except urllib3.exceptions.HTTPError:
                target.unlink()
                if attempt == _RETRIES:
                    raise RegistryError(f"the registry {self.host} broke off while it sent {digest}") from None
                time.sleep(0.1 * 2**attempt)
        if f"sha256:{total.hexdigest()}" != digest:
            target.unlink()
            raise RegistryError(f"{self.host} sent something else than {digest}")

    def manifest(self, repository: str, reference: str) -> Manifest:
        """A manifest or an index by tag or digest."""
        answer = self._call("GET", f"/v2/{repository}/manifests/{reference}", repository, headers={"Accept": ACCEPTED})
        digest = f"sha256:{hashlib.sha256(answer.data).hexdigest()}"
        if reference.startswith("sha256:") and digest != reference:
            raise RegistryError(f"{self.host} sent something else than {reference}")
        return Manifest(answer.data, answer.headers.get("Content-Type", ""), digest)

    def put_manifest(self, repository: str, reference: str, content: bytes, media_type: str) -> str:
        """Store a manifest under a tag or its digest; returns its digest."""
        headers = {"Content-Type": media_type}
        self._call("PUT", f"/v2/{repository}/manifests/{reference}", repository, headers=headers, body=content)
        return f"sha256:{hashlib.sha256(content).hexdigest()}"

    def _patch(self, location: str, repository: str, chunk: bytes, offset: int) -> urllib3.BaseHTTPResponse:
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Range": f"{offset}-{offset + len(chunk) - 1}",
        }
        return self._call("PATCH", location, repository, headers=headers, body=chunk)

    def _begin(self, repository: str) -> str:
        return self._location(self._call("POST", f"/v2/{repository}/blobs/uploads/", repository))

    def _resume(self, location: str, repository: str) -> tuple[str, int]:
        """Where to go on, and from which byte: a new upload when the registry has given the old one up."""
        try:
            answer = self._call("GET", location, repository)
        except RegistryError as err:
            if 400 <= err.status < 500 and err.status not in (401, 403):
                return self._begin(repository), 0
            raise
        last = re.fullmatch(r"(?:bytes=)?\d+-(\d+)", answer.headers.get("Range", ""))
        # `0-0` is also what a registry says that has nothing yet.
        offset = int(last[1]) + 1 if last and int(last[1]) else 0
        return (self._location(answer) if "Location" in answer.headers else location), offset

    def _location(self, answer: urllib3.BaseHTTPResponse) -> str:
        return urljoin(self._base, answer.headers.get("Location", ""))

    def _call(
        self,
        method: str,
        target: str,
        repository: str,
        *,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        stream: bool = False,
        allowed: tuple[int, ...] = (),
    ) -> urllib3.BaseHTTPResponse:
        url = urljoin(self._base, target)
        scope = f"repository:{repository}:{self._actions}"
        used = self._tokens.get(scope, "")
        answer = self._send(method, url, scope, headers, body, stream)
        if answer.status == 401 and self._authorize(answer.headers.get("WWW-Authenticate", ""), scope, used):
            answer = self._send(method, url, scope, headers, body, stream)
        if not 200 <= answer.status < 300 and answer.status not in allowed:
            self._refuse(answer, repository)
        return answer

    def _send(
        self, method: str, url: str, scope: str, headers: dict[str, str] | None, body: bytes | None, stream: bool
    ) -> urllib3.BaseHTTPResponse:
        sent = dict(headers or {})
        token = self._tokens.get(scope)
        # A blob may be served from elsewhere: our credentials are for the registry alone.
        if token and urlsplit(url).netloc == self.host:
            sent["Authorization"] = token
        try:
            return self._pool.request(
                method,
                url,
                headers=sent,
                body=body,
                preload_content=not stream,
                timeout=_TIMEOUT,
            )
        except urllib3.exceptions.HTTPError as err:
            reason = str(err.__cause__ or err).split(":")[-1].strip(" )")
            raise RegistryError(
                f"the registry {self.host} does not answer: {reason}", hint="check the image's name and the network"
            ) from None

    def _authorize(self, challenge: str, scope: str, used: str) -> bool:
        """Get what the challenge asks for; False when there is nothing to try but what was refused (`used`)."""
        kind, _, rest = challenge.partition(" ")
        credentials = self._credentials
        if kind.lower() == "basic":
            if credentials is None or not credentials.password:
                return False
            headers = urllib3.make_headers(basic_auth=f"{credentials.user}:{credentials.password}")
            token = headers["authorization"]
        elif kind.lower() == "bearer":
            token = self._bearer(dict(_CHALLENGE.findall(rest)), scope)
        else:
            return False
        with self._lock:
            self._tokens[scope] = token
        return token != used

    def _bearer(self, fields: dict[str, str], scope: str) -> str:
        query = {"service": fields.get("service", ""), "scope": fields.get("scope") or scope}
        headers: dict[str, str] = {}
        credentials = self._credentials
        if credentials is not None and credentials.password:
            headers = urllib3.make_headers(basic_auth=f"{credentials.user}:{credentials.password}")
        realm = fields.get("realm", "")
        if credentials is not None and credentials.identity_token:
            form = {
                **query,
                "grant_type": "refresh_token",
                "refresh_token": credentials.identity_token,
                "client_id": "faas",
            }
            answer = self._pool.request("POST", realm, fields=form, encode_multipart=False)
        else:
            answer = self._pool.request("GET", f"{realm}?{urlencode(query)}", headers=headers)
        if answer.status != 200:
            self._refuse(answer, "")
        content = answer.json()
        return f"Bearer {content.get('token') or content.get('access_token')}"

    def _refuse(self, answer: urllib3.BaseHTTPResponse, repository: str) -> None:
        if answer.status in (401, 403):
            had = self._credentials is not None
            what = "did not accept the credentials" if had else "asks for credentials"
            server = _login_name(self.host)
            ours = f"`faas registry-login --server {server}` and then `DOCKER_CONFIG=credentials`"
            hint = f"`docker login {server}`, or {ours}"
            raise RegistryError(f"the registry {self.host} {what} for `{repository}`", hint=hint, status=answer.status)
        if answer.status == 404:
            raise RegistryError(f"the registry {self.host} has no `{repository}` like that", status=404)
        raise RegistryError(f"the registry {self.host} refused: {_reason(answer)}", status=answer.status)


def _reason(answer: urllib3.BaseHTTPResponse) -> str:
    try:
        errors = json.loads(answer.data)["errors"]
        return "; ".join(str(error.get("message") or error.get("code")) for error in errors)
    except (ValueError, KeyError, TypeError):
        return f"status {answer.status}"


def _login_name(host: str) -> str:
    return "docker.io" if host == DOCKER_HUB else host


def _is_plain(host: str) -> bool:
    """Registries on this machine speak plain HTTP, as Docker has it; others only if they are named here."""
    name = host.rpartition(":")[0] or host
    insecure = os.environ.get("FAAS_INSECURE_REGISTRIES", "").split(",")
    return name in ("localhost", "127.0.0.1", "[::1]") or host in insecure
