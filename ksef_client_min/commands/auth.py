"""`ksef auth`: log in, look at the login, log out."""

from __future__ import annotations

from pathlib import Path

import click

from ksef_client_min import operations
from ksef_client_min.commands.common import (
    Group,
    base_url,
    client_of,
    environment_option,
    explained,
    json_option,
    logged_in,
    nip_option,
    no_prompt,
    save_login,
    show,
    spinner,
)
from ksef_client_min.credentials import Credentials, PasswordNeeded, load_pem, load_pkcs12
from ksef_client_min.errors import KsefApiError
from ksef_client_min.session_file import BrokenFile, Home, PendingChallenge
from ksef_client_min.sync_client import KsefClient

_NO_NIP = click.UsageError("whose context is it? Give --nip, or set it once: ksef config set --nip NIP")


@click.group(cls=Group)
def auth() -> None:
    """Log in, look at the login, log out."""


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@auth.command()
@click.option("--token", envvar="KSEF_TOKEN", help="KSeF token; else KSEF_TOKEN, else a prompt.")
@click.option("--cert", type=_FILE, help="Certificate to log in with (PEM or DER), its issuers may follow.")
@click.option("--key", type=_FILE, help="Private key of the certificate (PEM or DER).")
@click.option("--p12", type=_FILE, help="PKCS#12 file with both.")
@click.option("--key-password", envvar="KSEF_KEY_PASSWORD", help="Password of the key or PKCS#12 file.")
@nip_option
@environment_option
@json_option
@explained
def login(
    token: str | None,
    cert: Path | None,
    key: Path | None,
    p12: Path | None,
    key_password: str | None,
    nip: str | None,
    environment: str,
    as_json: bool,
) -> None:
    """Log in with a KSeF token, or with a certificate and its private key."""
    credentials = _credentials(cert, key, p12, key_password)
    if credentials is None:
        token = token or _asked("KSeF token", "which token? Give --token, or set KSEF_TOKEN")
        nip = nip or _nip_in(token)
    if nip is None:
        raise _NO_NIP
    with KsefClient(base_url(environment)) as ksef, spinner("Logging in", as_json):
        if credentials is not None:
            ksef.login_with_certificate(credentials, nip)
        else:
            assert token is not None
            ksef.login_with_token(token, nip)
        save_login(environment, ("Nip", nip), ksef)
        _show_login(ksef, environment, nip, as_json)


@auth.command(name="login-external")
@click.option("--generate", "phase", flag_value="generate", help="First phase: write the XML to sign.")
@click.option("--submit", "phase", flag_value="submit", help="Second phase: submit the signed XML.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Where to write the XML.")
@click.option("--input", "signed", type=_FILE, help="The signed XML.")
@nip_option
@environment_option
@json_option
@explained
def login_external(
    phase: str | None,
    output: Path | None,
    signed: Path | None,
    nip: str | None,
    environment: str,
    as_json: bool,
) -> None:
    """Log in with a signature made elsewhere, in two phases within 10 minutes.

    --generate writes an XML document; have it signed by any tool that makes XAdES signatures, such as
    Profil Zaufany; --submit sends it in and logs in.
    """
    if nip is None:
        raise _NO_NIP
    if phase == "generate":
        if output is None:
            raise click.UsageError("--generate needs --output FILE")
        _generate(output, nip, environment, as_json)
    elif phase == "submit":
        if signed is None:
            raise click.UsageError("--submit needs --input FILE")
        _submit(signed, nip, environment, as_json)
    else:
        raise click.UsageError("give --generate or --submit")


def _generate(output: Path, nip: str, environment: str, as_json: bool) -> None:
    with KsefClient(base_url(environment)) as ksef:
        pending = ksef.begin_external_login(nip)
    try:
        output.write_bytes(pending.xml)
    except OSError as error:
        raise BrokenFile(f"{output} cannot be written: {error.strerror}") from None
    timestamp = pending.challenge.timestamp.isoformat()
    Home().save_pending(PendingChallenge(environment, "Nip", nip, pending.challenge.challenge, timestamp))
    show(
        as_json,
        {"status": "ok", "challenge": pending.challenge.challenge, "output": str(output)},
        f"Wrote {output}. Have it signed, then run, within 10 minutes:\n"
        f"ksef auth login-external --submit --input SIGNED.xml --nip {nip} --env {environment}",
    )


def _submit(signed: Path, nip: str, environment: str, as_json: bool) -> None:
    home = Home()
    pending = home.load_pending()
    if pending is None:
        raise BrokenFile("no login was begun here: run ksef auth login-external --generate first")
    if (pending.context_value, pending.environment) != (nip, environment):
        raise click.UsageError(
            f"the login that was begun is for --nip {pending.context_value} --env {pending.environment}"
        )
    document = signed.read_bytes()
    if pending.challenge.encode() not in document:
        raise click.UsageError(f"{signed} does not contain the challenge {pending.challenge} of that login")
    with KsefClient(base_url(environment)) as ksef, spinner("Logging in", as_json):
        ksef.complete_external_login(document)
        save_login(environment, ("Nip", nip), ksef)
        home.delete_pending()
        _show_login(ksef, environment, nip, as_json)


def _credentials(
    cert: Path | None, key: Path | None, p12: Path | None, password: str | None
) -> Credentials | None:
    try:
        return _load(cert, key, p12, password)
    except PasswordNeeded:
        missing = "the key is encrypted: give --key-password, or set KSEF_KEY_PASSWORD"
        return _load(cert, key, p12, _asked("Password of the key", missing))


def _asked(what: str, missing: str) -> str:
    no_prompt(missing)
    answer: str = click.prompt(what, hide_input=True, err=True)
    return answer


def _load(cert: Path | None, key: Path | None, p12: Path | None, password: str | None) -> Credentials | None:
    if p12 is not None and cert is None and key is None:
        return load_pkcs12(p12, password)
    if cert is not None and key is not None and p12 is None:
        return load_pem(cert, key, password)
    if cert is None and key is None and p12 is None:
        return None
    raise click.UsageError("a login with a certificate takes --cert and --key, or --p12")


def _show_login(ksef: KsefClient, environment: str, nip: str, as_json: bool) -> None:
    reference = ksef.session.reference_number
    show(
        as_json,
        {"status": "ok", "referenceNumber": reference, "nip": nip, "environment": environment},
        f"Logged in to {environment} as {nip} ({reference}).",
    )


@auth.command()
@json_option
@explained
def whoami(as_json: bool) -> None:
    """Show the login that the next commands will use."""
    with logged_in() as (ksef, saved):
        status = ksef.call(operations.auth.status(saved.reference_number))
    show(
        as_json,
        {
            "environment": saved.environment,
            "contextType": saved.context_type,
            "contextValue": saved.context_value,
            "referenceNumber": saved.reference_number,
            "authenticationMethod": status.authentication_method,
            "startDate": status.start_date.isoformat(),
            "status": status.status.code,
        },
        f"{saved.context_type} {saved.context_value} on {saved.environment}"
        f" by {status.authentication_method}"
        f"\nsince {status.start_date:%Y-%m-%d %H:%M:%S} UTC, {saved.reference_number}",
    )


@auth.command()
@click.argument("reference_number", required=False)
@json_option
@explained
def status(reference_number: str | None, as_json: bool) -> None:
    """Show the status of a login; of the current one unless told otherwise."""
    with logged_in() as (ksef, saved):
        reference = reference_number or saved.reference_number
        found = ksef.call(operations.auth.status(reference)).status
    details = list(found.details or ())
    show(
        as_json,
        {
            "referenceNumber": reference,
            "code": found.code,
            "description": found.description,
            "details": details,
        },
        f"{reference}: {found.code} {found.description}" + (f" ({'; '.join(details)})" if details else ""),
    )


@auth.command()
@json_option
@explained
def refresh(as_json: bool) -> None:
    """Get a new access token. Commands do that by themselves when theirs has expired."""
    with logged_in() as (ksef, _):
        ksef.refresh()
        until = ksef.session.access_valid_until
    assert until is not None
    show(
        as_json,
        {"status": "ok", "validUntil": until.isoformat()},
        f"The access token is valid until {until:%Y-%m-%d %H:%M:%S} UTC.",
    )


@auth.command()
@environment_option
@json_option
@explained
def challenge(environment: str, as_json: bool) -> None:
    """Get a challenge, for whoever wants to log in by hand."""
    with KsefClient(base_url(environment)) as ksef:
        issued = ksef.call(operations.auth.challenge())
    show(
        as_json,
        {
            "challenge": issued.challenge,
            "timestamp": issued.timestamp.isoformat(),
            "timestampMs": issued.timestamp_ms,
        },
        f"{issued.challenge} of {issued.timestamp.isoformat()} ({issued.timestamp_ms} ms)",
    )


@auth.command()
@json_option
@explained
def logout(as_json: bool) -> None:
    """End the session on the server and forget it here."""
    home = Home()
    saved = home.load_session()
    if saved is not None:
        try:
            with client_of(saved) as ksef:
                ksef.logout()
        except KsefApiError as error:
            if error.status >= 500:
                raise
            # It has ended already, by expiry or by somebody else: that is what was wanted.
        home.delete_session()
    show(as_json, {"status": "ok"}, "Logged out." if saved else "There was no login.")


def _nip_in(token: str) -> str | None:
    """The NIP in a KSeF token (`REFERENCE|nip-NIP|SECRET`)."""
    parts = token.split("|")
    return parts[1].removeprefix("nip-") if len(parts) == 3 and parts[1].startswith("nip-") else None
