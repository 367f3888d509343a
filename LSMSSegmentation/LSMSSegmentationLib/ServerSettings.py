"""The server that runs the engine instead of this computer; a setting of it, not of the scene."""

_ADDRESS = "LSMSSegmentation/serverAddress"
_TOKEN = "LSMSSegmentation/serverToken"  # noqa: S105 - where it is kept, not what it is
_CERTIFICATE = "LSMSSegmentation/serverCertificate"


def _settings():
    import qt

    return qt.QSettings()


def address():
    """Return the server's address, "" where this computer runs the engine."""
    return str(_settings().value(_ADDRESS) or "").strip()


def token():
    """Return the server's token."""
    return str(_settings().value(_TOKEN) or "").strip()


def certificate():
    """Return the file of the certificate that signed the server's, "" for those known already."""
    return str(_settings().value(_CERTIFICATE) or "").strip()


def setServer(newAddress, newToken="", newCertificate=""):
    """Ask this server from now on; an empty address means this computer.

    Raises:
        InputError: for an address, a token or a certificate that cannot be used; nothing is
            changed then.
    """
    if newAddress:
        clientOf(newAddress, newToken, newCertificate)
    _settings().setValue(_ADDRESS, newAddress)
    # A token that is not needed is not kept.
    _settings().setValue(_TOKEN, newToken if newAddress else "")
    _settings().setValue(_CERTIFICATE, newCertificate if newAddress else "")


def clientOf(serverAddress, serverToken, serverCertificate):
    """Return a client of a server.

    Raises:
        InputError: when something of it cannot be used.
    """
    from lsms_core.service.service_client import ServiceClient

    return ServiceClient(serverAddress, serverToken, certificate=serverCertificate or None)
