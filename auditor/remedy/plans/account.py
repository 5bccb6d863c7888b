"""Remedies for settings of a whole account or Region."""

from collections.abc import Mapping
from typing import Any, Final

from auditor.remedy.change import Asked, Finding, Look, Remedy, Stage, Step
from auditor.remedy.known import Known, Unknown, told

_FIELDS: Final = (
    "MinimumPasswordLength",
    "RequireSymbols",
    "RequireNumbers",
    "RequireUppercaseCharacters",
    "RequireLowercaseCharacters",
    "AllowUsersToChangePassword",
    "MaxPasswordAge",
    "PasswordReusePrevention",
    "HardExpiry",
)
"""Every field of the call, which replaces the whole policy (IAM API, ``UpdateAccountPasswordPolicy``)."""
_ASKED: Final = {
    "iam-password-min-length": ("MinimumPasswordLength", 14),
    "iam-password-reuse-24": ("PasswordReusePrevention", 24),
}
_BLOCKS: Final = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def password_policy(finding: Finding, known: Known) -> Remedy:
    """Raise what the failed controls ask for; every other field stays as it is."""
    page = known.page("iam:GetAccountPasswordPolicy")
    before: Mapping[str, Any] = page.get("PasswordPolicy") or {}
    wanted = {name: least for control, (name, least) in _ASKED.items() if control in known.failing}
    after = _given(before)
    after |= {name: max(least, int(after.get(name) or 0)) for name, least in wanted.items()}
    after = {name: after[name] for name in _FIELDS if name in after}
    now = Look(
        "iam",
        "GetAccountPasswordPolicy",
        {},
        f"PasswordPolicy.[{', '.join(_FIELDS)}]",
        ("NoSuchEntity",),
    )
    step = Step(
        Stage.SETTING,
        "the password policy of the account: " + ", ".join(f"{name} {value}" for name, value in wanted.items()),
        "iam",
        "UpdateAccountPasswordPolicy",
        known.home,
        after,
        expects=now,
        expected=tuple(dict.fromkeys((*(_seen(before) if before else ("",)), *_seen(_stored(after))))),
    )
    old = _given(before)
    undo = (
        Step(Stage.SETTING, "the policy as it was", "iam", "UpdateAccountPasswordPolicy", known.home, old)
        if before
        else Step(
            Stage.SETTING,
            "no policy, as it was",
            "iam",
            "DeleteAccountPasswordPolicy",
            known.home,
            {},
            tolerated=("NoSuchEntity",),
        )
    )
    kept = ", ".join(f"{name} {told(before[name])}" for name in _FIELDS if before.get(name) is not None)
    return Remedy(
        finding,
        f"A password policy with {kept}." if before else "The account has no password policy of its own.",
        (step,),
        (undo,),
        "The call replaces the whole policy, so all fields are given. Rules hold from the next change of a password.",
        "nothing",
    )


def _given(policy: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an answer as the call takes them: a number that is not set is left out, never 0."""
    return {name: policy[name] for name in _FIELDS if isinstance(policy.get(name), bool) or policy.get(name)}


def _stored(policy: Mapping[str, Any]) -> dict[str, Any]:
    """Return a policy as IAM answers it: what was not given is false, or absent where it is a number."""
    flags = {name: False for name in _FIELDS if name.startswith(("Require", "Allow", "Hard"))}
    return {**flags, **policy}


def _seen(policy: Mapping[str, Any]) -> tuple[str, ...]:
    """Return how a policy is printed; a number that is not set may be left out of the answer, or be 0."""
    numbers = ("MaxPasswordAge", "PasswordReusePrevention")
    return tuple(
        "\t".join(unset if name in numbers and not policy.get(name) else told(policy.get(name)) for name in _FIELDS)
        for unset in ("None", "0")
    )


def security_contact(finding: Finding, known: Known) -> Remedy:
    """Register a contact whose details a person gives."""
    known.page("account:GetAlternateContact", AlternateContactType="SECURITY")
    kind = {"AlternateContactType": "SECURITY"}
    step = Step(
        Stage.SETTING,
        "the security contact of the account",
        "account",
        "PutAlternateContact",
        known.home,
        {
            **kind,
            "Name": Asked("SECURITY_NAME", "the name of the security contact, better a team than a person"),
            "Title": Asked("SECURITY_TITLE", "the title of the security contact"),
            "EmailAddress": Asked("SECURITY_EMAIL", "the address of the security contact, better a list"),
            "PhoneNumber": Asked("SECURITY_PHONE", "the telephone number of the security contact"),
        },
    )
    undo = Step(Stage.SETTING, "no security contact, as it was", "account", "DeleteAlternateContact", known.home, kind)
    return Remedy(
        finding, "No security contact.", (step,), (undo,), "AWS writes to this address about abuse.", "nothing"
    )


def public_access(finding: Finding, known: Known) -> Remedy:
    """Block public access for the whole account, which covers every bucket."""
    page = known.page("s3control:GetPublicAccessBlock")
    before: Mapping[str, Any] = page.get("PublicAccessBlockConfiguration") or {}
    step = Step(
        Stage.SETTING,
        "block public access to every bucket of the account",
        "s3control",
        "PutPublicAccessBlock",
        known.home,
        {"AccountId": known.account, "PublicAccessBlockConfiguration": dict.fromkeys(_BLOCKS, True)},
    )
    old = {"AccountId": known.account}
    undo = (
        Step(
            Stage.SETTING,
            "the setting as it was",
            "s3control",
            "PutPublicAccessBlock",
            known.home,
            {**old, "PublicAccessBlockConfiguration": {name: bool(before.get(name)) for name in _BLOCKS}},
        )
        if before
        else Step(Stage.SETTING, "no setting, as it was", "s3control", "DeletePublicAccessBlock", known.home, old)
    )
    exists = ", ".join(f"{name} {told(before.get(name))}" for name in _BLOCKS)
    return Remedy(
        finding,
        f"The account has {exists}." if before else "The account has no setting of its own.",
        (step,),
        (undo,),
        "Public web sites and downloads served from buckets stop at once.",
        "nothing",
        alternatives="The same on the one bucket (`aws s3api put-public-access-block`) closes this finding alone.",
    )


def volume_encryption(finding: Finding, known: Known) -> Remedy:
    """Encrypt new volumes of a Region by default."""
    known.page("ec2:GetEbsEncryptionByDefault", finding.region)
    where = finding.region
    step = Step(Stage.SETTING, f"encrypt new volumes in {where}", "ec2", "EnableEbsEncryptionByDefault", where, {})
    undo = Step(Stage.SETTING, f"no default in {where}, as it was", "ec2", "DisableEbsEncryptionByDefault", where, {})
    return Remedy(
        finding,
        "New volumes of this Region are not encrypted unless somebody asks for it.",
        (step,),
        (undo,),
        "New volumes only; those that are there stay as they are. Launch templates with foreign keys can fail.",
        "nothing; a key of your own 1.00 USD",
    )


def key_rotation(finding: Finding, known: Known) -> Remedy:
    """Rotate the one key."""
    key = finding.resource
    keys = {str(page["KeyMetadata"]["Arn"]) for page in known.pages("kms:DescribeKey", finding.region)}
    if key not in keys:
        raise Unknown(f"the pack does not describe the key {key}")
    step = Step(Stage.KEY, f"rotate {key}", "kms", "EnableKeyRotation", finding.region, {"KeyId": key})
    undo = Step(Stage.KEY, f"stop rotating {key}", "kms", "DisableKeyRotation", finding.region, {"KeyId": key})
    return Remedy(
        finding,
        "The key is there; its rotation is off.",
        (step,),
        (undo,),
        "Old material stays available for decryption; nothing has to be encrypted again.",
        "1.00 USD for each of the first two rotations that are kept",
    )
