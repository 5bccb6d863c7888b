"""A stand-in for the AWS command line interface: our scripts run in a real shell, against a simulated account.

Options are read by botocore's models as the real one reads them. What our scripts do not use is refused, not guessed.
"""

import contextlib
import json
import os
import re
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import boto3
import jmespath
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from auditor.simulator import Simulator

_SERVICES = {"configservice": "config", "s3api": "s3"}
_RENAMED = {("sns", "subscribe", "notification-endpoint"): "Endpoint"}
_CLIENT = r"""
aws() {{
  local wire code said
  exec {{wire}}<>/dev/tcp/127.0.0.1/{port} || return 253
  printf '%s\0' "$#" "$@" >&"$wire"
  IFS= read -r code <&"$wire"
  IFS= read -r -d '' said <&"$wire" || true
  exec {{wire}}>&-
  if [ "$code" = 0 ]; then printf '%s' "$said"; else printf '%s' "$said" >&2; fi
  return "$code"
}}
"""
"""The command as a function of the shell: no process is started for a call, and our lines are read as ever."""


@dataclass
class CommandLine:
    """The command, and what was asked of it."""

    endpoint: str
    environment: Mapping[str, str]
    folder: Path
    calls: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    def run(self, script: Path, **values: str) -> subprocess.CompletedProcess[str]:
        """Run one of our scripts, with values that a person gives."""
        given = {"PATH": os.environ["PATH"], "BASH_ENV": str(self.folder / "aws.sh"), **values}
        return subprocess.run(["bash", script], env=given, capture_output=True, text=True, check=False, timeout=30)

    def answer(self, words: Sequence[str]) -> tuple[int, str, str]:
        """Return exit code, output and complaint of one command."""
        try:
            return 0, self._call(list(words)), ""
        except ClientError as error:
            code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
            return 254, "", f"An error occurred ({code}) when calling the {error.operation_name} operation: {message}\n"
        except (ParamValidationError, BotoCoreError, ValueError, KeyError, TypeError) as error:
            return 252, "", f"{type(error).__name__}: {error}\n"

    def _call(self, words: list[str]) -> str:
        name, command, *rest = words
        service = _SERVICES.get(name, name)
        options = list(_options(rest))
        chosen = dict(options)
        region = chosen.pop("region", [""])[0] or "us-east-1"
        query, _ = chosen.pop("query", [""])[0:1] or [""], chosen.pop("output", None)
        client = self.client(service, region)
        operation = next(api for method, api in client.meta.method_to_api_mapping.items() if _kebab(method) == command)
        model = client.meta.service_model.operation_model(operation)
        parameters = self._parameters(service, command, model.input_shape, chosen)
        self.calls.append((service, operation, parameters))
        method = next(key for key, api in client.meta.method_to_api_mapping.items() if api == operation)
        output = getattr(client, method)(**parameters)
        output.pop("ResponseMetadata", None)
        return f"{_text(jmespath.search(query[0], output))}\n" if query[0] else ""

    def _parameters(self, service: str, command: str, shape: Any, chosen: Mapping[str, list[str]]) -> dict[str, Any]:
        if "cli-input-json" in chosen:
            document: dict[str, Any] = json.loads(chosen["cli-input-json"][0])
            return document
        members = {_kebab(_snake(name)): name for name in (shape.members if shape else {})}
        found: dict[str, Any] = {}
        for option, values in chosen.items():
            name = (
                _RENAMED.get((service, command, option)) or members.get(option) or members[option.removeprefix("no-")]
            )
            member = shape.members[name]
            match member.type_name:
                case "boolean":
                    assert values == []
                    found[name] = not (option.startswith("no-") and option not in members)
                case "list" if member.member.type_name != "structure":
                    found[name] = values
                case "structure" | "list" | "map":
                    found[name] = json.loads(values[0])
                case "integer" | "long":
                    found[name] = int(values[0])
                case "double" | "float":
                    found[name] = float(values[0])
                case _:
                    (found[name],) = values
        return found

    def client(self, service: str, region: str) -> Any:
        if (service, region) not in self._clients:
            self._clients[service, region] = boto3.client(
                service,
                region_name=region,
                endpoint_url=self.endpoint,
                aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
                config=Config(inject_host_prefix=False, s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
            )
            host = urlsplit(self.endpoint).netloc
            self._clients[service, region].meta.events.register("before-call", partial(_keep_host, host=host))
        return self._clients[service, region]


def _keep_host(*, params: dict[str, Any], host: str, **_: Any) -> None:
    """S3 Control puts the account in front of the host, which loopback has no name for."""
    params["url"] = urlunsplit(urlsplit(params["url"])._replace(netloc=host))


def _options(words: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield options with their values; the real one takes a value that begins with a dash for an option as well."""
    name, values = "", list[str]()
    for word in words:
        if word.startswith("--"):
            if name:
                yield name, values
            name, values = word.removeprefix("--"), []
        else:
            values.append(word)
    if name:
        yield name, values


def _snake(name: str) -> str:
    from botocore import xform_name

    return str(xform_name(name))


def _kebab(name: str) -> str:
    return name.replace("_", "-")


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "\t".join(_text(item) for item in value)
    if isinstance(value, dict):
        raise TypeError("a structure is not printed as text here")
    return re.sub(r"\n$", "", "None" if value is None else str(value))


@contextlib.contextmanager
def command_line(aws: Simulator, folder: Path) -> Iterator[CommandLine]:
    """Give a folder with a command ``aws`` that talks to a simulated account."""
    folder.mkdir(parents=True, exist_ok=True)
    command = CommandLine(aws.endpoint, aws.environment(), folder)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        (folder / "aws.sh").write_text(_CLIENT.format(port=listening.getsockname()[1]))
        thread = threading.Thread(target=_serve, args=(listening, command), daemon=True)
        thread.start()
        yield command
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        thread.join(timeout=5)


def _serve(listening: socket.socket, command: CommandLine) -> None:
    while True:
        try:
            wire, _ = listening.accept()
        except OSError:
            return
        with wire:
            code, said, complaint = command.answer(_words(wire))
            wire.sendall(f"{code}\n{said}{complaint}".encode())


def _words(wire: socket.socket) -> list[str]:
    """Read the words of a call: their number and each of them, ended by a zero byte."""
    data = b""
    while True:
        data += wire.recv(1 << 16)
        parts = data.split(b"\0")[:-1]
        if parts and len(parts) == int(parts[0]) + 1:
            return [part.decode() for part in parts[1:]]
