"""Access to a web server of this machine: by the host name of a request, and by a token.

A browser runs pages of strangers, and they may send requests anywhere. A site that points its own name at
this machine (DNS rebinding) sends that name as Host; a page of another site sends that site as Origin. Both
are refused. A server that other machines reach also asks for a token.
"""

import ipaddress
import os
import re
import secrets
import socket
from collections.abc import Iterable
from typing import NamedTuple

from signjax.errors import ConfigError
from signjax.io import safe_read

# Not "", which means all interfaces: nobody else on the network may use this machine's processor.
HOST = "127.0.0.1"
LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
TOKEN_VARIABLE = "SIGNJAX_VIEWER_TOKEN"
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_-][a-z0-9._-]*)(?::([0-9]{1,5}))?")
_TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,200}")  # characters that URLs, cookies and headers take as they are


class Host(NamedTuple):
    """A host of a URL."""

    name: str  # in lower case, IPv6 in brackets
    port: int | None  # None if there is none


class ServerAccess(NamedTuple):
    """What is compared with the headers of requests."""

    port: int  # of the server
    names: frozenset[str]  # of this machine, asked for with that port
    allowed_hosts: tuple[Host, ...] = ()  # of tunnels and proxies; without a port: with any
    token: str | None = None

    @property
    def cookie(self) -> str:
        """The name of the cookie with the token."""
        # Browsers send a cookie to every port of its host: another viewer there has another token.
        return f"signjax-{self.port}"

    def allows(self, hosts: list[str], origins: list[str], address: str = "") -> bool:
        """Whether a request comes from this server's own page, or from a program that is no browser.

        Args:
          hosts: its headers Host.
          origins: its headers Origin; programs send none.
          address: of this machine, where it arrived.
        """
        # Exactly one Host: of two, a proxy and this server could each trust a different one.
        host = parse_host(hosts[0]) if len(hosts) == 1 else None
        if host is None:
            return False
        schemes = []
        # Browsers leave out the port of a scheme: 80 of http, 443 of https.
        ports = {80, 443} if host.port is None else {host.port}
        if any(host.name == a.name and (a.port is None or a.port in ports) for a in self.allowed_hosts):
            schemes = ["http", "https"]  # a proxy may encrypt
        elif (80 if host.port is None else host.port) == self.port:
            # An address cannot be pointed elsewhere as a name can.
            schemes = ["http"] if host.name in self.names | {format_address(address)} else []
        own_pages = [f"{scheme}://{hosts[0].lower()}" for scheme in schemes]
        return bool(schemes) and (not origins or (len(origins) == 1 and origins[0].lower() in own_pages))

    def has_token(self, authorization: str, cookies: str, query: str) -> bool:
        """Whether one of these has the token; True if none is asked for.

        Args:
          authorization: the header of that name, "Bearer ...".
          cookies: the header Cookie.
          query: the token in the address of the page.
        """
        if self.token is None:
            return True
        sent = [authorization.removeprefix("Bearer "), query, self._find_cookie(cookies)]
        # The time that a comparison with == takes says how many characters are right.
        return any([secrets.compare_digest(one.encode(), self.token.encode()) for one in sent])

    def _find_cookie(self, cookies: str) -> str:
        # Not by http.cookies, which drops all cookies if another program's is written in another way.
        parts = (pair.strip().partition("=") for pair in cookies.split(";"))
        return {name: value for name, _, value in parts}.get(self.cookie, "")


def parse_host(text: str) -> Host | None:
    """Parses "name", "name:port" or "[IPv6]:port"; None if it is none of them."""
    match = _HOST.fullmatch(text.lower())
    if not match or (match[2] and int(match[2]) > 65535):
        return None
    return Host(match[1], int(match[2]) if match[2] else None)


def parse_allowed_hosts(names: Iterable[str]) -> tuple[Host, ...]:
    """Parses names of tunnels and proxies; an IPv6 address may come without brackets.

    Raises:
      ConfigError: one is no name of a host.
    """
    hosts = []
    for name in names:
        host = parse_host(format_address(name))
        if host is None:
            raise ConfigError(
                f"--allow_host {name!r}: give a name as the browser's address bar has it, such as "
                "viewer.example or localhost:9000"
            )
        hosts.append(host)
    return tuple(hosts)


def format_address(address: str) -> str:
    """An address as URLs have it: IPv6 in brackets, and IPv4 that arrived by IPv6 as IPv4."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    return str(parsed.ipv4_mapped or f"[{parsed}]")


def find_address(host: str) -> tuple[socket.AddressFamily, str]:
    """The address to listen on, of a name or an address.

    Raises:
      ConfigError: there is no such host.
    """
    try:
        # Without a name getaddrinfo returns loopback.
        if not host:
            raise OSError("give an address of this machine, or 0.0.0.0 for all")
        bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        family, *_, address = socket.getaddrinfo(bare, None, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"--host {host}: {safe_read.describe_error(error)}") from None
    return family, str(address[0])


def find_names(host: str, address: str) -> frozenset[str]:
    """The names by which browsers reach a server on this address of this machine.

    Args:
      host: as the user wrote it.
      address: of `find_address`.
    """
    names = LOOPBACK_NAMES | {format_address(host).lower(), format_address(address)}
    return names if is_loopback(address) else names | {socket.gethostname().lower()}


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches an address."""
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def make_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(32)


def read_token(path) -> str | None:
    """The token in a file, or without a file of the environment variable TOKEN_VARIABLE; None without both.

    Raises:
      ConfigError: the file cannot be read, or what is there is no token.
    """
    source = TOKEN_VARIABLE if path is None else f"--token_file {path}"
    try:
        token = os.environ.get(TOKEN_VARIABLE) if path is None else _read_line(path)
    except safe_read.InvalidFileError as error:
        raise ConfigError(f"{source}: {error}") from None
    # Also an empty one: a variable that was meant to protect the server must not leave it open.
    if token is not None and not _TOKEN.fullmatch(token):
        raise ConfigError(f"{source}: a token is 16 to 200 letters, digits and any of - . _ ~")
    return token


def _read_line(path) -> str:
    return safe_read.read_bytes(path, 1024).decode("ascii", errors="replace").strip()
