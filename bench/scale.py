"""What a login costs when many live: `python -m bench.scale [--sizes N,N,...]`.

For each number of live operations a process of its own fills a mock's memory with logins that were redeemed,
then logs in over and over (challenge, token login, status, redeem, at the system behind HTTP) and measures

- µs of CPU of one login (median and 99th percentile; garbage collections of a large heap would show in the
  latter);
- bytes of memory of one live operation, by the growth of the process: its records, its places in indexes,
  and what Python keeps around them;
- the same while logins expire as fast as they come.

Twice: all logins of one subject (one long list of sessions), and each login of a subject of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from statistics import quantiles

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from bench._process import machine
from ksef_mock.clock import unix_milliseconds
from ksef_mock.core.codes import SUCCESS
from ksef_mock.core.exchange import Exchange
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.methods import AuthenticationMethod
from ksef_mock.ksef.access.principal import Kind
from ksef_mock.ksef.auth.token_login import TokenLogin
from ksef_mock.ksef.keys.keys import Usage
from ksef_mock.system.system import System

_NIP = Identifier("Nip", "5265877635")
_OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label=None)
_LOGINS = 600
#: How long the refresh token of a redeemed login lives, and some.
_LIFETIME = 8 * 86_400


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description="Logins when many live.")
    parser.add_argument("--sizes", default="1000,100000,1000000", help="numbers of live operations")
    parser.add_argument("--fill", nargs=2, metavar=("SIZE", "SUBJECTS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fill:
        print(json.dumps(asyncio.run(_measure(int(options.fill[0]), options.fill[1] == "many"))))
        return
    print(machine())
    print(f"{'operations':>15} {'of':>14} {'bytes each':>11} {'login µs':>9} {'p99':>8} {'expiring µs':>12}")
    for subjects in ("one", "many"):
        for size in options.sizes.split(","):
            command = [sys.executable, "-m", "bench.scale", "--fill", size, subjects]
            result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            print(
                f"{int(size):15,} {subjects + ' subject' + 's' * (subjects == 'many'):>14}"
                f" {result['bytes']:11,.0f} {result['median']:9.0f} {result['p99']:8.0f}"
                f" {result['expiring']:12.0f}"
            )


async def _measure(size: int, many: bool) -> dict[str, float]:
    system = System()
    await system.keys.published()
    _, token = await system.issue_token(_NIP)
    await _timed(system, token, 50)  # warm up
    before = _resident()
    for number in range(size):
        await _live(system, Identifier("Nip", str(1_010_000_000 + number)) if many else _NIP)
    per_operation = (_resident() - before) / size
    times = await _timed(system, token, _LOGINS)
    cuts = quantiles(times, n=100)
    # All of them expire now; what comes lets go of them.
    system.clock.advance(_LIFETIME)
    begin = time.thread_time()
    for _ in range(_LOGINS):
        await _live(system, _NIP)
    expiring = (time.thread_time() - begin) / _LOGINS
    return {
        "bytes": per_operation,
        "median": cuts[49] * 1e6,
        "p99": cuts[98] * 1e6,
        "expiring": expiring * 1e6,
    }


async def _live(system: System, subject: Identifier) -> None:
    """A login that was redeemed, without its cryptography."""
    challenge = await system.challenges.issue("127.0.0.1")
    operation = system.operations.prepare(
        method=AuthenticationMethod.TOKEN,
        context=subject,
        subject=subject,
        verdict=SUCCESS,
        permissions=("Owner",),
    )
    await system.operations.start(operation, system.challenges.spend(challenge, operation.reference))
    await system.operations.redeem(operation.reference)


async def _timed(system: System, token: str, number: int) -> list[float]:
    key = next(key for key in system.keys.current() if key.usage is Usage.TOKEN)
    public_key = key.certificate.public_key()
    assert isinstance(public_key, rsa.RSAPublicKey)
    times: list[float] = []
    for _ in range(number):
        challenge = await system.challenges.issue("127.0.0.1")
        plaintext = f"{token}|{unix_milliseconds(challenge.issued_at)}".encode()
        encrypted = public_key.encrypt(plaintext, _OAEP)
        begin = time.thread_time()
        login = TokenLogin(challenge.value, _NIP, encrypted, key.public_key_id, None)
        operation = await system.token_login.submit(login, _exchange(system))
        principal = system.jwts.read(system.jwts.authentication_token(operation).token, Kind.AUTHENTICATION)
        await system.operations.poll(operation.reference, principal)
        await system.operations.redeem(operation.reference)
        times.append(time.thread_time() - begin)
    return times


def _exchange(system: System) -> Exchange:
    return Exchange("POST", "/v2/auth/ksef-token", "127.0.0.1", system.clock.now(), "0" * 32)


def _resident() -> int:
    """Memory of this process in octets."""
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * 4_096


if __name__ == "__main__":
    main()
