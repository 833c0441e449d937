"""The `ksef` command.

Exit codes: 0 done, 1 KSeF refused, 2 the command was not understood, 3 KSeF could not be reached or did not
answer as KSeF, 4 a login is needed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from ksef_client_min import operations
from ksef_client_min.credentials import BrokenCredentials, Credentials, load_pem, load_pkcs12
from ksef_client_min.environments import ENVIRONMENTS, api_root
from ksef_client_min.errors import (
    KsefApiError,
    KsefAuthenticationError,
    KsefError,
    KsefNotLoggedInError,
    KsefUnauthorizedError,
)
from ksef_client_min.session_file import BrokenFile, Home, PendingChallenge, SavedSession
from ksef_client_min.sync_client import KsefClient

F = TypeVar("F", bound=Callable[..., Any])

REFUSED, UNREACHABLE, NEEDS_LOGIN = 1, 3, 4


@dataclass(frozen=True)
class Output:
    """Prints for people, or JSON and nothing else."""

    as_json: bool

    def show(self, data: dict[str, Any], text: str) -> None:
        click.echo(json.dumps(data, ensure_ascii=False) if self.as_json else text)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ksef-mock", prog_name="ksef")
def main() -> None:
    """Log in to KSeF, Poland's national e-invoicing system."""


@main.group()
def auth() -> None:
    """Log in, look at the login, log out."""


def _json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")(command)


def _environment_option(command: F) -> F:
    return click.option(
        "--env",
        "environment",
        default="test",
        show_default=True,
        metavar="|".join((*ENVIRONMENTS, "URL")),
        callback=_check_environment,
        help="Which KSeF to talk to.",
    )(command)


def _check_environment(_context: click.Context, _option: click.Parameter, value: str) -> str:
    try:
        api_root(_base_url(value))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return value


def _base_url(environment: str) -> str:
    known = ENVIRONMENTS.get(environment)
    return environment if known is None else known.api


def _explained(command: F) -> F:
    """Errors as one line that says what to do next, each kind with its exit code."""

    @wraps(command)
    def run(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except KsefNotLoggedInError as error:
            _fail(f"{error}. Run: ksef auth login --nip NIP", NEEDS_LOGIN)
        except KsefUnauthorizedError:
            _fail("the login is no longer valid. Run: ksef auth login --nip NIP", NEEDS_LOGIN)
        except KsefAuthenticationError as error:
            _fail(f"KSeF refused the login: {error}", REFUSED)
        except KsefApiError as error:
            trace = f" [trace {error.trace_id}]" if error.trace_id else ""
            _fail(f"KSeF refused: {error}{trace}", REFUSED)
        except KsefError as error:
            _fail(f"{error}. Check --env and the network, then try again", UNREACHABLE)
        except BrokenFile as error:
            _fail(str(error), NEEDS_LOGIN)
        except BrokenCredentials as error:
            _fail(str(error), REFUSED)

    return run  # type: ignore[return-value]  # same signature, which functools.wraps cannot say


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"Error: {message}", err=True)
    sys.exit(code)


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@auth.command()
@click.option("--token", envvar="KSEF_TOKEN", help="KSeF token; else KSEF_TOKEN, else a prompt.")
@click.option("--cert", type=_FILE, help="Certificate to log in with (PEM or DER), its issuers may follow.")
@click.option("--key", type=_FILE, help="Private key of the certificate (PEM or DER).")
@click.option("--p12", type=_FILE, help="PKCS#12 file with both.")
@click.option("--key-password", envvar="KSEF_KEY_PASSWORD", help="Password of the key or PKCS#12 file.")
@click.option("--nip", help="NIP of the context; else the one in the token.")
@_environment_option
@_json_option
@_explained
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
        token = token or click.prompt("KSeF token", hide_input=True, err=True)
        nip = nip or _nip_in(token)
    if nip is None:
        raise click.UsageError("whose context is it? Give --nip")
    with KsefClient(_base_url(environment)) as ksef:
        if credentials is not None:
            ksef.login_with_certificate(credentials, nip)
        else:
            assert token is not None
            ksef.login_with_token(token, nip)
        _save(environment, nip, ksef)
        _show_login(ksef, environment, nip, as_json)


@auth.command(name="login-external")
@click.option("--generate", "phase", flag_value="generate", help="First phase: write the XML to sign.")
@click.option("--submit", "phase", flag_value="submit", help="Second phase: submit the signed XML.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Where to write the XML.")
@click.option("--input", "signed", type=_FILE, help="The signed XML.")
@click.option("--nip", required=True, help="NIP of the context.")
@_environment_option
@_json_option
@_explained
def login_external(
    phase: str | None, output: Path | None, signed: Path | None, nip: str, environment: str, as_json: bool
) -> None:
    """Log in with a signature made elsewhere, in two phases within 10 minutes.

    --generate writes an XML document; have it signed by any tool that makes XAdES signatures, such as
    Profil Zaufany; --submit sends it in and logs in.
    """
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
    with KsefClient(_base_url(environment)) as ksef:
        pending = ksef.begin_external_login(nip)
    try:
        output.write_bytes(pending.xml)
    except OSError as error:
        raise BrokenFile(f"{output} cannot be written: {error.strerror}") from None
    timestamp = pending.challenge.timestamp.isoformat()
    Home().save_pending(PendingChallenge(environment, "Nip", nip, pending.challenge.challenge, timestamp))
    Output(as_json).show(
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
    with KsefClient(_base_url(environment)) as ksef:
        ksef.complete_external_login(document)
        _save(environment, nip, ksef)
        home.delete_pending()
        _show_login(ksef, environment, nip, as_json)


def _credentials(
    cert: Path | None, key: Path | None, p12: Path | None, password: str | None
) -> Credentials | None:
    if p12 is not None and cert is None and key is None:
        return load_pkcs12(p12, password)
    if cert is not None and key is not None and p12 is None:
        return load_pem(cert, key, password)
    if cert is None and key is None and p12 is None:
        return None
    raise click.UsageError("a login with a certificate takes --cert and --key, or --p12")


def _show_login(ksef: KsefClient, environment: str, nip: str, as_json: bool) -> None:
    reference = ksef.session.reference_number
    Output(as_json).show(
        {"status": "ok", "referenceNumber": reference, "nip": nip, "environment": environment},
        f"Logged in to {environment} as {nip} ({reference}).",
    )


@auth.command()
@_json_option
@_explained
def whoami(as_json: bool) -> None:
    """Show the login that the next commands will use."""
    with _logged_in() as (ksef, saved):
        status = ksef.call(operations.auth.status(saved.reference_number))
    Output(as_json).show(
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
@_json_option
@_explained
def status(reference_number: str | None, as_json: bool) -> None:
    """Show the status of a login; of the current one unless told otherwise."""
    with _logged_in() as (ksef, saved):
        reference = reference_number or saved.reference_number
        found = ksef.call(operations.auth.status(reference)).status
    details = list(found.details or ())
    Output(as_json).show(
        {
            "referenceNumber": reference,
            "code": found.code,
            "description": found.description,
            "details": details,
        },
        f"{reference}: {found.code} {found.description}" + (f" ({'; '.join(details)})" if details else ""),
    )


@auth.command()
@_json_option
@_explained
def refresh(as_json: bool) -> None:
    """Get a new access token. Commands do that by themselves when theirs has expired."""
    with _logged_in() as (ksef, _):
        ksef.refresh()
        until = ksef.session.access_valid_until
    assert until is not None
    Output(as_json).show(
        {"status": "ok", "validUntil": until.isoformat()},
        f"The access token is valid until {until:%Y-%m-%d %H:%M:%S} UTC.",
    )


@auth.command()
@_environment_option
@_json_option
@_explained
def challenge(environment: str, as_json: bool) -> None:
    """Get a challenge, for whoever wants to log in by hand."""
    with KsefClient(_base_url(environment)) as ksef:
        issued = ksef.call(operations.auth.challenge())
    Output(as_json).show(
        {
            "challenge": issued.challenge,
            "timestamp": issued.timestamp.isoformat(),
            "timestampMs": issued.timestamp_ms,
        },
        f"{issued.challenge} of {issued.timestamp.isoformat()} ({issued.timestamp_ms} ms)",
    )


@auth.command()
@_json_option
@_explained
def logout(as_json: bool) -> None:
    """End the session on the server and forget it here."""
    home = Home()
    saved = home.load_session()
    if saved is not None:
        try:
            with _client_of(saved) as ksef:
                ksef.logout()
        except KsefApiError:
            pass  # it has ended already, by expiry or by somebody else: that is what was wanted
        finally:
            home.delete_session()
    Output(as_json).show({"status": "ok"}, "Logged out." if saved else "There was no login.")


def _nip_in(token: str) -> str | None:
    """The NIP in a KSeF token (`REFERENCE|nip-NIP|SECRET`)."""
    parts = token.split("|")
    return parts[1].removeprefix("nip-") if len(parts) == 3 and parts[1].startswith("nip-") else None


@contextmanager
def _logged_in() -> Iterator[tuple[KsefClient, SavedSession]]:
    """A client with the saved login; a token refreshed on the way is saved."""
    saved = Home().load_session()
    if saved is None:
        raise KsefNotLoggedInError("there is no login")
    with _client_of(saved) as ksef:
        yield ksef, saved
        if ksef.session.access_token != saved.access_token:
            _save(saved.environment, saved.context_value, ksef)


def _client_of(saved: SavedSession) -> KsefClient:
    ksef = KsefClient(_base_url(saved.environment))
    ksef.session.access_token = saved.access_token
    ksef.session.refresh_token = saved.refresh_token
    ksef.session.reference_number = saved.reference_number
    return ksef


def _save(environment: str, nip: str, ksef: KsefClient) -> None:
    session = ksef.session
    assert session.access_token is not None
    assert session.refresh_token is not None
    assert session.reference_number is not None
    Home().save_session(
        SavedSession(
            environment=environment,
            context_type="Nip",
            context_value=nip,
            reference_number=session.reference_number,
            access_token=session.access_token,
            refresh_token=session.refresh_token,
        )
    )


if __name__ == "__main__":
    main()
