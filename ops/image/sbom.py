"""Prints what is installed in this environment as a CycloneDX 1.6 bill of materials, the same for the same packages."""

from __future__ import annotations

import json
import re
import uuid
from importlib import metadata
from typing import Any


def component(found: metadata.Distribution) -> dict[str, Any]:
    """One package: name, version, address as a package URL, licence where it names one."""
    name = re.sub(r"[-_.]+", "-", found.metadata["Name"]).lower()
    url = f"pkg:pypi/{name}@{found.version}"
    fields = {"type": "library", "bom-ref": url, "name": name, "version": found.version, "purl": url}
    if licence := found.metadata.get("License-Expression"):
        fields["licenses"] = [{"expression": licence}]
    return fields


def bill() -> dict[str, Any]:
    """The whole document; its serial number follows from its content."""
    parts = sorted((component(found) for found in metadata.distributions()), key=lambda part: part["bom-ref"])
    unique = list({part["bom-ref"]: part for part in parts}.values())
    ralph = next((part for part in unique if part["name"] == "ralph"), None)
    libraries = [part for part in unique if part is not ralph]
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(unique))
    document: dict[str, Any] = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1}
    document |= {"serialNumber": f"urn:uuid:{serial}", "components": libraries}
    if ralph is not None:
        document["metadata"] = {"component": {**ralph, "type": "application"}}
    return document


if __name__ == "__main__":
    print(json.dumps(bill(), indent=1))
