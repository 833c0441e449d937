"""The names of permissions."""

from __future__ import annotations

from enum import StrEnum

#: The permission of an owner, in the claim `per` (seen on TEST). Nobody grants it.
OWNER = "Owner"
#: The administration of an EU entity. Descriptions in the document call it VatEuManage too.
VAT_UE_MANAGE = "VatUeManage"
#: What a Peppol service provider may do in its own context.
PEF_INVOICE_WRITE = "PefInvoiceWrite"

#: The types of context that have tokens (OpenAPI: POST /tokens).
TOKEN_CONTEXTS = ("Nip", "InternalId")


class Permission(StrEnum):
    """What a KSeF token may be used for (OpenAPI: TokenPermissionType)."""

    INVOICE_READ = "InvoiceRead"
    INVOICE_WRITE = "InvoiceWrite"
    CREDENTIALS_READ = "CredentialsRead"
    CREDENTIALS_MANAGE = "CredentialsManage"
    SUBUNIT_MANAGE = "SubunitManage"
    ENFORCEMENT_OPERATIONS = "EnforcementOperations"
    INTROSPECTION = "Introspection"
    COLLECTIVE_IDENTIFIER_MANAGE = "CollectiveIdentifierManage"
