"""The forms of invoices that KSeF takes, and how a document shows which one it is.

Source: OpenAPI, `formCode` of POST /sessions/online and /sessions/batch; the root elements are the schemas'.
"""

from __future__ import annotations

import msgspec

from ksef_mock.ksef.invoices.metadata import FormCode

UBL = "urn:oasis:names:specification:ubl:schema:xsd:"


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """One form."""

    #: How the command calls it: `FA3`.
    name: str
    code: FormCode
    #: Namespace and name of the root element.
    namespace: str
    root: str = "Faktura"
    #: Where the schema lies in the ministry's repository, below its folder of schemas.
    schema: str

    @property
    def is_pef(self) -> bool:
        """Whether it is one of Peppol's, in UBL."""
        return self.code.system_code.startswith("PEF")

    @property
    def tag(self) -> str:
        """The root element, `{namespace}name`."""
        return f"{{{self.namespace}}}{self.root}"


FA2 = Form(
    name="FA2",
    code=FormCode("FA (2)", "1-0E", "FA"),
    namespace="http://crd.gov.pl/wzor/2023/06/29/12648/",
    schema="FA/schemat_FA(2)_v1-0E.xsd",
)
FA3 = Form(
    name="FA3",
    code=FormCode("FA (3)", "1-0E", "FA"),
    namespace="http://crd.gov.pl/wzor/2025/06/25/13775/",
    schema="FA/schemat_FA(3)_v1-0E.xsd",
)
FA_RR = Form(
    name="FA_RR",
    code=FormCode("FA_RR (1)", "1-1E", "FA_RR"),
    namespace="http://crd.gov.pl/wzor/2026/03/06/14189/",
    schema="RR/schemat_FA_RR(1)_v1-1E.xsd",
)
PEF = Form(
    name="PEF",
    code=FormCode("PEF (3)", "2-1", "PEF"),
    namespace=f"{UBL}Invoice-2",
    root="Invoice",
    schema="PEF/Schemat_PEF(3)_v2-1.xsd",
)
PEF_KOR = Form(
    name="PEF_KOR",
    code=FormCode("PEF_KOR (3)", "2-1", "PEF"),
    namespace=f"{UBL}CreditNote-2",
    root="CreditNote",
    schema="PEF/Schemat_PEF_KOR(3)_v2-1.xsd",
)

FORMS = (FA2, FA3, FA_RR, PEF, PEF_KOR)
BY_NAME = {form.name: form for form in FORMS}
BY_CODE = {form.code: form for form in FORMS}
BY_TAG = {form.tag: form for form in FORMS}
