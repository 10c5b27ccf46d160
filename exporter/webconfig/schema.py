"""What a web configuration file may hold; pure.

Format: https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md, where
certificates, users, headers and the rate limit have the same keys and meaning. What Python's TLS
cannot do, and what is not safe, is refused with the reason: nothing is ignored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal, Self, get_args

from pydantic import AfterValidator, Field, model_validator

from exporter.config.values import Section, wrong
from exporter.webconfig.durations import go_duration

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Version = Literal["TLS12", "TLS13"]
ClientAuth = Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"]

CIPHERS: Mapping[str, str] = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
}
"""Go's secure names (https://pkg.go.dev/crypto/tls#CipherSuites) to OpenSSL's; those of TLS 1.3 cannot be chosen."""
CURVES: Mapping[str, str] = {
    "CurveP256": "prime256v1",
    "CurveP384": "secp384r1",
    "CurveP521": "secp521r1",
    "X25519": "X25519",
}
"""Go's names (https://pkg.go.dev/crypto/tls#CurveID) to OpenSSL's."""

_UNSAFE_VERSIONS = ("TLS10", "TLS11")
_UNVERIFIED = ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert")
_TLS13_CIPHERS = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
_HASH = re.compile(r"\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}\Z")
"""https://en.wikipedia.org/wiki/Bcrypt: version, cost, 22 characters of salt and 31 of hash."""
_POSSIBLE = re.compile(r".{28}[.Oeu].{30}[.CGKOSWaeimquy26]\Z")
"""Of 16 bytes the last of 22 characters holds but two bits, of 23 bytes the last of 31 but four; the others are 0."""
_HEADERS: Mapping[str, tuple[str, ...]] = {
    "Content-Security-Policy": (),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-Content-Type-Options": ("nosniff",),
    "X-XSS-Protection": (),
    "Strict-Transport-Security": (),
}
"""The headers that may be set, with their values where those are closed: web/handler.go of the toolkit."""


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """What TLS is made of. Of `certificate`, `key` and `client_ca` a path is a file to read, text is the PEM itself."""

    certificate: Path | str
    key: Path | str = field(repr=False)
    client_ca: Path | str | None
    client_auth: ClientAuth
    allowed_sans: frozenset[str]
    """Empty: any certificate that the client CA has signed."""
    oldest: Version
    newest: Version
    ciphers: tuple[str, ...]
    """In OpenSSL's names; empty: OpenSSL's own choice."""
    prefer_server_ciphers: bool
    curve: str | None


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A token bucket: one request per `interval` seconds, and `burst` of them at once."""

    interval: float
    burst: int


@dataclass(frozen=True, slots=True)
class WebSettings:
    """The whole file. `users` are names with bcrypt hashes, as bytes; none: no authentication."""

    tls: TlsSettings | None = None
    headers: tuple[tuple[str, str], ...] = ()
    users: Mapping[bytes, bytes] = field(default_factory=dict, repr=False)
    rate_limit: RateLimit | None = None


def _version(value: str) -> str:
    if value in _UNSAFE_VERSIONS:
        raise wrong("is TLS 1.0 or 1.1, which are broken (RFC 8996) and not served; write TLS12 or TLS13")
    if value not in get_args(Version):
        raise wrong("must be TLS12 or TLS13")
    return value


def _client_auth(value: str) -> str:
    if value in _UNVERIFIED:
        raise wrong("would accept a certificate from anybody; write RequireAndVerifyClientCert")
    if value not in get_args(ClientAuth):
        raise wrong("must be NoClientCert, VerifyClientCertIfGiven or RequireAndVerifyClientCert")
    return value


def _cipher(value: str) -> str:
    if value in CIPHERS:
        return CIPHERS[value]
    if value in _TLS13_CIPHERS:
        raise wrong("belongs to TLS 1.3, whose cipher suites cannot be chosen; remove it")
    if value.startswith("TLS_RSA_"):
        raise wrong("has no forward secrecy and is not served; choose one with ECDHE")
    raise wrong(f"is no cipher suite that is served; known are {', '.join(CIPHERS)}")


def _curve(value: str) -> str:
    if value not in CURVES:
        raise wrong(f"is no curve that is served; known are {', '.join(CURVES)}")
    return CURVES[value]


def _one_curve(values: list[str]) -> list[str]:
    if len(values) != 1:
        raise wrong("must name exactly one curve, as Python's TLS takes no list; leave the key out for the usual ones")
    return values


def _http2(*, value: bool) -> bool:
    if value:
        raise wrong("HTTP/2 is not served; remove the key or write false")
    return value


def _headers(values: dict[str, str]) -> dict[str, str]:
    for name, value in values.items():
        if name not in _HEADERS:
            raise wrong(f"{name} is no header that may be set; known are {', '.join(_HEADERS)}")
        if _HEADERS[name] and value not in _HEADERS[name]:
            raise wrong(f"{name} must be {' or '.join(_HEADERS[name])}")
        if not (value.isascii() and value.isprintable()):
            raise wrong(f"{name} holds a character that no header may hold; write printable ASCII")
    return values


def _user(name: str) -> str:
    if not name or ":" in name:
        raise wrong("no user can have this name; write one without a colon")
    return name


def _bcrypt(value: str) -> str:
    if not _HASH.match(value):
        raise wrong("is no bcrypt hash; make one with `htpasswd -nBC 10 USER`, and put it in quotes")
    if not _POSSIBLE.match(value):
        raise wrong("is mistyped, as no password has this bcrypt hash; copy it again, or make a new one")
    return value


def _pem(value: str) -> str:
    if not value:
        raise wrong("is empty; write the PEM text, or remove the key")
    return value


def _file(value: str) -> str:
    if not value or "\0" in value:
        raise wrong("is no path; name a PEM file")
    return value


Pem = Annotated[str, AfterValidator(_pem)]
File = Annotated[str, AfterValidator(_file)]
VersionName = Annotated[str, AfterValidator(_version)]
ClientAuthName = Annotated[str, AfterValidator(_client_auth)]


class TlsModel(Section):
    """`tls_server_config:` in the file."""

    cert: Pem | None = None
    key: Pem | None = None
    client_ca: Pem | None = None
    cert_file: File | None = None
    key_file: File | None = None
    client_auth_type: ClientAuthName = "NoClientCert"
    client_ca_file: File | None = None
    client_allowed_sans: list[str] = Field(default_factory=list)
    min_version: VersionName = "TLS12"
    max_version: VersionName = "TLS13"
    cipher_suites: list[Annotated[str, AfterValidator(_cipher)]] = Field(default_factory=list)
    prefer_server_cipher_suites: bool = True
    curve_preferences: Annotated[list[Annotated[str, AfterValidator(_curve)]], AfterValidator(_one_curve)] = Field(
        default_factory=list
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for name in ("cert", "key", "client_ca"):
            text, file = getattr(self, name), getattr(self, f"{name}_file")
            if text is not None and file is not None:
                raise wrong(f"{name} and {name}_file say the same; remove one of them")
            if text is None and file is None and name != "client_ca":
                raise wrong(f"{name}_file is missing; name a PEM file, or remove the section to serve without TLS")
        has_ca = self.client_ca is not None or self.client_ca_file is not None
        if has_ca and self.client_auth_type == "NoClientCert":
            raise wrong("client_ca_file has no effect; add `client_auth_type: RequireAndVerifyClientCert`")
        if not has_ca and self.client_auth_type != "NoClientCert":
            raise wrong("client_ca_file is missing; name the CA that signs the clients' certificates")
        if self.client_allowed_sans and self.client_auth_type != "RequireAndVerifyClientCert":
            raise wrong("client_allowed_sans has no effect; add `client_auth_type: RequireAndVerifyClientCert`")
        if self.min_version > self.max_version:
            raise wrong("min_version is above max_version; exchange them")
        if self.cipher_suites and self.min_version == "TLS13":
            raise wrong("cipher_suites are for TLS 1.2, which min_version rules out; remove one of the two keys")
        return self

    def settings(self, folder: Path) -> TlsSettings:
        """Return the section as the rest of the program sees it; relative paths begin at `folder`."""

        def source(text: str | None, file: str | None) -> Path | str | None:
            return text if file is None else folder / file

        certificate, key = source(self.cert, self.cert_file), source(self.key, self.key_file)
        if certificate is None or key is None:
            raise AssertionError
        return TlsSettings(
            certificate=certificate,
            key=key,
            client_ca=source(self.client_ca, self.client_ca_file),
            client_auth=self.client_auth_type,  # type: ignore[arg-type]  # one of them, or it was refused
            allowed_sans=frozenset(self.client_allowed_sans),
            oldest=self.min_version,  # type: ignore[arg-type]  # likewise
            newest=self.max_version,  # type: ignore[arg-type]  # likewise
            ciphers=tuple(self.cipher_suites),
            prefer_server_ciphers=self.prefer_server_cipher_suites,
            curve=next(iter(self.curve_preferences), None),
        )


class HttpModel(Section):
    """`http_server_config:` in the file."""

    http2: Annotated[bool, AfterValidator(lambda value: _http2(value=value))] = False
    headers: Annotated[dict[str, str], AfterValidator(_headers)] = Field(default_factory=dict)


class RateModel(Section):
    """`rate_limit:` in the file."""

    interval: Annotated[float, go_duration] = 0.0
    burst: int = 0

    @model_validator(mode="after")
    def _lets_something_through(self) -> Self:
        if self.interval > 0 and self.burst < 1:
            raise wrong("burst is missing or 0, so no request would ever be answered; write 1 or more")
        return self


class WebModel(Section):
    """The whole file."""

    tls_server_config: TlsModel | None = None
    http_server_config: HttpModel = Field(default_factory=HttpModel)
    basic_auth_users: dict[Annotated[str, AfterValidator(_user)], Annotated[str, AfterValidator(_bcrypt)]] = Field(
        default_factory=dict
    )
    rate_limit: RateModel = Field(default_factory=RateModel)

    def settings(self, folder: Path) -> WebSettings:
        """Return the file as the rest of the program sees it; relative paths begin at `folder`."""
        limit = self.rate_limit
        return WebSettings(
            tls=None if self.tls_server_config is None else self.tls_server_config.settings(folder),
            # A blank one is not set, as in the toolkit.
            headers=tuple((name, value) for name, value in self.http_server_config.headers.items() if value),
            users={name.encode(): value.encode() for name, value in self.basic_auth_users.items()},
            rate_limit=RateLimit(limit.interval, limit.burst) if limit.interval > 0 else None,
        )
