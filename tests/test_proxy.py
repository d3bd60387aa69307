"""The proxy before Ralph, as it is configured, before a server that tells what it was asked."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ROOT = Path(__file__).parent.parent
PROXY = ROOT / "ops" / "proxy"
HEADER_TIMEOUT_S = 5.0


class Telling(http.server.BaseHTTPRequestHandler):
    """Answers with the headers and the path it was asked with."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = json.dumps({"path": self.path, **{name.lower(): value for name, value in self.headers.items()}}).encode()
        self.send_response(101 if self.headers.get("Upgrade") else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Server", "telling")
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        """Say nothing."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def certificate(folder: Path) -> None:
    """A certificate for localhost, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "tls_certificate").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "tls_key").write_bytes(pem)


class Ports:
    """Where the pieces listen."""

    def __init__(self) -> None:
        self.ralph, self.inside, self.plain, self.tls = (free_port() for _ in range(4))

    def client(self) -> httpx.Client:
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        return httpx.Client(base_url=f"https://localhost:{self.tls}", verify=trusting, timeout=20)


def configured(folder: Path, ports: Ports) -> Path:
    """A copy of the configuration with the ports and places of this test."""
    text = (PROXY / "nginx.conf").read_text()
    for given, here in (
        ("/tmp/", f"{folder}/"),
        ("/run/secrets/", f"{folder}/"),
        ("127.0.0.1:8421", f"127.0.0.1:{ports.ralph}"),
        ("listen 8420", f"listen 127.0.0.1:{ports.inside}"),
        ("listen 8080", f"listen 127.0.0.1:{ports.plain}"),
        ("listen 8443", f"listen 127.0.0.1:{ports.tls}"),
        ("include mime.types;", ""),
        ("access_log /dev/stdout", f"access_log {folder}/access.log"),
        ("error_log /dev/stderr", f"error_log {folder}/error.log"),
        ("include ralph.conf", f"include {PROXY}/ralph.conf"),
        ("include realip*.conf", f"include {folder}/realip*.conf"),
        ("worker_processes auto", "worker_processes 1"),
    ):
        assert given in text, given
        text = text.replace(given, here)
    path = folder / "nginx.conf"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    """A running proxy before a server that tells."""
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        pytest.skip("no nginx to run the proxy with")
    folder = tmp_path_factory.mktemp("proxy")
    folder.chmod(0o755)
    found = Ports()
    certificate(folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", found.ralph), Telling)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    command = [nginx, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(configured(folder, found))]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    # Started by root it would work as nobody, who cannot reach the folder of this test.
    user = "user root;" if os.geteuid() == 0 else ""
    process = subprocess.Popen([*command, "-g", f"daemon off; {user}"])
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", found.tls), timeout=1):
                break
            time.sleep(0.05)
        yield found
    finally:
        process.terminate()
        process.wait(10)
        server.shutdown()
        server.server_close()


def test_the_proxy_passes_on_what_it_knows(ports: Ports) -> None:
    """Who asked, by which name, over TLS; what clients claim of that is not believed. Nothing tells what serves."""
    with ports.client() as client:
        claimed = {"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Host": "evil.example", "Forwarded": "for=1.2.3.4"}
        answer = client.get("/api/v1/symbols?limit=3", headers=claimed)
    told = answer.json()
    assert told["path"] == "/api/v1/symbols?limit=3"
    assert told["x-forwarded-for"] == "127.0.0.1"
    assert told["x-forwarded-proto"] == "https"
    assert told["host"] == "localhost"
    assert not {"x-forwarded-host", "forwarded"} & set(told)
    assert answer.headers["server"] == "nginx"
    for name in ("strict-transport-security", "x-content-type-options", "x-frame-options", "referrer-policy"):
        assert name in answer.headers


def test_doors_that_are_not_for_everybody(ports: Ports) -> None:
    """Metrics only inside, and inside nothing but metrics and health; without TLS only the way to it."""
    with ports.client() as client:
        assert client.get("/metrics").status_code == 404
    inside = f"http://127.0.0.1:{ports.inside}"
    assert httpx.get(f"{inside}/metrics").json()["host"] == "localhost"
    assert httpx.get(f"{inside}/health/ready").status_code == 200
    assert httpx.get(f"{inside}/api/v1/symbols").status_code == 404
    moved = httpx.get(f"http://127.0.0.1:{ports.plain}/page?x=1")
    assert (moved.status_code, moved.headers["location"]) == (308, "https://127.0.0.1/page?x=1")


def test_bodies_have_limits(ports: Ports) -> None:
    """A megabyte, except where files are taken in."""
    with ports.client() as client:
        body = b"x" * (1 << 20)
        assert client.post("/api/v1/screens/run", content=body).status_code == 200
        assert client.post("/api/v1/screens/run", content=body + b"x").status_code == 413
        assert client.post("/api/v1/imports", content=body * 3).status_code == 200


def test_sockets_are_passed_through(ports: Ports) -> None:
    """The upgrade reaches Ralph, and its answer the client."""
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", ports.tls), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        secure.sendall(f"GET /ws HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode())
        answer = secure.recv(4096).decode()
    assert answer.startswith("HTTP/1.1 101")


def test_floods_are_turned_away(ports: Ports) -> None:
    """Who asks for links by the dozen is told to wait; others are still answered."""
    with ports.client() as client:
        answers = [client.post("/api/v1/login-links", content=b"").status_code for _ in range(30)]
        assert answers[0] == 200
        assert answers.count(429) >= 15
        assert client.get("/api/v1/symbols").status_code == 200


def test_slow_senders_are_let_go(ports: Ports) -> None:
    """A hundred half-open requests are closed after the time a header may take, and meanwhile others are answered."""
    asyncio.run(half_open(ports))


async def half_open(ports: Ports) -> None:
    pairs = [await asyncio.open_connection("127.0.0.1", ports.inside) for _ in range(100)]
    for _, writer in pairs:
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    assert (await asyncio.to_thread(httpx.get, f"http://127.0.0.1:{ports.inside}/health/live")).status_code == 200
    ended = await asyncio.wait_for(
        asyncio.gather(*(reader.read() for reader, _ in pairs), return_exceptions=True), HEADER_TIMEOUT_S * 6
    )
    assert len(ended) == 100
    for _, writer in pairs:
        writer.close()
