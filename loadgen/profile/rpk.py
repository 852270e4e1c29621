"""rpk's environment: who has `RPK_BROKERS` set for Redpanda's tool has the user, the password and the CA beside it."""

from collections.abc import Mapping

_TRUE = {"1", "t", "true", "yes"}
_NAMES = {
    "RPK_USER": "sasl.username",
    "RPK_PASS": "sasl.password",
    "RPK_SASL_MECHANISM": "sasl.mechanisms",
    "RPK_TLS_CA": "ssl.ca.location",
    "RPK_TLS_CERT": "ssl.certificate.location",
    "RPK_TLS_KEY": "ssl.key.location",
}


def rpk_properties(environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """librdkafka's properties by what rpk's variables say, each with the variable it came from.

    As rpk itself: a user means SASL, by SCRAM-SHA-256 unless a mechanism is named; any file for TLS means TLS.
    """
    found = {name: (environ[variable], variable) for variable, name in _NAMES.items() if environ.get(variable)}
    tls = next(
        (
            variable
            for variable in ("RPK_TLS_ENABLED", "RPK_TLS_INSECURE_SKIP_VERIFY")
            if environ.get(variable, "").lower() in _TRUE
        ),
        next((variable for variable in ("RPK_TLS_CA", "RPK_TLS_CERT", "RPK_TLS_KEY") if environ.get(variable)), None),
    )
    sasl = "RPK_USER" if "sasl.username" in found else None
    if sasl:
        found.setdefault("sasl.mechanisms", ("SCRAM-SHA-256", sasl))
    if sasl or tls:
        protocol = f"{'sasl_' if sasl else ''}{'ssl' if tls else 'plaintext'}"
        found["security.protocol"] = protocol, sasl or tls or ""
    if environ.get("RPK_TLS_INSECURE_SKIP_VERIFY", "").lower() in _TRUE:
        found["enable.ssl.certificate.verification"] = "false", "RPK_TLS_INSECURE_SKIP_VERIFY"
    return found
