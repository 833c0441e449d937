"""A target by its name: our mock is started, any other is located."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import replace
from urllib.parse import urlsplit

from contract_tests.server.capabilities import Capability
from contract_tests.server.remote_mock import RemoteControls, remote_controls
from contract_tests.server.targets import Target, TargetRefused, address_of, is_ksef, is_production, located
from ksef_client_min.environments import DEMO


def open_target(name: str, *, force_production: bool = False) -> AbstractContextManager[Target]:
    """The target of this name, running while the context lasts: `mock` is started, others are only asked.

    A ksef-mock at a URL is known by its `/_mock`, and its clock and controls are used (with the control
    token in KSEF_MOCK_CONTROL_TOKEN, if it wants one).

    Raises:
        TargetRefused: no such target, or production without `force_production`.
        TargetUnreachable: it does not answer.
    """
    if name == "mock":
        from contract_tests.server.mock_target import mock_target

        return mock_target()
    url = address_of(name)
    production = is_production(url)
    if production and not force_production:
        raise TargetRefused(
            f"{name} is KSeF PRODUCTION: real taxpayers, legal effect. The suite does not run there. "
            "Use `test`; --force-production checks the read-only requirements alone."
        )
    # Of KSeF's environments only TEST has these; of any other server they are asked, and it shows.
    like_test = not production and urlsplit(url).hostname != urlsplit(DEMO.api).hostname
    capabilities = frozenset({Capability.SELF_SIGNED, Capability.TEST_DATA} if like_test else ())
    target = located(Target(name, url, capabilities, read_only=production))
    # Nothing but a mock of somebody's own is asked for controls.
    found = None if is_ksef(url) else remote_controls(target.url)
    if found is not None:
        controls, offered = found
        target = replace(target, controls=controls, capabilities=target.capabilities | offered)
        return _closing(target, controls)
    return nullcontext(target)


@contextmanager
def _closing(target: Target, controls: RemoteControls) -> Iterator[Target]:
    with closing(controls):
        yield target
