"""Import the dashboards into a running Grafana through its HTTP API.

    python3 grafana/upload.py URL TOKEN_FILE [FILE]…

TOKEN_FILE holds the token of a service account with the role Editor, in one line; it is never
printed. Dashboards that are there already are replaced (same uid); FILE is by default every JSON
file beside this script. Needs nothing but Python. Exit codes: 0 all imported, 1 Grafana refused
or could not be reached, 2 wrong usage.

API: https://grafana.com/docs/grafana/latest/developers/http_api/dashboard/
"""

from __future__ import annotations

import json
import sys
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

FOLDER = Path(__file__).resolve().parent
TIMEOUT = 30
USAGE = "usage: make grafana-import GRAFANA_URL=https://grafana.example.com GRAFANA_TOKEN_FILE=/path/of/token"
_SHOWN = 300

REMEDIES = {
    400: "it is provisioned from a file (replace that file instead), or this Grafana is older than 11",
    401: "the token is not valid: make one in Grafana under Administration, Service accounts",
    403: "the token's service account may not write dashboards: give it the role Editor",
    404: "there is no Grafana API at this address: give the address that a browser shows, with its path if it has one",
    412: "Grafana holds another dashboard with this uid or title that it does not replace: rename or delete that one",
}


class UploadError(Exception):
    """One message that says what failed and what to do."""


class _NoRedirect(HTTPRedirectHandler):
    """Follow no redirect: it would carry the token to another place, and turn POST into GET."""

    def redirect_request(self, *_: object) -> None:
        """Return nothing, so that the answer is an error."""


def read_token(path: Path) -> str:
    """Return the token in the file. UploadError where there is none."""
    try:
        token = path.read_text("ascii").strip()
    except OSError as error:
        raise UploadError(f"{path}: the token cannot be read: {error.strerror}") from None
    except ValueError:
        raise UploadError(f"{path}: holds no token: not a line of ASCII") from None
    if not token or not token.isprintable() or " " in token:
        raise UploadError(f"{path}: holds no token: one line is expected")
    return token


def check_url(url: str) -> str:
    """Return the address without a slash at its end. UploadError where it is none."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UploadError(f"GRAFANA_URL is no address of a web server: {parts.geturl() or 'it is empty'}\n{USAGE}")
    if parts.username or parts.query or parts.fragment:
        raise UploadError("GRAFANA_URL must have neither a user nor anything behind its path")
    return url.rstrip("/")


def upload(url: str, token: str, dashboard: dict[str, Any]) -> str:
    """Import one dashboard and return the path at which Grafana shows it. UploadError where that fails."""
    wrapped = {"dashboard": dashboard | {"id": None}, "overwrite": True, "message": "make grafana-import"}
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Accept": "application/json",
        "User-Agent": "booking-exporter",
    }
    body = json.dumps(wrapped).encode()
    request = Request(f"{url}/api/dashboards/db", body, headers, method="POST")  # noqa: S310  # checked by check_url
    try:
        with build_opener(_NoRedirect).open(request, timeout=TIMEOUT) as response:
            answer = json.load(response)
    except HTTPError as error:
        with error:
            raise UploadError(_refused(url, error.code, error.read(_SHOWN * 10), token)) from None
    except (URLError, HTTPException, OSError) as error:
        reason = getattr(error, "reason", None) or error
        raise UploadError(f"{url}: Grafana cannot be reached: {reason}") from None
    except ValueError:
        raise UploadError(f"{url}: the answer is not Grafana's: no JSON") from None
    if not isinstance(answer, dict) or not isinstance(answer.get("url"), str):
        raise UploadError(f"{url}: the answer is not Grafana's: it names no dashboard")
    return str(answer["url"])


def _refused(url: str, status: int, body: bytes, token: str) -> str:
    """Return what Grafana's refusal means; its own words are shown, but never the token."""
    try:
        said = json.loads(body)
        words = said.get("message", "") if isinstance(said, dict) else ""
    except ValueError:
        words = ""
    if 300 <= status < 400:  # noqa: PLR2004  # the class of redirects
        remedy = "the address leads elsewhere: give the one that it leads to (https, or a path)"
    else:
        remedy = REMEDIES.get(status, "see Grafana's own log")
    told = f" ({str(words)[:_SHOWN].replace(token, '…')})" if words else ""
    return f"{url}: {status}{told}: {remedy}"


def main(arguments: list[str]) -> int:
    """Import the dashboards; return the exit code."""
    if len(arguments) < 2 or not all(arguments):  # noqa: PLR2004  # URL and TOKEN_FILE
        sys.stderr.write(USAGE + "\n")
        return 2
    address, token_file, *files = arguments
    try:
        url, token = check_url(address), read_token(Path(token_file))
    except UploadError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for path in map(Path, files) if files else sorted(FOLDER.glob("*.json")):
        try:
            place = upload(url, token, json.loads(path.read_text("utf-8")))
        except UploadError as error:
            sys.stderr.write(f"{path.name} is not imported: {error}\n")
            return 1
        root = urlsplit(url)
        sys.stdout.write(f"{path.name}: {root.scheme}://{root.netloc}{place}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
