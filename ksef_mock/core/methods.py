"""Authentication methods as `authenticationMethod` and `authenticationMethodInfo` name them."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class AuthenticationMethod(StrEnum):
    """OpenAPI: AuthenticationMethod."""

    TOKEN = "Token"
    TRUSTED_PROFILE = "TrustedProfile"
    INTERNAL_CERTIFICATE = "InternalCertificate"
    QUALIFIED_SIGNATURE = "QualifiedSignature"
    QUALIFIED_SEAL = "QualifiedSeal"
    PERSONAL_SIGNATURE = "PersonalSignature"
    PEPPOL_SIGNATURE = "PeppolSignature"


class MethodInfo(NamedTuple):
    """OpenAPI: AuthenticationMethodInfo."""

    category: str
    code: str
    display_name: str


#: The document shows `xades.qualified-seal`, "Pieczęć kwalifikowana"; the others follow its pattern.
METHOD_INFO: dict[AuthenticationMethod, MethodInfo] = {
    AuthenticationMethod.TOKEN: MethodInfo("Token", "token.ksef", "Token KSeF"),
    AuthenticationMethod.TRUSTED_PROFILE: MethodInfo(
        "XadesSignature", "xades.trusted-profile", "Profil Zaufany"
    ),
    AuthenticationMethod.INTERNAL_CERTIFICATE: MethodInfo(
        "XadesSignature", "xades.ksef-certificate", "Certyfikat KSeF"
    ),
    AuthenticationMethod.QUALIFIED_SIGNATURE: MethodInfo(
        "XadesSignature", "xades.qualified-signature", "Podpis kwalifikowany"
    ),
    AuthenticationMethod.QUALIFIED_SEAL: MethodInfo(
        "XadesSignature", "xades.qualified-seal", "Pieczęć kwalifikowana"
    ),
    AuthenticationMethod.PERSONAL_SIGNATURE: MethodInfo(
        "XadesSignature", "xades.personal-signature", "Podpis osobisty"
    ),
    AuthenticationMethod.PEPPOL_SIGNATURE: MethodInfo(
        "XadesSignature", "xades.peppol-signature", "Podpis dostawcy usług Peppol"
    ),
}
