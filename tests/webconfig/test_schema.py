"""exporter.webconfig.schema: what a file may hold, and what is said of the rest."""

from __future__ import annotations

import ssl
from pathlib import Path

import bcrypt
import pytest

from exporter.webconfig.current import WebConfigError, parse_settings
from exporter.webconfig.schema import CIPHERS, CURVES, RateLimit, WebSettings

FILE = Path("/etc/web.yml")
HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"
TLS = "tls_server_config:\n  cert_file: a.pem\n  key_file: /k.pem\n"
SIGNED = TLS + "  client_ca_file: ca.pem\n  client_auth_type: RequireAndVerifyClientCert\n"

ALL = (
    SIGNED
    + f"""\
  client_allowed_sans: [prometheus.example.org, 10.0.0.1]
  min_version: TLS12
  max_version: TLS12
  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]
  prefer_server_cipher_suites: false
  curve_preferences: [CurveP256]
http_server_config:
  http2: false
  headers:
    Strict-Transport-Security: max-age=31536000
    X-Frame-Options: deny
    X-XSS-Protection: ""
basic_auth_users:
  prometheus: {HASH}
  0815: {HASH}
rate_limit: {{interval: 100ms, burst: 20}}
"""
)


def parse(text: str) -> WebSettings:
    return parse_settings(text.encode(), FILE)


def test_every_key() -> None:
    """Each key of the toolkit has its meaning; relative paths begin at the file's folder; a blank header is not set."""
    settings = parse(ALL)
    tls = settings.tls
    assert tls is not None
    assert (tls.certificate, tls.key, tls.client_ca) == (Path("/etc/a.pem"), Path("/k.pem"), Path("/etc/ca.pem"))
    assert (tls.client_auth, tls.oldest, tls.newest) == ("RequireAndVerifyClientCert", "TLS12", "TLS12")
    assert tls.allowed_sans == {"prometheus.example.org", "10.0.0.1"}
    assert (tls.ciphers, tls.prefer_server_ciphers, tls.curve) == (
        ("ECDHE-RSA-AES128-GCM-SHA256",),
        False,
        "prime256v1",
    )
    assert settings.headers == (("Strict-Transport-Security", "max-age=31536000"), ("X-Frame-Options", "deny"))
    assert settings.users == {b"prometheus": HASH.encode(), b"0815": HASH.encode()}
    assert settings.rate_limit == RateLimit(0.1, 20)


def test_defaults() -> None:
    """An empty file asks for nothing; TLS begins at 1.2 and asks for no client certificate."""
    assert parse("") == WebSettings()
    assert parse("rate_limit: {interval: 0, burst: 0}\nbasic_auth_users: {}\n") == WebSettings()
    tls = parse(TLS).tls
    assert tls is not None
    assert (tls.oldest, tls.newest, tls.client_auth, tls.ciphers, tls.curve) == (
        "TLS12",
        "TLS13",
        "NoClientCert",
        (),
        None,
    )


def test_texts_instead_of_files() -> None:
    """Certificate, key and client CA may stand in the file itself; neither key nor hashes show where it is printed."""
    settings = parse(f"tls_server_config: {{cert: CERT, key: SECRET}}\nbasic_auth_users: {{a: {HASH}}}\n")
    assert settings.tls is not None
    assert (settings.tls.certificate, settings.tls.key) == ("CERT", "SECRET")
    assert "SECRET" not in repr(settings)
    assert HASH not in repr(settings)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "tls: 1",
            "1: tls: unknown key; known here are tls_server_config, http_server_config, basic_auth_users, rate_l",
        ),
        (TLS + "  certfile: x", "4: tls_server_config.certfile: unknown key; did you mean cert_file"),
        (TLS + "  cert: x", "1: tls_server_config: cert and cert_file say the same; remove one"),
        ("tls_server_config: {cert_file: a}", "1: tls_server_config: key_file is missing; name a PEM file"),
        ("tls_server_config: {}", "1: tls_server_config: cert_file is missing"),
        (TLS + "  cert_file: b", "4: tls_server_config.cert_file: stands twice, first in line 2; remove one"),
        (TLS + "  min_version: TLS11", "4: tls_server_config.min_version: is TLS 1.0 or 1.1, which are broken"),
        (TLS + "  min_version: TLS14", "4: tls_server_config.min_version: must be TLS12 or TLS13"),
        (TLS + "  min_version: TLS13\n  max_version: TLS12", "1: tls_server_config: min_version is above max_version"),
        (
            TLS + "  client_auth_type: RequireAnyClientCert",
            "4: tls_server_config.client_auth_type: would accept a cert",
        ),
        (TLS + "  client_auth_type: RequestClientCert", "4: tls_server_config.client_auth_type: would accept a cert"),
        (TLS + "  client_auth_type: Yes", "4: tls_server_config.client_auth_type: must be text, not true or false"),
        (
            TLS + "  client_auth_type: All",
            "4: tls_server_config.client_auth_type: must be NoClientCert, VerifyClientCe",
        ),
        (TLS + "  client_auth_type: VerifyClientCertIfGiven", "1: tls_server_config: client_ca_file is missing"),
        (TLS + "  client_ca_file: x", "1: tls_server_config: client_ca_file has no effect; add `client_auth_type"),
        (TLS + "  client_allowed_sans: [x]", "1: tls_server_config: client_allowed_sans has no effect; add `client_au"),
        (
            TLS + "  cipher_suites: [TLS_AES_128_GCM_SHA256]",
            "4: tls_server_config.cipher_suites[0]: belongs to TLS 1.3",
        ),
        (TLS + "  cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]", "4: tls_server_config.cipher_suites[0]: has no forw"),
        (TLS + "  cipher_suites: [RC4]", "4: tls_server_config.cipher_suites[0]: is no cipher suite that is served"),
        (
            TLS + f"  min_version: TLS13\n  cipher_suites: [{next(iter(CIPHERS))}]",
            "1: tls_server_config: cipher_suites are for TLS 1.2, which min_version rules out",
        ),
        (
            TLS + "  curve_preferences: [X25519, CurveP256]",
            "4: tls_server_config.curve_preferences: must name exactly on",
        ),
        (TLS + "  curve_preferences: [P256]", "4: tls_server_config.curve_preferences[0]: is no curve that is served"),
        (
            "http_server_config: {http2: true}",
            "1: http_server_config.http2: HTTP/2 is not served; remove the key or wr",
        ),
        (
            "http_server_config: {headers: {Server: x}}",
            "1: http_server_config.headers: Server is no header that may be",
        ),
        (
            "http_server_config: {headers: {X-Frame-Options: all}}",
            "1: http_server_config.headers: X-Frame-Options must be deny or sameorigin",
        ),
        (
            'http_server_config: {headers: {X-XSS-Protection: "1\\r\\nSet-Cookie: a=b"}}',
            "1: http_server_config.headers: X-XSS-Protection holds a character that no header may hold",
        ),
        ("basic_auth_users: {a: secret}", "1: basic_auth_users.a: is no bcrypt hash; make one with `htpasswd"),
        (f"basic_auth_users:\n  a:b: {HASH}", "2: basic_auth_users.a:…: no user can have this name"),
        (f"basic_auth_users:\n  a:{HASH}: x", "2: basic_auth_users.a:…: no user can have this name"),
        (f"basic_auth_users:\n  a:{HASH}:", "2: basic_auth_users.a:…: no user can have this name"),
        ("basic_auth_users:\n  a:secret: x", "2: basic_auth_users.a:…: no user can have this name"),
        (f"basic_auth_users: {{{HASH}: a}}", "1: basic_auth_users.…: is no bcrypt hash; make one"),
        (f"basic_auth_users:\n  {HASH}: a\n  {HASH}: a", "3: basic_auth_users.…: stands twice, first in line 2; rem"),
        (f"a:{HASH}: x", "1: a:…: unknown key; known here are"),
        (f"basic_auth_users:\n  a: 1\n  a:{HASH}\n", "4:1: is not valid YAML"),
        (
            f"basic_auth_users: {{a: {HASH[:28]}v{HASH[29:]}}}",
            "1: basic_auth_users.a: is mistyped, as no password has this bcrypt hash; copy it again",
        ),
        (f"basic_auth_users: {{a: {HASH[:-1]}H}}", "1: basic_auth_users.a: is mistyped, as no password has this"),
        (f'basic_auth_users: {{"a\\ud800": {HASH}}}', "1:20: is not valid YAML: half of a surrogate pair is no char"),
        ('tls_server_config: {cert: "\\ud83d\\ude00"}', "1:27: is not valid YAML: half of a surrogate pair is no"),
        ("basic_auth_users: {a: 1}", "1: basic_auth_users.a: must be text, not a number"),
        ("basic_auth_users: [a]", "1: basic_auth_users: must be a section, not a list"),
        ("rate_limit: {interval: 1s}", "1: rate_limit: burst is missing or 0, so no request"),
        ("rate_limit: {interval: 1}", "1: rate_limit.interval: is no duration; write a number with its unit"),
        ("[1]", "1: is no mapping; write keys such as `tls_server_config:`"),
        ("a: [", "1:5: is not valid YAML"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    """What is wrong is told with file, line, key and remedy, and without a password, a hash or a key."""
    with pytest.raises(WebConfigError) as raised:
        parse(text)
    assert raised.value.messages[0].startswith(f"/etc/web.yml:{message}")
    assert "secret" not in str(raised.value)
    assert HASH[7:] not in str(raised.value)
    assert "; " in raised.value.messages[0] or "must be " in raised.value.messages[0]


def test_all_problems_at_once() -> None:
    """Every problem of a file is told."""
    with pytest.raises(WebConfigError) as raised:
        parse("basic_auth_users: {a: x, b: y}\nrate_limit: {interval: x}\nother: 1\n")
    assert len(raised.value.messages) == 4


def test_no_text() -> None:
    """A file in another encoding is refused."""
    with pytest.raises(WebConfigError, match="is not UTF-8"):
        parse_settings(b"\xff\xfe", FILE)


@pytest.mark.parametrize("place", [28, 59])
def test_a_hash_that_is_accepted_can_be_checked(place: int) -> None:
    """Of all characters at the ends of salt and hash those are accepted with which a password could fit."""
    characters = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    alike = [bcrypt.hashpw(b"x", bcrypt.gensalt(4)).decode() for _ in range(4 * 16)]
    possible = characters[:: 16 if place == 28 else 4]
    assert {one[place] for one in alike} <= set(possible)
    for character in characters:
        hashed = alike[0][:place] + character + alike[0][place + 1 :]
        try:
            users = parse(f"basic_auth_users: {{a: {hashed}}}").users
        except WebConfigError:
            assert character not in possible
        else:
            assert character in possible
            bcrypt.checkpw(b"x", users[b"a"])


@pytest.mark.parametrize("name", CIPHERS)
def test_every_cipher_suite_is_known_to_openssl(name: str) -> None:
    """Each name that is offered stands for a suite that this OpenSSL has."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(CIPHERS[name])
    assert CIPHERS[name] in {one["name"] for one in context.get_ciphers()}


def test_every_curve_is_known_to_openssl() -> None:
    """Each curve that is offered can be set."""
    for name in CURVES.values():
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).set_ecdh_curve(name)
