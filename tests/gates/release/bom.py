# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bill of materials: CycloneDX 1.6, of what the collection is and what it needs of others.

It carries nothing of others. What it needs on the controller is in `meta`; what it needs on hosts is stated here.
Serial number and time come from the tarball and its commit, so that the same tarball has the same bill.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
import tarfile
import typing as t
import uuid
from pathlib import Path

import yaml
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.model.contact import OrganizationalContact
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)\s*([^;#\s]*)")
_REFERENCES = {
    "repository": ExternalReferenceType.VCS,
    "documentation": ExternalReferenceType.DOCUMENTATION,
    "homepage": ExternalReferenceType.WEBSITE,
    "issues": ExternalReferenceType.ISSUE_TRACKER,
}


def bill(tarball: Path, seconds: int) -> str:
    """The bill of the collection in `tarball` of `seconds` since 1970. Raises ValueError where it is no true one."""
    with tarfile.open(tarball) as archive:
        info = json.loads(_text(archive, "MANIFEST.json"))["collection_info"]
        runtime = yaml.safe_load(_text(archive, "meta/runtime.yml"))
        requirements = _text(archive, "meta/ee-requirements.txt")
    collection = _collection(info, tarball)
    required, optional = ComponentScope.REQUIRED, ComponentScope.OPTIONAL
    needed = [
        _needed(_pypi("ansible-core"), runtime["requires_ansible"], required, "controller"),
        *(
            _needed(_collection_url(name), found, required, "controller")
            for name, found in info["dependencies"].items()
        ),
        *(_needed(_pypi(name), found, optional, "controller") for name, found in _requirements(requirements)),
        _needed(_pypi("libvirt-python"), "", optional, "managed host"),
    ]
    bom = Bom(
        serial_number=uuid.uuid5(uuid.NAMESPACE_URL, f"{collection.purl}#{collection.hashes[0].content}"),
        metadata=BomMetaData(component=collection, timestamp=_time(seconds)),
        components=needed,
    )
    bom.register_dependency(collection, needed)
    text = f"{JsonV1Dot6(bom).output_as_string(indent=2)}\n"
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if wrong:
        raise ValueError(f"no bill by CycloneDX 1.6: {wrong}")
    return text


def _collection(info: dict[str, t.Any], tarball: Path) -> Component:
    name = f"{info['namespace']}.{info['name']}"
    url = _collection_url(name, info["version"])
    return Component(
        type=ComponentType.LIBRARY,
        name=name,
        version=info["version"],
        description=info["description"],
        bom_ref=str(url),
        purl=url,
        authors=[OrganizationalContact(name=author) for author in info["authors"]],
        licenses=[DisjunctiveLicense(id=licence) for licence in info["license"]],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=hashlib.sha256(tarball.read_bytes()).hexdigest())],
        external_references=[ExternalReference(type=kind, url=XsUri(info[key])) for key, kind in _REFERENCES.items()],
    )


def _needed(url: PackageURL, versions: str, scope: ComponentScope, where: str) -> Component:
    """A package that is not carried; which of its versions will do is no version of its own, hence a property."""
    properties = [Property(name="kvm.hostdev:runs-on", value=where)]
    if versions:
        properties.append(Property(name="kvm.hostdev:versions", value=versions))
    name = ".".join(filter(None, [url.namespace, url.name]))
    return Component(
        type=ComponentType.LIBRARY, name=name, bom_ref=str(url), purl=url, scope=scope, properties=properties
    )


def _pypi(name: str) -> PackageURL:
    return PackageURL("pypi", None, name)


def _collection_url(name: str, version: str | None = None) -> PackageURL:
    return PackageURL("generic", *name.split("."), version)


def _time(seconds: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, tz=datetime.timezone.utc)  # noqa: UP017  # mypy knows no 3.11 here


def _requirements(text: str) -> list[tuple[str, str]]:
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [(match[1], match[2]) for match in (_REQUIREMENT.match(line) for line in lines if line) if match]


def _text(archive: tarfile.TarFile, name: str) -> str:
    file = archive.extractfile(name)
    assert file is not None, f"{name} is a file"
    return file.read().decode()
