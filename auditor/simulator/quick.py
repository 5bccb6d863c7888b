"""Takes work out of moto that no simulated account needs: a world comes up in half the time and reads a third faster.

Only the child process that is the simulator calls this; nothing else in it depends on what is replaced here.
"""

import json
from functools import cache
from typing import Any, Final

import moto.backends
import moto.core.responses
import moto.core.utils
import moto.iam.models
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


def hurry() -> None:
    """Apply all of it. Must run before the first service of moto is used."""
    Rule._compile_builder = _builds_nothing  # type: ignore[method-assign, assignment]  # noqa: SLF001
    vars(moto.core.utils)["create_loader"] = cache(create_loader)
    modules = tuple(moto.backends.list_of_moto_modules())
    vars(moto.backends)["list_of_moto_modules"] = lambda: modules
    vars(moto.core.responses)["method_names_from_class"] = cache(method_names_from_class)
    held = vars(moto.iam.models)
    policies = json.loads(held["aws_managed_policies_data"])
    held["aws_managed_policies_data"] = json.dumps({name: policies[name] for name in WELL_KNOWN})
