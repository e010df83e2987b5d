"""Licences of what we depend on, judged against the manifest, and a CycloneDX bill of materials."""

from __future__ import annotations

import argparse
import json
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import msgspec

from appliance import __version__
from appliance.core import UpkeepError, atomic_write

__all__ = ["Licence", "LicenceManifest", "main", "read_manifest", "requirements", "sbom"]

DISTRIBUTION = "nora-appliance"
_WORDS = re.compile(r"\s+(?:AND|OR)\s+|[()]")
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")


class Licence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Licence of one package, and what it carries besides its own code."""

    licence: str
    note: str = ""


class LicenceManifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The manifest ``conf/licences.toml``."""

    allowed: list[str]
    packages: dict[str, Licence]

    def problems(self, names: Sequence[str]) -> list[str]:
        """Say of each package what is wrong: missing here, or under a licence not allowed."""
        return [text for name in names if (text := self._problem(name))]

    def _problem(self, name: str) -> str:
        entry = self.packages.get(name)
        if entry is None:
            return f"{name}: not in the manifest"
        parts = [part.strip() for part in _WORDS.split(entry.licence) if part.strip()]
        wrong = [part for part in parts if part not in self.allowed]
        return f"{name}: {', '.join(wrong)} is not allowed" if wrong else ""


def read_manifest(path: Path) -> LicenceManifest:
    """Read the manifest.

    Raises
    ------
    UpkeepError
        If it cannot be read.
    """
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), LicenceManifest)
    except (OSError, ValueError) as error:
        raise UpkeepError(f"cannot read {path}: {error}") from error


def requirements(lock: Path) -> list[str]:
    """Give the names of all packages in a lock file, once each."""
    text = lock.read_text(encoding="utf-8")
    names = re.findall(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==", text, re.MULTILINE)
    return list(dict.fromkeys(names))


def sbom(manifest: Mapping[str, Licence]) -> dict[str, Any]:
    """Make a CycloneDX 1.6 bill of materials of what is installed for us.

    Parameters
    ----------
    manifest : mapping of str to Licence
        Licences by normalised package name.

    Returns
    -------
    dict
        Only packages that `nora-appliance` needs, with version, package URL and licence.
    """
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {"type": "application", "name": DISTRIBUTION, "version": __version__}
        },
        "components": [_component(found, manifest) for found in _installed()],
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Write the bill of materials to a file."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--sbom", type=Path, required=True, help="file to write")
    parser.add_argument("--manifest", type=Path, default=_shipped_manifest())
    options = parser.parse_args(argv)
    document = sbom(read_manifest(options.manifest).packages)
    with atomic_write(options.sbom) as stream:
        stream.write(json.dumps(document, indent=1).encode() + b"\n")
    sys.stdout.write(f"{options.sbom}: {len(document['components'])} components\n")
    return 0


def _shipped_manifest() -> Path:
    """Find the manifest in an installed wheel, else in the source tree."""
    package = Path(__file__).resolve().parent.parent
    shipped = package / "_shipped" / "conf" / "licences.toml"
    return shipped if shipped.is_file() else package.parent / "conf" / "licences.toml"


def _component(found: Distribution, manifest: Mapping[str, Licence]) -> dict[str, Any]:
    name = _normal(found.name)
    component: dict[str, Any] = {
        "type": "library",
        "name": name,
        "version": found.version,
        "purl": f"pkg:pypi/{name}@{found.version}",
        "bom-ref": f"{name}@{found.version}",
    }
    if name in manifest:
        component["licenses"] = [{"expression": manifest[name].licence}]
    return component


def _installed() -> Iterator[Distribution]:
    """Walk what our distribution requires, as far as it is installed, by name."""
    seen: dict[str, Distribution] = {}
    waiting = [DISTRIBUTION]
    while waiting:
        name = waiting.pop()
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue  # for another platform, or an extra that was not asked for
        for text in found.requires or ():
            match = _NAME.match(text)
            if match and "extra ==" not in text and _normal(match[0]) not in seen:
                seen[_normal(match[0])] = found
                waiting.append(match[0])
    for name in sorted(seen):
        try:
            yield distribution(name)
        except PackageNotFoundError:
            continue


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main())
