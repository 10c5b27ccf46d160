"""Whether the pages are served safely: the web configuration, its certificate, and who can read it (I/O, read-only)."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.checks.result import Result
from exporter.webconfig.current import WebConfigError, load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.config.schema import Listen
    from exporter.webconfig.current import Loaded

SUBJECT = "web"

_SOON_SECONDS = 21 * 86400
"""Let's Encrypt's certificates are renewed 30 days before they expire: by then something is wrong."""
_DEAR = 13
"""Cost of a hash from which on a first check takes half a second of processor time, each step doubling it."""


def check_web(listen: Listen, now: float) -> Iterator[Result]:
    """Yield what is wrong with how the pages are served, or one line that tells how. `now` is Unix seconds."""
    loaded = None
    if listen.web_config_file is not None:
        try:
            loaded = load(listen.web_config_file)
        except WebConfigError as error:
            yield from (Result("FAIL", SUBJECT, message) for message in error.messages)
            return
        yield from _certificate(loaded, now)
        yield from _readers(listen.web_config_file, loaded)
        yield from _hashes(loaded)
    if not listen.only_here:
        yield from _exposed(listen, loaded)
    if loaded is not None:
        how = "TLS" if loaded.tls is not None else "no TLS"
        who = "password or certificate needed" if loaded.guarded else "no password needed"
        yield Result("ok", SUBJECT, f"{listen.web_config_file}: {how}, {who}")


def _certificate(loaded: Loaded, now: float) -> Iterator[Result]:
    if loaded.tls is None:
        return
    day = datetime.fromtimestamp(loaded.tls.expires, UTC).strftime("%Y-%m-%d")
    if loaded.tls.expires <= now:
        yield Result("FAIL", SUBJECT, f"the certificate expired on {day}, clients refuse it; renew it")
    elif loaded.tls.expires - now < _SOON_SECONDS:
        yield Result("warn", SUBJECT, f"the certificate expires on {day}; renew it")


def _readers(path: Path, loaded: Loaded) -> Iterator[Result]:
    """Yield which secret files everybody on this machine can read."""
    tls = loaded.settings.tls
    key = tls.key if tls is not None and isinstance(tls.key, Path) else None
    for file, holds in ((path, "password hashes and perhaps a key"), (key, "the private key")):
        if file is not None and (file is key or loaded.settings.users or key is None):
            yield from everybody_reads(SUBJECT, file, holds)


def everybody_reads(subject: str, path: Path, holds: str) -> Iterator[Result]:
    """Yield a warning if every user of this machine may read the file, which holds a secret."""
    try:
        open_to_all = path.stat().st_mode & stat.S_IROTH
    except OSError:
        return
    if open_to_all:
        text = f"{path}: every user of this machine can read it, and it holds {holds}; run `chmod o-r {path}`"
        yield Result("warn", subject, text)


def _hashes(loaded: Loaded) -> Iterator[Result]:
    for name, hashed in loaded.settings.users.items():
        cost = int(hashed.split(b"$")[2])
        if cost >= _DEAR:
            text = (
                f"basic_auth_users.{name.decode()}: a hash of cost {cost} delays the first scrape by a second or "
                "more; make one with cost 10"
            )
            yield Result("warn", SUBJECT, text)


def _exposed(listen: Listen, loaded: Loaded | None) -> Iterator[Result]:
    missing = []
    if loaded is None or loaded.tls is None:
        missing.append("TLS")
    if loaded is None or not loaded.guarded:
        missing.append("authentication")
    if missing:
        text = (
            f"{listen.address} serves other hosts without {' and '.join(missing)}; "
            "name a listen.web_config_file, or let a firewall admit Prometheus only"
        )
        yield Result("warn", SUBJECT, text)
