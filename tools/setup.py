#!/usr/bin/env python3
"""Set-up of a checkout: virtual environment, hash-locked packages, system libraries.

``python3 tools/setup.py demo`` prepares what ``make demo`` needs, ``dev`` what lint and tests need as well. Packages
come through pip with whatever settings the machine gives it; system libraries through apt, and only when we are root or
sudo asks for no password. What cannot be installed is named in one line; that counts as a failure only where ``CI`` is
set, because elsewhere everything else still works. Standard library only; safe to repeat.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterable, Sequence  # noqa: UP035 - an older Python must get as far as the version check

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
OLDEST = (3, 11)
LOCKS = {"demo": "requirements-demo.lock", "dev": "requirements-dev.lock"}
PANGO_LIBRARIES = ("libpango-1.0.so.0", "libpangoft2-1.0.so.0", "libharfbuzz-subset.so.0")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class SetupError(Exception):
    """The set-up cannot go on; the message says what to do."""


@dataclass(frozen=True)
class SystemPart:
    """Something pip cannot bring: how to see that it is there, and which Debian or Ubuntu packages hold it."""

    purpose: str
    present: Callable[[], bool]
    packages: tuple[str, ...]
    other_names: tuple[str, ...] = ()
    """What Ubuntu calls the same packages, tried when apt does not know the first names."""


def main(arguments: Sequence[str]) -> int:
    """Run the set-up; return 0 when everything asked for is ready."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("profile", choices=sorted(LOCKS))
    profile = parser.parse_args(arguments).profile
    try:
        require_python()
        missing = tuple(part for part in system_parts(profile) if not ensure_system_part(part))
        ensure_packages(profile)
    except SetupError as error:
        say(f"set-up stopped: {error}")
        return 1
    for part in missing:
        say(f"missing for {part.purpose}; install: apt-get install {' '.join(part.packages)}")
    return 1 if missing and os.environ.get("CI") else 0


def say(message: str) -> None:
    """Write one line of progress to standard error."""
    print(message, file=sys.stderr, flush=True)


# --- Python and its packages ------------------------------------------------------------------------------------------


def require_python() -> None:
    """Go on under a newer interpreter when this one is too old and a newer one is on the path."""
    if sys.version_info >= OLDEST:
        return
    for minor in range(20, OLDEST[1] - 1, -1):
        newer = shutil.which(f"python3.{minor}")
        if newer:
            os.execv(newer, [newer, *sys.argv])  # noqa: S606 - no shell is wanted; this process becomes the newer Python
    raise SetupError(f"Python {OLDEST[0]}.{OLDEST[1]} or newer is needed, this is {sys.version.split()[0]}")


def ensure_packages(profile: str) -> None:
    """Install the locked packages and the checkout itself, unless the environment already holds exactly these."""
    lock = ROOT / LOCKS[profile]
    wanted = fingerprint(lock)
    if any(stamp_of(other) == fingerprint(ROOT / LOCKS[other]) for other in covering(profile)) and runs(PYTHON):
        return
    ensure_environment()
    say(f"installing the packages of {lock.name} ...")
    # The lock is complete. Resolved again, "name[extra]>=1" would ask for the newest release, which has no hash here.
    pip("install", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--requirement", str(lock))
    pip("install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    pip("check")
    (VENV / f".{profile}-ready").write_text(wanted, encoding="ascii")


def covering(profile: str) -> tuple[str, ...]:
    """Return the profiles whose packages include those of ``profile``."""
    return ("dev",) if profile == "dev" else ("demo", "dev")


def fingerprint(lock: Path) -> str:
    """Return a hash over everything that decides what the environment holds."""
    parts = (lock.read_bytes(), (ROOT / "pyproject.toml").read_bytes(), str(VENV).encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def stamp_of(profile: str) -> str:
    """Return the fingerprint noted after the last complete set-up of ``profile``, or an empty text."""
    stamp = VENV / f".{profile}-ready"
    return stamp.read_text(encoding="ascii") if stamp.is_file() else ""


def ensure_environment() -> None:
    """Make the virtual environment with a pip in it, also where Python came without venv's ensurepip."""
    if runs(PYTHON, "-m", "pip", "--version"):
        return
    if VENV.exists():
        say(f"{VENV.name} does not run here; making it anew")
        shutil.rmtree(VENV)
    say(f"making a virtual environment in {VENV.name} ...")
    for make in (with_ensurepip, with_installed_pip, with_debian_venv_package, with_unpacked_debian_pip):
        if make() and runs(PYTHON, "-m", "pip", "--version"):
            return
        shutil.rmtree(VENV, ignore_errors=True)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    raise SetupError(f"this Python has neither ensurepip nor pip; install: apt-get install python{version}-venv")


def with_ensurepip() -> bool:
    """Make the environment the way Python's own documentation says."""
    return runs(Path(sys.executable), "-c", "import ensurepip") and runs(Path(sys.executable), "-m", "venv", str(VENV))


def with_installed_pip() -> bool:
    """Let a pip that the system already has install pip into an empty environment."""
    return empty_environment() and runs(
        Path(sys.executable), "-m", "pip", "--python", str(PYTHON), "install", "--quiet", "pip"
    )


def with_debian_venv_package() -> bool:
    """Install the Debian package that completes venv, then do it the ordinary way."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return any(apt_install((name,)) for name in (f"python{version}-venv", "python3-venv")) and with_ensurepip()


def with_unpacked_debian_pip() -> bool:
    """Without root: fetch Debian's pip wheel as a user, unpack it in ``.cache`` and let it install pip."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb") or not empty_environment():
        return False
    folder = ROOT / ".cache" / "debian-pip"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if not quietly(["apt-get", "download", "-qq", "python3-pip-whl"], folder=folder):
        return False
    for package in folder.glob("*.deb"):
        quietly(["dpkg-deb", "-x", str(package), str(folder)])
    wheels = sorted(folder.glob("usr/share/python-wheels/pip-*.whl"))
    if not wheels:
        return False
    return runs(PYTHON, f"{wheels[-1]}/pip", "install", "--quiet", "pip")


def empty_environment() -> bool:
    """Make an environment without pip."""
    return runs(Path(sys.executable), "-m", "venv", "--without-pip", str(VENV))


def pip(*arguments: str) -> None:
    """Run the environment's pip and show what it says only when it fails."""
    command = [str(PYTHON), "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input", *arguments]
    environment = {**os.environ, "PIP_ROOT_USER_ACTION": "ignore"}
    outcome = subprocess.run(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, check=False)
    if outcome.returncode != 0:
        raise SetupError(f"pip {arguments[0]} failed; its message stands above")


def runs(program: Path, *arguments: str) -> bool:
    """Tell whether a program starts and ends well (``--version`` when no arguments are given)."""
    return quietly([str(program), *(arguments or ("--version",))])


# --- libraries and programs of the system -----------------------------------------------------------------------------


def system_parts(profile: str) -> tuple[SystemPart, ...]:
    """Return what the system must provide for a profile."""
    pango = SystemPart(
        purpose="the PDF (everything else works without)",
        present=lambda: loads(*PANGO_LIBRARIES),
        packages=("libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0"),
    )
    browser = SystemPart(
        purpose="the browser tests (left out until then)",
        present=has_browser,
        packages=("chromium", "chromium-driver"),
        other_names=("chromium-browser", "chromium-chromedriver"),
    )
    poppler = SystemPart(
        purpose="the tests that read the PDF",
        present=lambda: shutil.which("pdftotext") is not None,
        packages=("poppler-utils",),
    )
    archiver = SystemPart(
        purpose="the tests with packs that another program zipped",
        present=lambda: shutil.which("zip") is not None,
        packages=("zip",),
    )
    return (pango, poppler, archiver, browser) if profile == "dev" else (pango,)


def loads(*libraries: str) -> bool:
    """Tell whether the dynamic linker finds all libraries; a process of its own also sees those just installed."""
    return runs(
        Path(sys.executable), "-c", "import ctypes, sys; [ctypes.CDLL(name) for name in sys.argv[1:]]", *libraries
    )


def has_browser() -> bool:
    """Tell whether Chromium or Chrome and its driver are on the path."""
    return any(shutil.which(name) for name in BROWSERS) and shutil.which("chromedriver") is not None


def ensure_system_part(part: SystemPart) -> bool:
    """Install a part when it is missing and we may; tell whether it is there in the end."""
    if part.present():
        return True
    return any(apt_install(names) and part.present() for names in (part.packages, part.other_names) if names)


def apt_install(packages: Iterable[str]) -> bool:
    """Install Debian packages without asking anything; tell whether that worked."""
    privilege = as_root()
    if privilege is None or shutil.which("apt-get") is None:
        return False
    names = tuple(packages)
    say(f"installing {' '.join(names)} through apt ...")
    settings = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
    quietly([*privilege, *settings, "update"])
    return quietly([*privilege, *settings, "install", "--yes", "--no-install-recommends", *names])


def as_root() -> tuple[str, ...] | None:
    """Return what to put before a command to run it as root, or None when we may not without a password."""
    if os.geteuid() == 0:
        return ()
    if shutil.which("sudo") and quietly(["sudo", "-n", "true"]):
        return ("sudo", "-n")
    return None


def quietly(command: Sequence[str], folder: Path = ROOT) -> bool:
    """Run a command without input or output; tell whether it ended well."""
    try:
        outcome = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    except OSError:
        return False
    return outcome.returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
