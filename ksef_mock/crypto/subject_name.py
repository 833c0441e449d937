"""The subject of a signing certificate, as far as KSeF copies it into the certificates that it issues."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from cryptography import x509

#: Attribute of a subject (X.520, eIDAS) -> member of GET /certificates/enrollments/data (OpenAPI).
_ATTRIBUTES = {
    "2.5.4.3": "common_name",
    "2.5.4.6": "country_name",
    "2.5.4.42": "given_name",
    "2.5.4.4": "surname",
    "2.5.4.5": "serial_number",
    "2.5.4.10": "organization_name",
    "2.5.4.97": "organization_identifier",
    "2.5.4.45": "unique_identifier",
}


#: Characters that are kept of an attribute: more than X.520 allows, less than somebody might send.
_LONGEST = 256


#: Attributes for which RFC 4514 has no short names, by their own (X.520, ETSI EN 319 412-1).
_NAMES = {
    "2.5.4.4": "surname",
    "2.5.4.5": "serialNumber",
    "2.5.4.42": "givenName",
    "2.5.4.45": "uniqueIdentifier",
    "2.5.4.97": "organizationIdentifier",
}


def readable(name: x509.Name) -> str:
    """A name as RFC 4514 writes it, each attribute by its name and not by its number."""
    oids = {attribute.oid.dotted_string: attribute.oid for attribute in name}
    return name.rfc4514_string({oid: _NAMES[number] for number, oid in oids.items() if number in _NAMES})


class SubjectAttributes(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    """The attributes of a certificate's subject, in the order in which KSeF's access tokens list them."""

    given_name: str | None = None
    surname: str | None = None
    serial_number: str | None = None
    common_name: str | None = None
    country_name: str | None = None
    organization_name: str | None = None
    organization_identifier: str | None = None

    @classmethod
    def of(cls, name: x509.Name) -> SubjectAttributes:
        """What the subject has of them. Of an attribute that occurs twice the first counts."""
        found = _attributes(name)
        return cls(
            **{member: found[member][:_LONGEST] for member in cls.__struct_fields__ if member in found}
        )


class SubjectName(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What the CSR of a certificate's holder must say. Of an attribute that occurs twice the first counts."""

    common_name: str
    country_name: str
    given_name: str | None = None
    surname: str | None = None
    serial_number: str | None = None
    organization_name: str | None = None
    organization_identifier: str | None = None
    unique_identifier: str | None = None

    @classmethod
    def of(cls, name: x509.Name) -> SubjectName | None:
        """The subject; None without a common name or a country, or if no certificate can be issued for it."""
        found = _attributes(name)
        if "common_name" not in found or "country_name" not in found:
            return None
        subject = cls(**found)
        try:
            subject.to_name()
        except ValueError:  # lengths that X.520 does not allow: read, but never written
            return None
        return subject

    @property
    def certified(self) -> SubjectName:
        """The subject in the certificate that KSeF issues: `NIP-` of a serial number becomes `TINPL-` there.

        Source: an answer of GET /certificates/enrollments/data that an integrator reports.
        """
        number = self.serial_number
        if number is None or not number.startswith("NIP-"):
            return self
        return msgspec.structs.replace(self, serial_number=f"TINPL-{number.removeprefix('NIP-')}")

    def to_name(self) -> x509.Name:
        """The subject of a certificate."""
        # Imported here: sessions hold such names, and most mocks write no certificate.
        from cryptography import x509

        values = ((x509.ObjectIdentifier(oid), getattr(self, name)) for oid, name in _ATTRIBUTES.items())
        return x509.Name([x509.NameAttribute(oid, value) for oid, value in values if value is not None])


def _attributes(name: x509.Name) -> dict[str, str]:
    found: dict[str, str] = {}
    for attribute in name:
        member = _ATTRIBUTES.get(attribute.oid.dotted_string)
        if member is not None and isinstance(attribute.value, str):
            found.setdefault(member, attribute.value)
    return found


def has_other_attributes(name: x509.Name) -> bool:
    """Whether there is anything in the subject that `SubjectName` does not hold."""
    return len({attribute.oid for attribute in name}) < len(list(name)) or any(
        attribute.oid.dotted_string not in _ATTRIBUTES for attribute in name
    )
