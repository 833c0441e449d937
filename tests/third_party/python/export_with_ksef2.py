"""Exports invoices with PyPI `ksef2`, as a ZIP and as a TarGz.

    export_with_ksef2.py NIP TOKEN FROM

KSEF_URL names the mock. The last line of its output is a JSON object.
"""
# mypy: ignore-errors

import io
import json
import sys
import tarfile
import zipfile
from datetime import datetime
from hashlib import sha256

import led_to_the_mock  # noqa: F401
from ksef2 import Client, Environment
from ksef2.models import InvoicesFilter

nip, token, start = sys.argv[1:]
client = Client(environment=Environment.TEST)
auth = client.authentication.with_token(ksef_token=token, nip=nip)
filters = InvoicesFilter(
    role="seller", date_type="permanent_storage", date_from=datetime.fromisoformat(start)
)
seen = []
for compression in ("zip", "tar_gz"):
    archive = io.BytesIO(auth.invoices.export(filters, compression_type=compression).wait().archive)
    if compression == "zip":
        with zipfile.ZipFile(archive) as opened:
            files = {name: opened.read(name) for name in opened.namelist()}
    else:
        with tarfile.open(fileobj=archive) as opened:
            files = {each.name: opened.extractfile(each).read() for each in opened}
    metadata = json.loads(files.pop("_metadata.json"))["invoices"]
    seen.append(
        {
            "hashes": {name: sha256(octets).hexdigest() for name, octets in files.items()},
            "metadata": [each["ksefNumber"] for each in metadata],
        }
    )
sys.stdout.write(json.dumps(seen))
