"""Why a TLS handshake fails: Python's ssl tells apart what librdkafka puts into one sentence.

A wrong CA, an expired certificate and a wrong host name are all "broker certificate could not be verified" there.
Asked only after librdkafka has failed; nothing is sent but the handshake.
"""

import socket
import ssl
from collections.abc import Mapping

WITHIN_S = 1.0
_UNTRUSTED = "the broker's certificate is from a CA that is not trusted here; set ssl.ca.location to that CA's PEM"
# OpenSSL's verification codes
REMEDY = {
    9: "the broker's certificate is not valid yet; check the clocks of both hosts",
    10: "the broker's certificate has expired; renew it",
    18: "the broker's certificate is self-signed; set ssl.ca.location to it",
    19: _UNTRUSTED,
    20: _UNTRUSTED,
    62: "the broker's certificate is for another host name; connect by a name that it holds",
    64: "the broker's certificate is for another address; connect by a name or address that it holds",
}


def client_context(properties: Mapping[str, str]) -> ssl.SSLContext:
    """A context that trusts and identifies itself as a client with these properties would.

    Raises:
        OSError: a file is missing or no certificate.
    """
    context = ssl.create_default_context(
        cafile=properties.get("ssl.ca.location") or None, cadata=properties.get("ssl.ca.pem") or None
    )
    if properties.get("ssl.endpoint.identification.algorithm") == "none":
        context.check_hostname = False
    if properties.get("enable.ssl.certificate.verification") == "false":
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if certificate := properties.get("ssl.certificate.location"):
        context.load_cert_chain(
            certificate,
            properties.get("ssl.key.location"),
            # never ask at a terminal for the password of a key
            password=properties.get("ssl.key.password", ""),
        )
    return context


def handshake_trouble(addresses: str, properties: Mapping[str, str]) -> str | None:
    """The reason and the remedy, from the first of them; None when the handshake succeeds or says nothing new."""
    address = addresses.split(",")[0].strip()
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    try:
        context = client_context(properties)
        with (
            socket.create_connection((host, int(port)), WITHIN_S) as plain,
            context.wrap_socket(plain, server_hostname=host),
        ):
            return None
    except ssl.SSLCertVerificationError as error:
        return f"TLS with {address}: {REMEDY.get(error.verify_code, error.verify_message)}"
    except (OSError, ValueError):
        return None
