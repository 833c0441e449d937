"""Lives a session with PyPI `ksef2.0_python`.

    run_ksef2_0_python.py URL NIP token TOKEN
    run_ksef2_0_python.py URL NIP certificate CERTIFICATE.pem KEY.pem

The last line of its output is a JSON object of what the client made of the answers. It knows no refresh.
"""
# mypy: ignore-errors

import json
import sys
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate
from ksef import KSEFSDK
from ksef.sdk.authksef import AUTHCERT, AUTHTOKEN

url, nip, how, *secrets = sys.argv[1:]
if how == "token":
    way = AUTHTOKEN(*secrets)
else:
    certificate, key = (Path(secret).read_bytes() for secret in secrets)
    way = AUTHCERT(p12pk=load_pem_private_key(key, None), p12pc=load_pem_x509_certificate(certificate))
ksef = KSEFSDK(url=url, nip=nip, A=way, unittest=True)
seen = {"tokens": [token["referenceNumber"] for token in ksef.get_list_of_tokens()]}
ksef.session_terminate()
sys.stdout.write(json.dumps(seen))
