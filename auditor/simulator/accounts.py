"""Many accounts behind one endpoint: each is an application of its own, chosen by the access key that signed.

Whoever assumes a role gets a key of the role's account. Light accounts are built when the first request for them comes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from moto.iam.models import iam_backends

from auditor.simulator import SECRET_KEY, calls, clock
from auditor.simulator.app import CONTROL, Application, Refused
from auditor.simulator.calls import Call
from auditor.simulator.overlay.defaults import FAR
from auditor.simulator.web import Answer, Request
from auditor.simulator.worlds.principals import principal_id

CHAINED_SECONDS: Final = 3600
"""The longest session of a role that another role assumed (IAM User Guide, "Role chaining")."""


@dataclass(slots=True)
class Accounts:
    """One endpoint for several accounts.

    Args:
        home: the account of the caller's own credentials.
        caller: the role session that those credentials are, such as ``assumed-role/AuditorHub/auditor``.
        builders: account id -> what builds it; each is called once, when somebody first asks the account.
        lifetime: how long sessions live; None for ever, as SDKs compare it with the real clock.
    """

    home: Application
    caller: str
    builders: Mapping[str, Callable[[], Application]]
    lifetime: timedelta | None = None
    _built: dict[str, Application] = field(default_factory=dict)
    _keys: dict[str, str] = field(default_factory=dict)
    _sessions: dict[str, str] = field(default_factory=dict)

    @property
    def about(self) -> Mapping[str, Any]:
        """What the child says when it is ready."""
        return self.home.about

    @property
    def faults(self) -> Any:
        """The faults of all accounts."""
        return self.home.faults

    def __call__(self, request: Request) -> Answer:
        """Answer one request, as the account whose key signed it."""
        if request.path.startswith(CONTROL):
            return self.home(request)
        key = calls.access_key_of(request)
        return self.account(self._keys.get(key, self.home.account))(request)

    def account(self, name: str) -> Application:
        """Return one account, built when nobody asked for it before."""
        if name == self.home.account:
            return self._with_sessions(self.home)
        if name not in self._built:
            made = self.builders[name]()
            made.faults, made.objects = self.home.faults, self.home.objects
            self._built[name] = made
        return self._with_sessions(self._built[name])

    def _with_sessions(self, application: Application) -> Application:
        application.overlay["sts:AssumeRole"] = self._assume
        application.overlay["sts:GetCallerIdentity"] = self._identity
        return application

    def _session(self, key: str) -> tuple[str, str]:
        """Return account and role session of an access key."""
        return self._keys.get(key, self.home.account), self._sessions.get(key, self.caller)

    def _identity(self, call: Call) -> dict[str, Any]:
        account, session = self._session(call.access_key)
        _, role, name = session.split("/", 2)
        arn = f"arn:aws:sts::{account}:{session}"
        return {"UserId": f"{principal_id('AROA', role)}:{name}", "Account": account, "Arn": arn}

    def _assume(self, call: Call) -> dict[str, Any]:
        """Hand out a session of a role, when it is there and its trust policy lets this caller in."""
        asked = call.parameters
        arn, name = str(asked["RoleArn"]), str(asked["RoleSessionName"])
        account, _, rest = arn.removeprefix("arn:aws:iam::").partition(":role/")
        caller = self._identity(call)
        if account not in {*self.builders, self.home.account} or not self._trusts(arn, account, caller, asked):
            why = f"User: {caller['Arn']} is not authorized to perform: sts:AssumeRole on resource: {arn}"
            raise Refused("AccessDenied", why, 403)
        if int(asked.get("DurationSeconds") or 0) > CHAINED_SECONDS:
            why = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
            raise Refused("ValidationError", why, 400)
        session = f"assumed-role/{rest.rpartition('/')[2]}/{name}"
        key = principal_id("ASIA", f"{account}/{session}")[:20]
        self._keys[key], self._sessions[key] = account, session
        end = FAR if self.lifetime is None else clock.now() + self.lifetime
        return {
            "Credentials": {
                "AccessKeyId": key,
                "SecretAccessKey": SECRET_KEY,
                "SessionToken": "simulated-session-token",
                "Expiration": end,
            },
            "AssumedRoleUser": {
                "AssumedRoleId": f"{principal_id('AROA', rest)}:{name}",
                "Arn": f"arn:aws:sts::{account}:{session}",
            },
        }

    def _trusts(self, arn: str, account: str, caller: Mapping[str, str], asked: Mapping[str, Any]) -> bool:
        """Tell whether a trust policy names the caller's role and the external id; other conditions are not read."""
        self.account(account)
        role = next((item for item in iam_backends[account]["aws"].roles.values() if item.arn == arn), None)
        if role is None:
            return False
        mine = f"arn:aws:iam::{caller['Account']}:role/{caller['Arn'].split('/')[1]}"
        root = f"arn:aws:iam::{caller['Account']}:root"
        for statement in _statements(role.assume_role_policy_document):
            principals = statement.get("Principal", {}).get("AWS", ())
            named = {principals} if isinstance(principals, str) else set(principals)
            equal = statement.get("Condition", {}).get("StringEquals", {})
            external = equal.get("sts:ExternalId")
            if named & {mine, root} and (external is None or external == asked.get("ExternalId")):
                return not asked.get("SourceIdentity") or "sts:SetSourceIdentity" in statement["Action"]
        return False


def _statements(document: Any) -> list[dict[str, Any]]:
    import json

    read = json.loads(document) if isinstance(document, str) else document
    return list(read["Statement"])
