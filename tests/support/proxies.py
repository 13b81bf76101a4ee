"""Real proxies from the distribution's packages, started on the loopback and ended with the test."""

import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.support.authority import Authority, pump
from tests.support.rawserver import RawServer, Script, serving

USER, PASSWORD = "us@er", "s:cret"
QUOTED = "us%40er:s%3Acret"
NCSA_AUTH = "/usr/lib/squid/basic_ncsa_auth"
SQUID = """\
http_port 127.0.0.1:{port}
pid_filename none
cache deny all
access_log none
cache_log {folder}/cache.log
coredump_dir {folder}
shutdown_lifetime 0 seconds
{access}
"""
SQUID_OPEN = "http_access allow all"
SQUID_SHUT = """\
auth_param basic program {helper}
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all"""
SQUID_FORBIDS = "http_access deny all"
TINYPROXY = "Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 50\nLogLevel Critical\n{access}\n"
DANTE = """\
internal: 127.0.0.1 port = {port}
external: 127.0.0.1
socksmethod: none
clientmethod: none
client pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}
socks block {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}
"""
STUNNEL = """\
foreground = yes
pid =
[proxy]
accept = 127.0.0.1:{port}
connect = 127.0.0.1:{behind}
cert = {cert}
key = {key}
{more}
"""
NGINX = """\
daemon off; master_process off; pid {folder}/pid; error_log {folder}/errors;
events {{ }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {cert}; ssl_certificate_key {key};
    ssl_client_certificate {authority}; ssl_verify_client on;
    location / {{ proxy_pass http://127.0.0.1:{behind}; proxy_buffering off; proxy_http_version 1.1; }}
  }}
}}
"""


def present(*programs: str) -> bool:
    return all(shutil.which(program, path=f"{os.defpath}:/usr/sbin:/sbin") for program in programs)


class Running(NamedTuple):
    """A proxy behind a relay that counts its clients: a log-in each."""

    relay: RawServer

    @property
    def port(self) -> int:
        return self.relay.port

    @property
    def logins(self) -> int:
        return self.relay.connections


@contextmanager
def running(command: Callable[[int], list[str]], folder: Path) -> Iterator[int]:
    """The port that the program listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder.chmod(0o777)  # squid gives up being root
    name, *words = command(port)
    path = shutil.which(name, path=f"{os.defpath}:/usr/sbin:/sbin")
    with (
        open(folder / "said", "wb") as said,
        subprocess.Popen([str(path), *words], stdout=said, stderr=said) as process,
    ):
        try:
            _await(port, process, folder / "said")
            yield port
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _await(port: int, process: subprocess.Popen[bytes], said: Path) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"{process.args!r} does not listen: {said.read_text(errors='replace')}")


@contextmanager
def counted(command: Callable[[int], list[str]], folder: Path) -> Iterator[Running]:
    with running(command, folder) as port, serving(_relay(port), deaf=True, tls=None) as relay:
        yield Running(relay)


def _relay(port: int) -> Script:
    def script(client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", port)) as server:
            back = threading.Thread(target=pump, args=(server, client), daemon=True)
            back.start()
            pump(client, server)
            back.join(30)

    return script


def _configured(name: str, text: str, folder: Path) -> Callable[[int], list[str]]:
    """A command that reads its configuration from a file; `{port}` and the like are filled in."""
    flags = {"squid": ["-N", "-f"], "tinyproxy": ["-d", "-c"], "danted": ["-f"], "stunnel4": [], "nginx": ["-c"]}[name]

    def command(port: int) -> list[str]:
        (folder / "configuration").write_text(text.replace("{port}", str(port)).format(folder=folder))
        return [name, *flags, str(folder / "configuration")]

    return command


def squid(folder: Path, access: str) -> Callable[[int], list[str]]:
    """Its helpers are nobody in particular, who must be able to read the file of passwords."""
    passwords = tempfile.NamedTemporaryFile("w", prefix="passwords-")  # noqa: SIM115 - it goes with the command
    coded = subprocess.run(["openssl", "passwd", "-apr1", PASSWORD], check=True, capture_output=True, text=True)
    passwords.write(f"{USER}:{coded.stdout}")
    passwords.flush()
    os.chmod(passwords.name, 0o644)
    access = access.replace("{helper}", f"{NCSA_AUTH} {passwords.name}")
    command = _configured("squid", SQUID.replace("{access}", access), folder)
    return lambda port: command(port) if passwords else []


def tinyproxy(folder: Path, *, shut: bool = False) -> Callable[[int], list[str]]:
    return _configured("tinyproxy", TINYPROXY.replace("{access}", "BasicAuth user secret" if shut else ""), folder)


def microsocks(*, shut: bool = False) -> Callable[[int], list[str]]:
    words = ["-u", USER, "-P", PASSWORD] if shut else []
    return lambda port: ["microsocks", "-i", "127.0.0.1", "-p", str(port), *words]


def dante(folder: Path) -> Callable[[int], list[str]]:
    return _configured("danted", DANTE, folder)


def stunnel(folder: Path, authority: Authority, behind: int, more: str = "") -> Callable[[int], list[str]]:
    cert, key = authority.issue(folder, "127.0.0.1")
    text = STUNNEL.replace("{behind}", str(behind)).replace("{cert}", cert).replace("{key}", key)
    return _configured("stunnel4", text.replace("{more}", more), folder)


def nginx(folder: Path, authority: Authority, behind: int) -> Callable[[int], list[str]]:
    cert, key = authority.issue(folder, "127.0.0.1")
    text = NGINX.replace("{behind}", str(behind)).replace("{cert}", cert).replace("{key}", key)
    return _configured("nginx", text.replace("{authority}", authority.file), folder)
