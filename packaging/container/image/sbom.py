"""The list of materials of an image: SPDX 2.3, which file is from which package, in which version and under which licence."""
import hashlib
import re

from .archive import compact, utc

OURS = "SPDXRef-operon"


def reference(package):
    return "SPDXRef-deb-" + re.sub(r"[^A-Za-z0-9.-]", "-", package.name)


def analysed(entries):
    """SPDX's digest of a package's files; without files here, it was linked in."""
    if not entries:
        return {"filesAnalyzed": False}
    digests = "".join(sorted(hashlib.sha1(entry.content).hexdigest() for entry in entries))
    return {"filesAnalyzed": True, "packageVerificationCode": {"packageVerificationCodeValue": hashlib.sha1(digests.encode()).hexdigest()}}


def described(package, entries):
    return {"SPDXID": reference(package), "name": package.name, "versionInfo": package.version, "supplier": "Organization: Debian",
            "downloadLocation": "NOASSERTION", **analysed(entries), "licenseConcluded": "NOASSERTION", "licenseDeclared": package.licence,
            "copyrightText": "NOASSERTION", "sourceInfo": f"Debian source package {package.source}",
            "comment": f"licences in full: /usr/share/doc/{package.name}/copyright",
            "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": package.purl}]}


def related(one, how, other):
    return {"spdxElementId": one, "relationshipType": how, "relatedSpdxElement": other}


def unlisted(packages):
    """Licences that are not on SPDX's list have to be told of."""
    names = sorted({word for package in packages for word in re.findall(r"LicenseRef-[A-Za-z0-9.-]+", package.licence)})
    users = {name: sorted(package.name for package in packages if name in package.licence.split()) for name in names}
    return [{"licenseId": name, "name": name.removeprefix("LicenseRef-"),
             "extractedText": "see " + ", ".join(f"/usr/share/doc/{user}/copyright" for user in users[name])} for name in names]


def make(name, version, tree, built_in, time):
    """`built_in`: packages whose code is part of our programs: static libraries and headers."""
    files = tree.files()
    packages = sorted({entry.package for entry in files.values() if entry.package} | set(built_in), key=lambda package: package.name)
    listed, relations = [], [related("SPDXRef-DOCUMENT", "DESCRIBES", OURS)]
    for number, (path, entry) in enumerate(files.items(), 1):
        listed.append({"SPDXID": f"SPDXRef-File-{number}", "fileName": "./" + path, "checksums": [
            {"algorithm": "SHA1", "checksumValue": hashlib.sha1(entry.content).hexdigest()}, {"algorithm": "SHA256", "checksumValue": entry.sha256}],
            "licenseConcluded": "NOASSERTION", "copyrightText": "NOASSERTION"})
        relations.append(related(reference(entry.package) if entry.package else OURS, "CONTAINS", f"SPDXRef-File-{number}"))
    contained = {package: [entry for entry in files.values() if entry.package == package] for package in [None, *packages]}
    relations += [related(OURS, "DEPENDS_ON", reference(package)) for package in packages if contained[package]]
    relations += [related(OURS, "STATIC_LINK", reference(package)) for package in sorted(set(built_in), key=lambda package: package.name)]
    materials = [described(package, contained[package]) for package in packages]
    content = compact([listed, materials])
    return {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": f"{name}-{version}",
        "documentNamespace": f"https://operon.dev/spdx/{name}-{version}-{hashlib.sha256(content).hexdigest()}",
        "creationInfo": {"created": utc(time), "creators": ["Tool: operon-make-image"]},
        "packages": [{"SPDXID": OURS, "name": name, "versionInfo": version, "downloadLocation": "NOASSERTION", **analysed(contained[None]),
                      "licenseConcluded": "Apache-2.0", "licenseDeclared": "Apache-2.0", "copyrightText": "NOASSERTION",
                      "primaryPackagePurpose": "CONTAINER"}, *materials],
        "files": listed, "relationships": relations, "hasExtractedLicensingInfos": unlisted(packages)}
