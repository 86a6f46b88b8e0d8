"""This machine's pip settings as build secrets, so that an image builds behind a package proxy and none is baked in."""

import os
import shutil
from configparser import ConfigParser, Error
from contextlib import suppress
from pathlib import Path

_SETTINGS = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "default-timeout", "retries")
_FILES = ("/etc/pip.conf", "~/.pip/pip.conf", "~/.config/pip/pip.conf", "$PIP_CONFIG_FILE")
_BUNDLES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
_AUTHORITIES = "/run/secrets/ca.crt"


def secrets(folder: Path) -> tuple[str, ...]:
    """Arguments of a build whose Containerfile takes the secrets `pip.conf` and `ca.crt`; writes both into `folder`."""
    settings = _settings()
    arguments = [f"--secret=id=pip.conf,src={folder / 'pip.conf'}"]
    if bundle := _bundle():
        shutil.copyfile(bundle, folder / "ca.crt")
        settings["cert"] = _AUTHORITIES
        arguments.append(f"--secret=id=ca.crt,src={folder / 'ca.crt'}")
    lines = "".join(f"{key} = {value}\n" for key, value in settings.items())
    (folder / "pip.conf").write_text(f"[global]\n{lines}")
    return tuple(arguments)


def _settings() -> dict[str, str]:
    """From pip's files, then from its environment variables, as pip reads them."""
    parser = ConfigParser(interpolation=None)
    with suppress(Error):  # pip will say it better
        parser.read([Path(os.path.expandvars(name)).expanduser() for name in _FILES])
    found = dict(parser["global"]) if parser.has_section("global") else {}
    found |= {name[4:].lower().replace("_", "-"): value for name, value in os.environ.items() if name[:4] == "PIP_"}
    return {key: " ".join(value.split()) for key, value in found.items() if key in _SETTINGS}


def _bundle() -> str | None:
    """The certificate authorities that this machine trusts, where it says so."""
    return next((path for name in _BUNDLES if (path := os.environ.get(name)) and Path(path).is_file()), None)
