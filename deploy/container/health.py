#!/opt/booking-exporter/bin/python -I
"""Ask the exporter in this container whether it is healthy; exit code 0 if so.

The port is the one of BOOKING_EXPORTER_LISTEN_PORT, or 10877. Where it serves TLS, its certificate
is not verified: the question does not leave the container, and carries nothing secret.
"""

import http.client
import os
import ssl
import sys

PORT = int(os.environ.get("BOOKING_EXPORTER_LISTEN_PORT", "10877"))
SECONDS = 2.0


def status(connection: http.client.HTTPConnection) -> int:
    """Return the status of /-/healthy. OSError or HTTPException where nobody answers in this protocol."""
    try:
        connection.request("GET", "/-/healthy")
        return connection.getresponse().status
    finally:
        connection.close()


def main() -> int:
    """Try HTTP, then HTTPS; return the exit code."""
    unverified = ssl.create_default_context()
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE
    problem: object = None
    for connection in (
        http.client.HTTPConnection("127.0.0.1", PORT, timeout=SECONDS),
        http.client.HTTPSConnection("127.0.0.1", PORT, timeout=SECONDS, context=unverified),
    ):
        try:
            answer = status(connection)
        except (OSError, http.client.HTTPException) as error:
            problem = problem or error
            continue
        if answer == http.client.OK:
            return 0
        problem = f"status {answer}"
    sys.stderr.write(f"not healthy: {problem}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
