"""A certificate authority of the sandbox's own, by the openssl command.

Servers get certificates for localhost and 127.0.0.1 (what MySQL generates by
itself names no host, so verify_identity cannot pass with those), clients get
theirs by name, and an authority that signed nothing serves the tests in which
verification must fail.
"""

import dataclasses
import pathlib
import shutil
import subprocess

from . import paths
from .errors import SandboxError


@dataclasses.dataclass(frozen=True)
class Pair:
    """Files of one certificate: the authority's, its own, and its key."""

    ca: pathlib.Path
    certificate: pathlib.Path
    key: pathlib.Path


class Authority:
    """One authority and what it signed, in a folder of the sandbox."""

    def __init__(self, folder: pathlib.Path):
        self._folder = folder

    def server_certificate(self) -> Pair:
        """The certificate of every server that asks for one of ours."""
        return self._signed("server", "localhost", "DNS:localhost,IP:127.0.0.1")

    def client_certificate(self, name: str = "client") -> Pair:
        """A client's certificate, with its name as CN."""
        return self._signed(f"client-{name}", name, f"DNS:{name}")

    def unrelated_ca(self) -> pathlib.Path:
        """An authority's certificate that vouches for none of our servers."""
        return self._self_signed("unrelated")[0]

    def _self_signed(self, name):
        certificate, key = self._folder / f"{name}-ca.pem", self._folder / f"{name}-ca-key.pem"
        if not certificate.exists():
            if not self._folder.exists():
                self._folder.mkdir(parents=True, mode=0o755)
            _openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
                     "-subj", f"/CN=sandbox {name} authority", "-keyout", key, "-out", certificate)
        return certificate, key

    def _signed(self, name, common_name, alternative_names) -> Pair:
        ca, ca_key = self._self_signed("sandbox")
        pair = Pair(ca, self._folder / f"{name}.pem", self._folder / f"{name}-key.pem")
        if not pair.certificate.exists():
            request = self._folder / f"{name}.csr"
            extensions = self._folder / f"{name}.ext"
            extensions.write_text(f"subjectAltName={alternative_names}\n", encoding="ascii")
            _openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={common_name}",
                     "-keyout", pair.key, "-out", request)
            _openssl("x509", "-req", "-in", request, "-days", "30", "-CA", ca, "-CAkey", ca_key,
                     "-CAcreateserial", "-extfile", extensions, "-out", pair.certificate)
            if name == "server":
                paths.give_to_servers(pair.key)
        return pair


def _openssl(*words) -> None:
    if shutil.which("openssl") is None:
        raise SandboxError("there is no openssl command: apt-get install openssl")
    done = subprocess.run(["openssl", *map(str, words)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        raise SandboxError(f"openssl {words[0]} failed: {done.stderr.strip()[-500:]}")
