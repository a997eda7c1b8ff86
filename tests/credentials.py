"""What a broker that demands TLS and passwords needs: certificates and a password file."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

USERNAME: Final = "daemon"
PASSWORD: Final = "s3cret"  # noqa: S105  # of a broker that lives as long as one test
HAVE_OPENSSL: Final = shutil.which("openssl") is not None

_ROUNDS: Final = 101


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)  # noqa: S607


def authority(folder: Path, name: str) -> None:
    """`ca.pem` and `ca.key` of a certificate authority that lives for two days."""
    out = ("-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem")
    signs = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
    _openssl(folder, "req", "-x509", *out, "-subj", f"/CN={name}", "-days", "2", *signs)


def certificates(folder: Path) -> Path:
    """A CA, and `server` and `client` certificates of it for 127.0.0.1 and localhost."""
    folder.mkdir()
    # Python 3.13 takes nothing that RFC 5280 would not: it wants the authority's key named.
    (folder / "san").write_text(
        "subjectAltName=IP:127.0.0.1,DNS:localhost\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n"
    )
    authority(folder, "test ca")
    for name in ("server", "client"):
        request = ("-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        _openssl(folder, "req", *request, "-subj", f"/CN={name}")
        signed_by = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "san")
        _openssl(folder, "x509", "-req", "-in", f"{name}.csr", *signed_by, "-out", f"{name}.pem")
    return readable(folder)


def password_file(folder: Path) -> Path:
    """A file as mosquitto_passwd writes it, in a folder of its own: PBKDF2 with SHA-512."""
    folder.mkdir()
    salt = os.urandom(12)
    key = hashlib.pbkdf2_hmac("sha512", PASSWORD.encode(), salt, _ROUNDS)
    fields = (str(_ROUNDS), base64.b64encode(salt).decode(), base64.b64encode(key).decode())
    (folder / "passwords").write_text(f"{USERNAME}:$7${'$'.join(fields)}\n")
    return readable(folder) / "passwords"


def readable(folder: Path) -> Path:
    """Let mosquitto, which becomes its own user, read what is in a folder below /tmp."""
    for one in folder.iterdir():
        one.chmod(0o755 if one.is_dir() else 0o644)
    for one in (folder, *folder.parents):
        if str(one).startswith("/tmp/"):  # noqa: S108
            one.chmod(0o755)
    return folder
