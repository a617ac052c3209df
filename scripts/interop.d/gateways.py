"""Gateways that ask our verifier, with the configurations in docs/verify/gateways.md."""

from __future__ import annotations

import base64
import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import urlsplit

from processes import Processes, Server, free_port
from verifiers import Service

NGINX = """
worker_processes 1;
pid {place}/nginx.pid;
error_log {place}/nginx.error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {place}/nginx-body;
    proxy_temp_path {place}/nginx-proxy;
    fastcgi_temp_path {place}/nginx-fastcgi;
    uwsgi_temp_path {place}/nginx-uwsgi;
    scgi_temp_path {place}/nginx-scgi;
    {site}
}}
"""


class Protected(BaseHTTPRequestHandler):
    """The service behind the gateway: trusts the headers that it gets, and returns the user in them."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        payload = self.headers["Authorization"].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        body = json.dumps({"sub": claims["sub"]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def start_gateways(processes: Processes, place: Path, configs: Path, verifier: Service) -> list[Service]:
    """Starts nginx and Caddy, in front of the verifier at the address of `verifier`."""
    upstream = Server(Protected)

    def configured(name: str, port: int) -> str:
        config = (configs / name).read_text()
        addresses = {8080: port, 8001: urlsplit(verifier.url).port, 9000: upstream.port}
        for written, ours in addresses.items():
            assert f"127.0.0.1:{written}" in config, f"{name} has no address 127.0.0.1:{written}"
            config = config.replace(f"127.0.0.1:{written}", f"127.0.0.1:{ours}")
        return config

    gateways = []
    for name, file in (("nginx", "nginx.conf"), ("Caddy", "Caddyfile")):
        port, path = free_port(), place / file
        config = configured(file, port)
        path.write_text(NGINX.format(place=place, site=config) if name == "nginx" else config)
        command = {
            "nginx": ["nginx", "-p", place, "-c", path, "-g", "daemon off;"],
            "Caddy": ["caddy", "run", "--config", path, "--adapter", "caddyfile"],
        }[name]
        env = {"HOME": str(place), "XDG_DATA_HOME": str(place), "XDG_CONFIG_HOME": str(place)}
        process = processes.start(name, command, place / f"{name}.log", env)
        process.wait_for_port(port)
        gateways.append(Service(name, f"http://127.0.0.1:{port}/", process))
    return gateways
