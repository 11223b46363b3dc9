"""The registry client: OCI distribution specification 1.1, over urllib3."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import urllib3

from faas_cli.registry.auth import RegistryCredentials, registry_credentials
from faas_cli.registry.errors import RegistryError, refused, unreachable
from faas_cli.registry.silence import Silence
from faas_cli.registry.transport import Transport
from faas_runtime.images.store import INDEX_TYPE, MANIFEST_TYPE

ACCEPTED = ", ".join(
    (
        MANIFEST_TYPE,
        INDEX_TYPE,
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    )
)
_CHUNK_BYTES = 4 * 1024 * 1024
_MAX_SINGLE_BYTES = 256 * 1024
"""Maximum size of a blob that is sent with the first request, which not every registry accepts."""
_RETRIES = 3
_CONNECT_TIMEOUT, _READ_TIMEOUT = 10.0, 120.0
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest of a registry: its bytes, type and digest."""

    content: bytes
    media_type: str
    digest: str

    def json(self) -> dict[str, Any]:
        """The parsed manifest. Raises RegistryError for anything else, such as a proxy's page."""
        try:
            found = json.loads(self.content)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise RegistryError(
                f"the registry's answer ({self.media_type or 'of no type'}) is not a manifest",
                hint="is this the address of a registry, or of a proxy or a login page?",
            )
        return found


class Registry:
    """One registry. Thread-safe. Every method raises RegistryError.

    `push` requests permission to write, otherwise only to read. A request fails after `timeout` seconds of silence;
    `waiting` is called with a line for the user when there has been none for a while.
    """

    def __init__(
        self,
        host: str,
        credentials: RegistryCredentials | None = None,
        *,
        push: bool = False,
        timeout: float = _READ_TIMEOUT,
        waiting: Callable[[str], object] = lambda text: None,
    ) -> None:
        self.host = host
        self._timeout = urllib3.Timeout(connect=_CONNECT_TIMEOUT, read=timeout)
        self._silence = Silence(f"the registry {host}", timeout, waiting)
        self._actions = "pull,push" if push else "pull"
        self._credentials = credentials if credentials is not None else registry_credentials(host)
        self._transport = Transport(host)
        self._takes_whole = True
        self._tokens: dict[str, str] = {}
        self._lock = threading.Lock()

    def has_blob(self, repository: str, digest: str) -> bool:
        """Whether the registry has a blob."""
        return self._call("HEAD", f"/v2/{repository}/blobs/{digest}", repository, allowed=(404,)).status == 200

    def mount(self, repository: str, digest: str, source: str) -> bool:
        """Mount a blob of another repository of this registry; False if it must be uploaded."""
        query = urlencode({"mount": digest, "from": source})
        answer = self._call("POST", f"/v2/{repository}/blobs/uploads/?{query}", repository, allowed=(202, 401, 403))
        return answer.status == 201

    def upload(
        self, repository: str, digest: str, path: Path, sent: Callable[[int], object] = lambda done: None
    ) -> None:
        """Upload a blob from a file; `sent` is called with the number of bytes sent so far.

        A small blob is sent in one request; a large one in chunks, resumed at the registry's offset after a failure.
        """
        size = path.stat().st_size
        if size > _CHUNK_BYTES or not self._upload_whole(repository, digest, path.read_bytes()):
            self._upload_chunks(repository, digest, path, sent)
        sent(size)

    def _upload_whole(self, repository: str, digest: str, content: bytes) -> bool:
        """Upload in one request if the registry supports it, else in two; False if it requires chunks."""
        query, headers = urlencode({"digest": digest}), {"Content-Type": "application/octet-stream"}
        location = ""
        if self._takes_whole and len(content) <= _MAX_SINGLE_BYTES:
            target = f"/v2/{repository}/blobs/uploads/?{query}"
            answer = self._call("POST", target, repository, headers=headers, body=content)
            if answer.status == 201:
                return True
            # The registry began an upload session instead, and always will.
            self._takes_whole = False
            location = self._location(answer)
        try:
            target = _with_query(location or self._begin(repository), query)
            self._call("PUT", target, repository, headers=headers, body=content)
        except RegistryError as err:
            if err.status in (404, 416):
                return False
            raise
        return True

    def _upload_chunks(self, repository: str, digest: str, path: Path, sent: Callable[[int], object]) -> None:
        size = path.stat().st_size
        location, offset, failures = self._begin(repository), 0, 0
        with path.open("rb") as stream:
            while offset < size:
                stream.seek(offset)
                chunk = stream.read(_CHUNK_BYTES)
                try:
                    answer = self._patch(location, repository, chunk, offset)
                    location, offset = self._location(answer), offset + len(chunk)
                except RegistryError as err:
                    failures += 1
                    if failures > _RETRIES or (400 <= err.status < 500 and err.status != 416):
                        raise
                    time.sleep(0.1 * 2**failures)
                    location, offset = self._resume(location, repository)
                sent(offset)
        self._call("PUT", _with_query(location, urlencode({"digest": digest})), repository)

    def fetch_blob(
        self, repository: str, digest: str, target: Path, received: Callable[[int], object] = lambda done: None
    ) -> None:
        """Download a blob into a file and check its digest; `received` is called with the bytes so far."""
        for attempt in range(_RETRIES + 1):
            answer = self._call("GET", f"/v2/{repository}/blobs/{digest}", repository, stream=True)
            total = hashlib.sha256()
            try:
                with target.open("wb") as stream:
                    for chunk in self._silence.watched(answer.stream(1 << 20)):
                        total.update(chunk)
                        stream.write(chunk)
                        received(stream.tell())
                break
            except urllib3.exceptions.ReadTimeoutError as err:
                answer.close()
                target.unlink()
                raise unreachable(err, self.host) from None
            except urllib3.exceptions.HTTPError:
                target.unlink()
                if attempt == _RETRIES:
                    raise RegistryError(f"the registry {self.host} broke off while sending {digest}") from None
                time.sleep(0.1 * 2**attempt)
        if f"sha256:{total.hexdigest()}" != digest:
            target.unlink()
            raise RegistryError(f"{self.host} sent content that does not match {digest}")

    def manifest(self, repository: str, reference: str) -> Manifest:
        """A manifest or an index by tag or digest."""
        answer = self._call("GET", f"/v2/{repository}/manifests/{reference}", repository, headers={"Accept": ACCEPTED})
        digest = f"sha256:{hashlib.sha256(answer.data).hexdigest()}"
        if reference.startswith("sha256:") and digest != reference:
            raise RegistryError(f"{self.host} sent content that does not match {reference}")
        return Manifest(answer.data, answer.headers.get("Content-Type", ""), digest)

    def put_manifest(self, repository: str, reference: str, content: bytes, media_type: str) -> str:
        """Store a manifest under a tag or its digest; returns its digest, which the registry has confirmed."""
        headers = {"Content-Type": media_type}
        target = f"/v2/{repository}/manifests/{reference}"
        answer = self._call("PUT", target, repository, headers=headers, body=content)
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if answer.status != 201:
            kind = answer.headers.get("Content-Type") or "no type"
            raise RegistryError(
                f"{self.host} did not store the manifest: it answered {answer.status} ({kind}) instead of 201",
                hint="is this the address of a registry, or of a proxy or a login page?",
                status=answer.status,
            )
        stored = answer.headers.get("Docker-Content-Digest", digest)
        if stored != digest:
            raise RegistryError(f"{self.host} stored the manifest as {stored}, and {digest} was sent")
        return digest

    def _patch(self, location: str, repository: str, chunk: bytes, offset: int) -> urllib3.BaseHTTPResponse:
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Range": f"{offset}-{offset + len(chunk) - 1}",
        }
        return self._call("PATCH", location, repository, headers=headers, body=chunk)

    def _begin(self, repository: str) -> str:
        return self._location(self._call("POST", f"/v2/{repository}/blobs/uploads/", repository))

    def _resume(self, location: str, repository: str) -> tuple[str, int]:
        """Location and offset to resume at; a new upload if the registry has dropped the old one."""
        try:
            answer = self._call("GET", location, repository)
        except RegistryError as err:
            if 400 <= err.status < 500 and err.status not in (401, 403):
                return self._begin(repository), 0
            raise
        last = re.fullmatch(r"(?:bytes=)?\d+-(\d+)", answer.headers.get("Range", ""))
        # Registries also answer `0-0` when they have no byte yet.
        offset = int(last[1]) + 1 if last and int(last[1]) else 0
        return (self._location(answer) if "Location" in answer.headers else location), offset

    def _location(self, answer: urllib3.BaseHTTPResponse) -> str:
        return urljoin(self._transport.base, answer.headers.get("Location", ""))

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
        url = urljoin(self._transport.base, target)
        scope = f"repository:{repository}:{self._actions}"
        used = self._tokens.get(scope, "")
        answer = self._send(method, url, scope, headers, body, stream)
        if answer.status == 401 and self._authorize(answer.headers.get("WWW-Authenticate", ""), scope, used):
            answer = self._send(method, url, scope, headers, body, stream)
        if not 200 <= answer.status < 300 and answer.status not in allowed:
            raise refused(answer, self.host, repository, had_credentials=self._credentials is not None)
        return answer

    def _send(
        self, method: str, url: str, scope: str, headers: dict[str, str] | None, body: bytes | None, stream: bool
    ) -> urllib3.BaseHTTPResponse:
        sent = dict(headers or {})
        token = self._tokens.get(scope)
        # A blob may be served by another host: the credentials are for the registry only.
        if token and urlsplit(url).netloc == self.host:
            sent["Authorization"] = token
        try:
            with self._silence.watch(len(body or b"")):
                return self._transport.request(
                    method,
                    url,
                    headers=sent,
                    body=body,
                    preload_content=not stream,
                    timeout=self._timeout,
                )
        except urllib3.exceptions.HTTPError as err:
            raise unreachable(err, self.host) from None

    def _authorize(self, challenge: str, scope: str, used: str) -> bool:
        """Get the requested authorization; False if there is none but the refused one (`used`)."""
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
            answer = self._ask("POST", realm, fields=form, encode_multipart=False)
        else:
            answer = self._ask("GET", f"{realm}?{urlencode(query)}", headers=headers)
        if answer.status != 200:
            raise refused(answer, self.host, "", had_credentials=self._credentials is not None)
        content = answer.json()
        return f"Bearer {content.get('token') or content.get('access_token')}"

    def _ask(self, method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse:
        """A request to the server that gives out tokens."""
        host = urlsplit(url).netloc or self.host
        try:
            with self._silence.watch():
                return self._transport.request(method, url, timeout=self._timeout, **options)
        except urllib3.exceptions.HTTPError as err:
            raise unreachable(err, host) from None


def _with_query(location: str, query: str) -> str:
    return f"{location}{'&' if '?' in location else '?'}{query}"
