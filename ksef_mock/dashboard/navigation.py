"""The pages that every page leads to, in groups: what happened, who may do what, controls, tools."""

from __future__ import annotations

from dataclasses import dataclass

from ksef_mock.dashboard.door import HOME


@dataclass(frozen=True, slots=True)
class Section:
    """A page of the navigation, and those that belong to it."""

    #: What the pages below it name as theirs.
    name: str
    title: str
    path: str


def _section(name: str, title: str) -> Section:
    return Section(name, title, f"{HOME}ui/{name}")


LOGINS = Section("logins", "Logins", HOME)

#: Name of the group -> its pages.
NAVIGATION: dict[str, tuple[Section, ...]] = {
    "What happened": (
        LOGINS,
        _section("requests", "Requests"),
        _section("sending", "Sending"),
        _section("invoices", "Invoices"),
    ),
    "Who may do what": (
        _section("sessions", "Sessions"),
        _section("tokens", "Tokens"),
        _section("certificates", "Certificates"),
        _section("permissions", "Permissions"),
        _section("portal", "Portal"),
    ),
    "Controls": (
        _section("keys", "Keys"),
        _section("faults", "Faults"),
        _section("lighthouse", "Lighthouse"),
    ),
    "Tools": (
        _section("sign", "Sign"),
        _section("verify", "Verify"),
        _section("coverage", "Coverage"),
    ),
}
