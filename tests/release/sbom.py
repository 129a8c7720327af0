"""`make sbom`: what is shipped, as a CycloneDX bill of materials. The same commit gives the same bytes."""

import os
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from tests.release import version
from tests.release.locked import Locked, direct, read_lock

ROOT = Path(__file__).resolve().parents[2]


def bill(root: Path) -> Bom:
    """Return the bill of all that `requirements.lock` has; what is not for the image's system is `excluded`."""
    project: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    packages = read_lock(root / "requirements.lock")
    program = _component(project["name"], version.read(root), project["license"], ComponentType.APPLICATION)
    program.description = project["description"]
    components = {package.name: _of(package) for package in packages}
    bom = Bom(components=components.values())
    bom.metadata.component = program
    bom.metadata.timestamp = _time(root)
    bom.serial_number = uuid5(NAMESPACE_URL, f"{program.purl} {(root / 'requirements.lock').read_text()}")
    bom.register_dependency(program, [components[name] for name in direct(project)])
    for package in packages:
        bom.register_dependency(
            components[package.name], [components[name] for name in package.needs if name in components]
        )
    return bom


def _of(package: Locked) -> Component:
    component = _component(package.name, package.version, package.licence, ComponentType.LIBRARY)
    component.scope = ComponentScope.REQUIRED if package.is_shipped else ComponentScope.EXCLUDED
    # One package is several files, each with its hash: all that may be installed.
    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=content) for content in package.hashes]
    distribution = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION, url=XsUri(str(component.purl)), hashes=hashes
    )
    component.external_references.add(distribution)
    return component


def _component(name: str, number: str, licence: str | None, kind: ComponentType) -> Component:
    purl = PackageURL("pypi", None, name, number)
    licences = [LicenseFactory().make_from_string(licence)] if licence else []
    return Component(name=name, version=number, type=kind, licenses=licences, purl=purl, bom_ref=str(purl))


def _time(root: Path) -> datetime:
    """Return the time of the commit, or what SOURCE_DATE_EPOCH says."""
    seconds = os.environ.get("SOURCE_DATE_EPOCH")
    if seconds is None:
        shown = subprocess.run(
            ["git", "log", "-1", "--format=%ct"], cwd=root, capture_output=True, text=True, check=True
        )
        seconds = shown.stdout
    return datetime.fromtimestamp(int(seconds), UTC)


def main(root: Path, folder: Path) -> Path:
    """Write the bill into `folder` and return where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"deletion-reconciler-{version.read(root)}.cdx.json"
    path.write_text(JsonV1Dot6(bill(root)).output_as_string(indent=2) + "\n")
    return path


if __name__ == "__main__":
    print(main(ROOT, Path(sys.argv[1])))
