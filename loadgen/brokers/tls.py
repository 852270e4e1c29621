"""Why a TLS handshake fails: Python's ssl tells apart what librdkafka puts into one sentence.

A wrong CA, an expired certificate and a wrong host name are all "broker certificate could not be verified" there.
Asked only after librdkafka has failed; nothing is sent but the handshake.
"""

import socket
import ssl
from collections.abc import Mapping

WITHIN_S = 3.0
REMEDY = {
    10: "the broker's certificate has expired; renew it",
    9: "the broker's certificate is not valid yet; check both clocks",
    62: "the broker's certificate is for another host name; connect by a name that it holds",
    64: "the broker's certificate is for another address; connect by a name or address that it holds",
    18: "the broker's certificate is self-signed; set ssl.ca.location to it",
    19: "the broker's certificate is from a CA that is not trusted here; set ssl.ca.location to that CA",
    20: "the broker's certificate is from a CA that is not trusted here; set ssl.ca.location to that CA",
}


def handshake_trouble(bootstrap: str, properties: Mapping[str, str]) -> str | None:
    """The reason and the remedy, from the first address; None when the handshake succeeds or says nothing new.

    Args:
        properties: ssl.ca.location and ssl.ca.pem are used; a client's own certificate is not sent.
    """
    host, _, port = bootstrap.split(",")[0].strip().rpartition(":")
    try:
        context = ssl.create_default_context(
            cafile=properties.get("ssl.ca.location") or None, cadata=properties.get("ssl.ca.pem") or None
        )
        if properties.get("ssl.endpoint.identification.algorithm") == "none":
            context.check_hostname = False
        with (
            socket.create_connection((host.strip("[]"), int(port)), WITHIN_S) as plain,
            context.wrap_socket(plain, server_hostname=host.strip("[]")),
        ):
            return None
    except ssl.SSLCertVerificationError as error:
        return f"TLS: {REMEDY.get(error.verify_code, error.verify_message)}"
    except (OSError, ValueError):
        return None
