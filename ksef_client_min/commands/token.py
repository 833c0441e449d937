"""`ksef token`: KSeF tokens of the context."""

from __future__ import annotations

import click

from ksef_client_min.commands.common import Group, explained, json_option, logged_in, show, show_list, spinner
from ksef_client_min.models import KsefToken
from ksef_client_min.operations import tokens

_PERMISSIONS = (
    "InvoiceRead",
    "InvoiceWrite",
    "CredentialsRead",
    "CredentialsManage",
    "SubunitManage",
    "EnforcementOperations",
    "Introspection",
    "CollectiveIdentifierManage",
)
_COLUMNS = ("referenceNumber", "status", "description", "permissions", "created", "lastUsed")


@click.group(cls=Group)
def token() -> None:
    """Make, list and revoke KSeF tokens."""


@token.command()
@click.option(
    "--permission",
    "permissions",
    multiple=True,
    required=True,
    type=click.Choice(_PERMISSIONS),
    help="What the token may be used for; repeatable.",
)
@click.option("--description", required=True, help="5 to 256 characters.")
@json_option
@explained
def generate(permissions: tuple[str, ...], description: str, as_json: bool) -> None:
    """Make a token. Its text is shown now and never again."""
    with logged_in() as (ksef, _), spinner("Making a token", as_json):
        made = ksef.call(tokens.generate(permissions, description))
    show(
        as_json,
        {"referenceNumber": made.reference_number, "token": made.token},
        f"{made.token}\n\nKeep it now: it is never shown again.",
    )


@token.command(name="list")
@click.option("--status", "statuses", multiple=True, help="Pending, Active, Revoking, Revoked, Failed.")
@click.option("--description", help="Part of the description.")
@click.option("--size", default=10, show_default=True, type=click.IntRange(10, 100), help="At most so many.")
@json_option
@explained
def list_(statuses: tuple[str, ...], description: str | None, size: int, as_json: bool) -> None:
    """List tokens, the newest first."""
    with logged_in() as (ksef, _):
        page = ksef.call(tokens.query(statuses=statuses, description=description, page_size=size))
    rows = [_row(each) for each in page.tokens]
    show_list(as_json, "tokens", rows, _COLUMNS, more=page.continuation_token is not None)


@token.command()
@click.argument("reference_number")
@json_option
@explained
def get(reference_number: str, as_json: bool) -> None:
    """Show one token."""
    with logged_in() as (ksef, _):
        row = _row(ksef.call(tokens.get(reference_number)))
    show(as_json, row, "\n".join(f"{name:16} {_text(value)}" for name, value in row.items()))


@token.command()
@click.argument("reference_number")
@json_option
@explained
def revoke(reference_number: str, as_json: bool) -> None:
    """Revoke a token: nobody can log in with it any more."""
    with logged_in() as (ksef, _):
        ksef.call(tokens.revoke(reference_number))
    show(as_json, {"status": "ok", "referenceNumber": reference_number}, f"Revoked {reference_number}.")


def _row(each: KsefToken) -> dict[str, object]:
    return {
        "referenceNumber": each.reference_number,
        "status": each.status,
        "description": each.description,
        "permissions": list(each.requested_permissions),
        "created": each.date_created.isoformat(timespec="seconds"),
        "lastUsed": each.last_use_date.isoformat(timespec="seconds") if each.last_use_date else None,
        "context": str(each.context_identifier),
        "author": str(each.author_identifier),
    }


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value or "")
