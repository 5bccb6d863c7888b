"""Takes work out of moto that no simulated account needs: a world comes up in half the time and reads a third faster.

Only the child process that is the simulator calls this; nothing else in it depends on what is replaced here.
"""

import json
import os
from collections.abc import Callable
from functools import cache
from typing import Any, Final

import botocore.loaders
import moto.backends
import moto.core.responses
import moto.core.utils
import moto.iam.models
import orjson
from moto.core.loaders import create_loader
from moto.core.utils import method_names_from_class
from werkzeug.routing.rules import Rule

WELL_KNOWN: Final = (
    "AWSCloudShellFullAccess",
    "AWSLambdaBasicExecutionRole",
    "AWSSupportAccess",
    "AWS_ConfigRole",
    "AdministratorAccess",
    "AmazonEC2RoleforSSM",
    "AmazonS3ReadOnlyAccess",
    "AmazonSSMManagedInstanceCore",
    "CloudWatchReadOnlyAccess",
    "IAMUserChangePassword",
    "PowerUserAccess",
    "ReadOnlyAccess",
    "SecurityAudit",
    "ViewOnlyAccess",
)
"""The AWS managed policies a world knows. moto would create all of its 1,200 per account and list them every time."""


def _builds_nothing(_rule: Rule, append_unknown: bool = True) -> Any:  # noqa: ARG001 - werkzeug's form
    """Stand in for the code that werkzeug compiles per rule to build URLs; a server only matches them."""

    def build(*_: Any, **__: Any) -> tuple[str, str]:
        raise LookupError("the simulator builds no URLs")

    return build


def _load(_loader: Any, full_path: str, open_method: Callable[..., Any]) -> Any:
    """Load a file of botocore's, three times as fast as botocore does; None where there is none.

    The list of endpoints, which every session reads and none changes, is read once. Models of services are read anew:
    botocore changes some of them in place.
    """
    if not os.path.isfile(full_path):  # noqa: PTH113 - asked some thousand times
        return None
    return (_once if "/endpoints.json" in full_path else _parsed)(full_path, open_method)


def _parsed(path: str, open_method: Callable[..., Any]) -> Any:
    with open_method(path, "rb") as file:
        return orjson.loads(file.read())


_once: Final = cache(_parsed)


def hurry() -> None:
    """Apply all of it. Must run before the first service of moto is used."""
    Rule._compile_builder = _builds_nothing  # type: ignore[method-assign, assignment]  # noqa: SLF001
    vars(moto.core.utils)["create_loader"] = cache(create_loader)
    botocore.loaders.JSONFileLoader._load_file = _load  # noqa: SLF001
    modules = tuple(moto.backends.list_of_moto_modules())
    vars(moto.backends)["list_of_moto_modules"] = lambda: modules
    vars(moto.core.responses)["method_names_from_class"] = cache(method_names_from_class)
    held = vars(moto.iam.models)
    policies = json.loads(held["aws_managed_policies_data"])
    held["aws_managed_policies_data"] = json.dumps({name: policies[name] for name in WELL_KNOWN})
